// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Bytes as text and back (RFC 4648 section 4, with padding). Pure functions.
#include <optional>
#include <string>
#include <string_view>

namespace shunt {

std::string to_base64(std::string_view bytes);
/// Nothing for text that to_base64() does not write.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace shunt
