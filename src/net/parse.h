// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One pass over a frame's headers: Ethernet, VLAN tags, IPv4 or IPv6, TCP or UDP. What it finds
// stands in PacketMeta, so that no later stage looks for a header again.
#include <cstdint>
#include <optional>

#include "base/drop_reason.h"
#include "net/tuple.h"
#include "net/view.h"

namespace shunt {

enum class NetworkKind : std::uint8_t { other, ipv4, ipv6 };

enum class FragmentKind : std::uint8_t { none, first, later };

/// Valid after parse(); offsets are bytes from the start of the frame.
struct alignas(64) PacketMeta {
    PacketMeta() noexcept : tuple_v4() {}

    std::uint16_t l4_offset = 0;  ///< first byte after the network header(s); IP packets only
    std::uint16_t l3_length = 0;  ///< network header and payload, without Ethernet padding
    std::uint16_t vlan = 0;       ///< VLAN id of the outermost tag; 0 for none
    std::uint8_t l3_offset = 0;   ///< first byte of the network header: 14, 18 or 22
    NetworkKind network = NetworkKind::other;
    FragmentKind fragment = FragmentKind::none;
    bool has_ports = false;  ///< TCP or UDP whose header is whole; else the tuple's ports are zero
    std::uint8_t tcp_flags = 0;
    std::uint8_t ttl = 0;       ///< TTL or hop limit as received
    bool to_group = false;      ///< Ethernet multicast or broadcast
    bool passed = false;        ///< TTL and MTU are in order, the TTL is decremented
    bool stacked_tags = false;  ///< more than one tag, or one of 802.1ad
    MacAddress destination_mac;
    union {
        FlowTuple<Ipv4> tuple_v4;
        FlowTuple<Ipv6> tuple_v6;
    };

    /// Transport header and payload, in bytes.
    [[nodiscard]] std::uint32_t l4_length() const noexcept {
        return l3_offset + std::uint32_t{l3_length} - l4_offset;
    }
    template <class F>
    [[nodiscard]] FlowTuple<F>& tuple() noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return tuple_v4;
        else
            return tuple_v6;
    }
    template <class F>
    [[nodiscard]] const FlowTuple<F>& tuple() const noexcept {
        return const_cast<PacketMeta*>(this)->tuple<F>();
    }
};
static_assert(sizeof(PacketMeta) == 64);

/// Who verifies the IPv4 header checksum: parse(), or the network card has done it already.
enum class HeaderChecksum : std::uint8_t { verify, verified };

/// Fills `meta` from a frame. `frame` holds the contiguous first bytes, `frame_length` says how
/// long the whole frame is. Returns why the frame must be dropped, or nothing when it is sound.
/// Rules: RFC 1122 3.2.1, RFC 8200 4; ipvs-behaviour 1.2 (step 4), 1.4 (short L4 headers).
[[nodiscard]] std::optional<DropReason> parse(
    PacketReader frame, std::uint32_t frame_length, PacketMeta& meta,
    HeaderChecksum header_checksum = HeaderChecksum::verify) noexcept;

}  // namespace shunt
