// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What an outer network header says of the packet that it is put before (ipvs-behaviour 1.14).
#include "dataplane/tunnel_table.h"
#include "dataplane/worker.h"
#include "net/view.h"

namespace shunt {

// What of the header inside shows outside.
using InnerIpv4 = std::span<const std::byte, sizeof(Ipv4Header)>;
using InnerIpv6 = std::span<const std::byte, sizeof(Ipv6Header)>;

inline std::uint8_t inner_class(InnerIpv4 header) noexcept {
    return load<std::uint8_t, offsetof(Ipv4Header, tos)>(header);
}
inline std::uint8_t inner_class(InnerIpv6 header) noexcept {
    const auto word = load<Be32, offsetof(Ipv6Header, version_class_flow)>(header);
    return static_cast<std::uint8_t>(word.value() >> 20);
}
inline bool is_unbroken(InnerIpv4 header) noexcept {
    const auto fragment = load<Be16, offsetof(Ipv4Header, fragment)>(header);
    return (fragment.raw() & Be16(Ipv4Header::dont_fragment).raw()) != 0;
}
inline bool is_unbroken(InnerIpv6 /*header*/) noexcept {
    return false;
}

/// The class of the outer packet: that of the inner one, but congestion that the inner packet has
/// met is not said again, so that what the tunnel meets can be told apart (RFC 3168 9.1.1).
constexpr std::uint8_t outer_class(std::uint8_t inner) noexcept {
    constexpr std::uint8_t ecn = 3;
    constexpr std::uint8_t congestion_experienced = 3;
    return (inner & ecn) == congestion_experienced ? static_cast<std::uint8_t>(inner & ~1) : inner;
}

/// Identifies the packets of one worker, and with the others' numbers those of the balancer.
inline std::uint16_t next_outer_id(WorkerState& worker) noexcept {
    const std::uint32_t packets = worker.tunnel_ids++;
    return static_cast<std::uint16_t>(packets * worker.shared.workers + worker.id.value());
}

/// What one packet's outer network header says beside what all of its tunnel say.
struct Outer {
    std::uint8_t traffic_class = 0;
    std::uint8_t ttl = 0;
    std::uint16_t length = 0;    ///< of the whole outer packet
    std::uint16_t id = 0;        ///< IPv4
    bool dont_fragment = false;  ///< IPv4
};

/// Fills in what is zero in the tunnel's own header.
[[gnu::always_inline]] inline void fill_in_network(
    const Outer& outer, const TunnelEnds& ends,
    std::span<std::byte, sizeof(Ipv4Header)> header) noexcept {
    const Be16 length(outer.length);
    const Be16 id(outer.id);
    const Be16 fragment(outer.dont_fragment ? Ipv4Header::dont_fragment : std::uint16_t{0});
    store<offsetof(Ipv4Header, tos)>(header, outer.traffic_class);
    store<offsetof(Ipv4Header, total_length)>(header, length);
    store<offsetof(Ipv4Header, id)>(header, id);
    store<offsetof(Ipv4Header, fragment)>(header, fragment);
    store<offsetof(Ipv4Header, ttl)>(header, outer.ttl);
    // The class is the second byte of its word, the TTL the first.
    const Be16 ttl_word(static_cast<std::uint16_t>(outer.ttl << 8));
    const std::uint32_t sum = std::uint32_t{ends.header_sum} + Be16(outer.traffic_class).raw() +
                              length.raw() + id.raw() + fragment.raw() + ttl_word.raw();
    store<offsetof(Ipv4Header, checksum)>(header, static_cast<std::uint16_t>(~fold(sum)));
}

[[gnu::always_inline]] inline void fill_in_network(
    const Outer& outer, const TunnelEnds& /*ends*/,
    std::span<std::byte, sizeof(Ipv6Header)> header) noexcept {
    const std::uint32_t traffic_class = outer.traffic_class;
    store<offsetof(Ipv6Header, version_class_flow)>(header, Be32(6U << 28 | traffic_class << 20));
    store<offsetof(Ipv6Header, payload_length)>(
        header, Be16(static_cast<std::uint16_t>(outer.length - sizeof(Ipv6Header))));
    store<offsetof(Ipv6Header, hop_limit)>(header, outer.ttl);
}

}  // namespace shunt
