// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// IPv4 options, as far as a router has to refuse some (RFC 791 3.1, RFC 1812 5.2.4, 5.3.13).
#include <cstddef>
#include <optional>
#include <span>

#include "base/drop_reason.h"

namespace shunt {

/// Why a packet with these options must be dropped: one is longer than it can be, or asks for a
/// route of the sender's choice, which hosts refuse by default. Nothing when they are in order.
[[nodiscard]] std::optional<DropReason> refuse_options(std::span<const std::byte> options) noexcept;

}  // namespace shunt
