// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Address families as types, and the flow tuple that keys connections. Code that is the same for
// IPv4 and IPv6 is written once as a template over Ipv4 or Ipv6.
#include <array>
#include <bit>
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

/// The bytes of a FlowTuple as words.
template <class F>
using TupleWords = std::array<std::uint64_t, sizeof(FlowTuple<F>) / sizeof(std::uint64_t)>;

/// The words of the tuple of these. It is not put together in memory: what was just written in
/// pieces is slow to read as a whole.
template <class F>
[[nodiscard]] constexpr TupleWords<F> tuple_words(const typename F::Address& source,
                                                  const typename F::Address& destination,
                                                  L4Port source_port, L4Port destination_port,
                                                  Protocol protocol) noexcept {
    static_assert(std::endian::native == std::endian::little);
    const std::uint64_t last = std::bit_cast<std::uint16_t>(source_port) |
                               std::uint32_t{std::bit_cast<std::uint16_t>(destination_port)} << 16 |
                               static_cast<std::uint64_t>(protocol) << 32;
    if constexpr (sizeof(source) == sizeof(std::uint32_t)) {
        return {std::bit_cast<std::uint32_t>(source) |
                    std::uint64_t{std::bit_cast<std::uint32_t>(destination)} << 32,
                last};
    } else {
        using Words = std::array<std::uint64_t, 2>;
        const auto from = std::bit_cast<Words>(source);
        const auto to = std::bit_cast<Words>(destination);
        return {from[0], from[1], to[0], to[1], last};
    }
}

/// Which way a packet of a connection goes.
enum class Direction : std::uint8_t {
    from_client,  ///< toward the real server; "inbound" in IPVS words
    from_server,  ///< back to the client; "outbound"
};

}  // namespace shunt
