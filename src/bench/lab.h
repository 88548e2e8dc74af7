// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The benchmark's world: one balancer with one port, one service, clients behind a gateway, and
// real servers: on the link, or behind a router when tunnels lead to them. Numbers become addresses
// here and nowhere else.
#include <bit>
#include <cstdint>
#include <memory>

#include "bench/method.h"
#include "dataplane/snapshot.h"
#include "net/tuple.h"

namespace shunt::bench {

inline constexpr unsigned server_count = 16;
inline constexpr PortId lab_port{0};
inline constexpr MacAddress balancer_mac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr MacAddress gateway_mac{{0x02, 0, 0, 0, 0, 0xFE}};
inline constexpr MacAddress router_mac{{0x02, 0, 0, 0, 0, 0xFD}};
inline constexpr L4Port service_port{std::uint16_t{80}};
inline constexpr L4Port server_port{std::uint16_t{8080}};  ///< with NAT; else the service's
inline constexpr L4Port gue_port{std::uint16_t{6080}};

constexpr MacAddress server_mac(unsigned server) noexcept {
    return {{0x02, 0, 0, 0, 0x01, static_cast<std::uint8_t>(server)}};
}

template <class F>
typename F::Address virtual_address() noexcept;
template <class F>
typename F::Address server_address(unsigned server) noexcept;
/// The same server as it is to be reached by tunnel.
template <class F>
typename F::Address tunnel_server_address(unsigned server) noexcept;
/// The balancer's own on the link.
template <class F>
typename F::Address balancer_address() noexcept;

/// What tells one client's endpoint from another: the last four bytes of its address, and its port.
struct Client {
    Be32 suffix;
    L4Port port;
};

/// The client's address with a suffix of zero.
template <class F>
typename F::Address client_network() noexcept;

/// The client of a flow: no two flows have the same, and neighbouring flows look unrelated.
inline Client client_of(std::uint32_t flow) noexcept {
    // The finalizer of MurmurHash3: a bijection of 32 bits.
    std::uint32_t x = flow ^ (flow >> 16);
    x *= 0x85EBCA6BU;
    x ^= x >> 13;
    x *= 0xC2B2AE35U;
    x ^= x >> 16;
    // 10.x.x.x has 24 bits of x, the port the other 8 and 6 again. On the wire the first byte is
    // the lowest one of a raw word.
    static_assert(std::endian::native == std::endian::little);
    return {.suffix = Be32::from_raw((x & ~0xFFU) | 10U),
            .port = L4Port(
                Be16::from_raw(static_cast<std::uint16_t>((x << 8) | 0x40U | ((x >> 8) & 0x3FU))))};
}

/// The flow that a client belongs to.
inline std::uint32_t flow_of(Client client) noexcept {
    std::uint32_t x =
        (client.suffix.raw() & ~0xFFU) | static_cast<std::uint32_t>(client.port.be.raw() >> 8);
    x ^= x >> 16;
    x *= 0x7ED1B41DU;  // the inverse of 0xC2B2AE35
    x ^= (x >> 13) ^ (x >> 26);
    x *= 0xA5CB9243U;  // the inverse of 0x85EBCA6B
    x ^= x >> 16;
    return x;
}

/// The client's whole address.
template <class F>
typename F::Address client_address(Client client) noexcept {
    auto address = client_network<F>();
    std::memcpy(reinterpret_cast<char*>(&address) + sizeof(address) - sizeof(client.suffix),
                &client.suffix, sizeof(client.suffix));
    return address;
}

/// Services, routes and neighbours of both families as a worker's first snapshot. Throws
/// std::runtime_error when memory is short.
std::unique_ptr<const Snapshot> lab_snapshot(const Scheduler& scheduler, const Method& method);

}  // namespace shunt::bench
