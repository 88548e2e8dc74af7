// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Samples of dropped packets as `shuntctl drops` shows them to a person. Pure.
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace shunt::cli {

/// The headers of a packet, of which the first bytes are known and which has `length`: "tcp
/// 192.0.2.1:40000 > 192.0.2.10:80 SYN, ttl 64". It may begin with its Ethernet header or with its
/// network header.
std::string packet_text(std::span<const std::byte> bytes, std::uint32_t length);

/// Of the result of the method `drop.list` (docs/protocol.md); `hex`: with the bytes. Throws
/// Unreachable for a result that is not as documented there.
std::string drops_text(const boost::json::value& result, bool hex);

}  // namespace shunt::cli
