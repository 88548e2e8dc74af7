// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What stands between an outer network header and the packet inside: generic UDP encapsulation
// (draft-ietf-intarea-gue), generic routing encapsulation (RFC 2784); nothing for IP in IP (RFC
// 2003, RFC 4213, RFC 2473).
#include <cstdint>

#include "net/byteorder.h"
#include "net/headers.h"
#include "net/tuple.h"

namespace shunt {

// IANA protocol numbers of what is inside, and of what is around it.
template <class F>
inline constexpr std::uint8_t ip_in_ip = F::family == Family::ipv4 ? 4 : 41;
inline constexpr std::uint8_t in_udp = static_cast<std::uint8_t>(Protocol::udp);
inline constexpr std::uint8_t in_gre = 47;

/// Variant 0, a data message, no option words.
struct GueHeader {
    std::uint8_t version_and_words = 0;
    std::uint8_t protocol;
    Be16 flags;
};

struct GreHeader {
    Be16 flags;
    Be16 type;

    static constexpr std::uint16_t has_checksum = 0x8000;
};
static_assert(sizeof(GreHeader) == 4);

struct GreChecksum {
    std::uint16_t sum = 0;
    Be16 reserved;
};
static_assert(sizeof(GreHeader) + sizeof(GreChecksum) <= sizeof(UdpHeader) + sizeof(GueHeader));

/// The most that stands there.
inline constexpr std::size_t most_between = sizeof(UdpHeader) + sizeof(GueHeader);
/// No tunnel adds more, the outer network header included.
inline constexpr std::uint8_t most_tunnel_overhead = sizeof(Ipv6Header) + most_between;

}  // namespace shunt
