// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Address families as types, and the flow tuple that keys connections. Code that is the same for
// IPv4 and IPv6 is written once as a template over Ipv4 or Ipv6.
#include <cstdint>
#include <type_traits>

#include "net/address.h"
#include "net/headers.h"

namespace shunt {

struct Ipv4 {
    using Address = Ipv4Address;
    using Header = Ipv4Header;
    static constexpr Family family = Family::ipv4;
    static constexpr EtherType ether_type = EtherType::ipv4;
    static constexpr Protocol icmp = Protocol::icmp;
    [[nodiscard]] static constexpr const Address& of(const IpAddress& a) noexcept { return a.v4(); }
};

struct Ipv6 {
    using Address = Ipv6Address;
    using Header = Ipv6Header;
    static constexpr Family family = Family::ipv6;
    static constexpr EtherType ether_type = EtherType::ipv6;
    static constexpr Protocol icmp = Protocol::icmpv6;
    [[nodiscard]] static constexpr const Address& of(const IpAddress& a) noexcept { return a.v6(); }
};

/// Source and destination as a packet carries them. No byte of it is padding, so that it may be
/// hashed and compared as bytes.
template <class F>
struct FlowTuple {
    typename F::Address source;
    typename F::Address destination;
    L4Port source_port;
    L4Port destination_port;
    Protocol protocol = Protocol::none;
    std::array<std::uint8_t, 3> zero{};

    bool operator==(const FlowTuple&) const noexcept = default;
};
static_assert(sizeof(FlowTuple<Ipv4>) == 16 && sizeof(FlowTuple<Ipv6>) == 40);

/// Which way a packet of a connection goes.
enum class Direction : std::uint8_t {
    from_client,  ///< toward the real server; "inbound" in IPVS words
    from_server,  ///< back to the client; "outbound"
};

}  // namespace shunt
