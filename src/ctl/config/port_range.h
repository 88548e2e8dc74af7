// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Ranges of ports as text: "80", or "1024-65535" with both ends in it.
#include <optional>
#include <string>
#include <string_view>

#include "service/mark_rules.h"

namespace shunt::ctl {

/// Nothing for text that is not exactly one range, or one that ends before it begins.
std::optional<PortRange> parse_port_range(std::string_view text);

std::string to_string(const PortRange& range);

}  // namespace shunt::ctl
