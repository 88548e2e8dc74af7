// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One connection: what a forwarded packet needs, in one cache line for IPv4 and two for IPv6.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/id.h"
#include "base/time.h"
#include "conn/half_open.h"
#include "conn/tcp_state.h"
#include "net/checksum.h"
#include "net/tuple.h"
#include "service/real_server.h"

namespace shunt {

/// The position of a link-layer next hop in the network table of one snapshot.
using NextHopIndex = std::uint16_t;
inline constexpr NextHopIndex no_next_hop = 0xFFFF;

/// The position of a template in the AffinityTable.
using AffinityRef = std::uint32_t;
inline constexpr AffinityRef no_affinity = 0xFFFFFFFF;

/// Owned by its ConnTable; touched by the worker that owns the table only.
template <class F>
struct alignas(64) Conn {
    using Address = typename F::Address;

    // In this order the endpoints of a packet stand side by side for both directions: real and
    // client from the server, client and virtual from the client. `real` is what the server's
    // packets carry: its own endpoint with NAT, the virtual one with every other method.
    Address real;
    Address client;
    Address virtual_address;
    L4Port real_port;
    L4Port client_port;
    L4Port virtual_port;
    // A byte of these three and the next seven in this order, for the word of questions below.
    bool helped : 1 = false;        ///< an application looks into it
    bool own_timeouts : 1 = false;  ///< its service has ServiceTimeouts
    bool aside : 1 = false;         ///< a sync daemon has a say
    std::uint8_t no_flags : 5 = 0;  ///< the rest of the byte, so that it is known
    Protocol protocol = Protocol::none;
    std::uint8_t state = 0;        ///< TcpState for TCP, SctpState for SCTP; 0 for UDP
    bool counted_active = false;   ///< counted in DestCounters::active
    bool server_available = true;  ///< the real server is still in its service
    bool replaced = false;         ///< over: a packet at hand opens another one in its place
    bool server_silent = false;    ///< no packet of the server was seen, nor is one expected (DR)
    ForwardMethod method = ForwardMethod::nat;  ///< that of the server when it was chosen
    bool one_packet : 1 = false;                ///< in no table, gone with its packet
    bool assured : 1 = false;                   ///< its template was told that it came to life
    bool half_open : 1 = false;                 ///< stands in the table's HalfOpenRing
    bool expected : 1 = false;                  ///< announced by another one; has no template
    bool synced : 1 = false;                    ///< made by what another balancer told
    DestId dest;
    TickTime expires;  ///< moved on by every packet
    /// The snapshot in which next_hop and the server's availability were last looked up.
    std::uint32_t generation = 0;
    std::array<NextHopIndex, 2> next_hop{no_next_hop, no_next_hop};  ///< by Direction
    /// By Direction: the largest packet, as it comes in, that goes on whole and by next_hop; 0
    /// while there is no next hop.
    std::array<std::uint16_t, 2> fits{};
    ChecksumDelta address_delta;   ///< virtual -> real address, as a client packet is rewritten
    ChecksumDelta endpoint_delta;  ///< the same with the ports
    std::uint32_t packets_in = 0;
    /// The template that it was made from, and that stays as long as it does; or its expectation.
    AffinityRef affinity = no_affinity;
    HalfOpenPlace half_open_place = 0;

    /// The tuple of packets in direction `d`, as they arrive here.
    [[nodiscard]] FlowTuple<F> tuple(Direction d) const noexcept {
        if (d == Direction::from_client)
            return {.source = client,
                    .destination = virtual_address,
                    .source_port = client_port,
                    .destination_port = virtual_port,
                    .protocol = protocol};
        return {.source = real,
                .destination = client,
                .source_port = real_port,
                .destination_port = client_port,
                .protocol = protocol};
    }

    /// The words of tuple(d).
    [[nodiscard]] TupleWords<F> tuple_words(Direction d) const noexcept {
        return d == Direction::from_client
                   ? shunt::tuple_words<F>(client, virtual_address, client_port, virtual_port,
                                           protocol)
                   : shunt::tuple_words<F>(real, client, real_port, client_port, protocol);
    }

    /// What NAT writes into packets in direction `d`: the server's endpoint as their destination,
    /// or the virtual one as their source. A choice of places, not a branch: directions come mixed,
    /// and would be guessed wrong.
    [[nodiscard]] Address translated_address(Direction d) const noexcept {
        static_assert(offsetof(Conn, virtual_address) == 2 * sizeof(Address));
        Address address;
        std::memcpy(&address,
                    reinterpret_cast<const std::byte*>(this) + offsetof(Conn, real) +
                        static_cast<std::size_t>(d) * 2 * sizeof(Address),
                    sizeof(address));
        return address;
    }
    [[nodiscard]] L4Port translated_port(Direction d) const noexcept {
        static_assert(offsetof(Conn, virtual_port) - offsetof(Conn, real_port) ==
                      2 * sizeof(L4Port));
        L4Port port;
        std::memcpy(&port,
                    reinterpret_cast<const std::byte*>(this) + offsetof(Conn, real_port) +
                        static_cast<std::size_t>(d) * 2 * sizeof(L4Port),
                    sizeof(port));
        return port;
    }

    /// Is it an established TCP connection with a server that is there, in which nobody else has a
    /// say, and do packets in direction `d` belong to the balancer? One comparison.
    [[nodiscard]] bool is_steady(Direction d) const noexcept { return agrees(steady, all, d); }
    /// The same in whatever state.
    [[nodiscard]] bool is_undisturbed(Direction d) const noexcept {
        return agrees(steady, all & ~(0xFFULL << 16 | 0xFFULL << 24), d);
    }

    /// Is `t` the tuple of packets in direction `d`? The same as tuple(d) == t, without making it.
    [[nodiscard]] bool has(const FlowTuple<F>& t, Direction d) const noexcept {
        const std::size_t first = d == Direction::from_client ? 1 : 0;
        const auto* bytes = reinterpret_cast<const std::byte*>(this);
        const auto* addresses = bytes + offsetof(Conn, real) + first * sizeof(Address);
        const auto* ports = bytes + offsetof(Conn, real_port) + first * sizeof(L4Port);
        return std::memcmp(&t.source, addresses, 2 * sizeof(Address)) == 0 &&
               std::memcmp(&t.source_port, ports, 2 * sizeof(L4Port)) == 0 &&
               t.protocol == protocol;
    }

  private:
    // Eight bytes from that of `helped` on as one word.
    static constexpr std::uint64_t all = ~std::uint64_t{0};
    static constexpr std::uint64_t steady =
        static_cast<std::uint64_t>(Protocol::tcp) << 8 |
        static_cast<std::uint64_t>(TcpState::established) << 16 | 1ULL << 24 |  // counted_active
        1ULL << 32;                                                             // server_available

    /// Are these bytes as in `wanted`, where `mask` says? Packets from the server are the
    /// balancer's with NAT only, and with a server that is heard: the last two bytes matter for
    /// them alone. They are shifted out, without a branch on the direction.
    [[nodiscard]] bool agrees(std::uint64_t wanted, std::uint64_t mask,
                              Direction d) const noexcept {
        constexpr std::size_t first = offsetof(Conn, protocol) - 1;
        static_assert(first == offsetof(Conn, virtual_port) + sizeof(L4Port));
        static_assert(
            offsetof(Conn, state) == first + 2 && offsetof(Conn, counted_active) == first + 3 &&
            offsetof(Conn, server_available) == first + 4 &&
            offsetof(Conn, replaced) == first + 5 && offsetof(Conn, server_silent) == first + 6 &&
            offsetof(Conn, method) == first + 7);
        static_assert(ForwardMethod::nat == ForwardMethod{0});
        static_assert(std::endian::native == std::endian::little);
        std::uint64_t word;
        std::memcpy(&word, reinterpret_cast<const std::byte*>(this) + first, sizeof(word));
        const unsigned shift = d == Direction::from_client ? 16 : 0;
        return ((word ^ wanted) & mask) << shift == 0;
    }
};
static_assert(sizeof(Conn<Ipv4>) == 64 && sizeof(Conn<Ipv6>) == 128);

}  // namespace shunt
