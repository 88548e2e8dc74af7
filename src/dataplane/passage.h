// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What any router asks of a packet before it goes on: a route, time to live, the MTU of the way
// (ipvs-behaviour 1.9-1.11); and the padding that stays behind.
#include "dataplane/worker.h"

namespace shunt {

/// The change to an IPv4 header checksum when the TTL, the first byte of its word, goes down by
/// one.
inline constexpr ChecksumDelta ttl_down =
    ChecksumDelta::replace(std::array<std::uint8_t, 2>{1, 0}, std::array<std::uint8_t, 2>{0, 0});

/// Writes the TTL or hop limit; the checksum stays as it is.
template <class F>
void write_ttl(std::span<std::byte, sizeof(typename F::Header)> header, std::uint8_t ttl) noexcept {
    using Header = typename F::Header;
    if constexpr (std::is_same_v<F, Ipv4>)
        store<offsetof(Header, ttl)>(header, ttl);
    else
        store<offsetof(Header, hop_limit)>(header, ttl);
}

/// Writes the checksum of an IPv4 header after a change.
template <class F>
void correct_checksum([[maybe_unused]] std::span<std::byte, sizeof(typename F::Header)> header,
                      [[maybe_unused]] ChecksumDelta change) noexcept {
    if constexpr (std::is_same_v<F, Ipv4>) {
        const auto sum = load<std::uint16_t, offsetof(Ipv4Header, checksum)>(header);
        store<offsetof(Ipv4Header, checksum)>(header, change.apply(sum));
    }
}

/// Writes the TTL or hop limit one lower, and the header checksum with it.
template <class F>
void decrement_ttl(rte_mbuf* packet, PacketMeta& meta) noexcept {
    using Header = typename F::Header;
    const auto header = PacketWriter(first_bytes(packet)).fixed<sizeof(Header)>(meta.l3_offset);
    if (!header) return;  // parse() has read this header
    --meta.ttl;
    write_ttl<F>(*header, meta.ttl);
    correct_checksum<F>(*header, ttl_down);
}

/// The common case of may_pass(), which is to be asked when this says no: the next hop is known,
/// the packet lives and fits. The same for both directions. Sets meta.passed.
template <class F>
bool passes(rte_mbuf* packet, PacketMeta& meta, const Claimed<F>& claim) noexcept {
    const auto fits = claim.conn->fits[static_cast<std::size_t>(claim.direction)];
    if (meta.ttl <= 1 || meta.l3_length > fits || meta.fragment == FragmentKind::joined)
        [[unlikely]]
        return false;
    decrement_ttl<F>(packet, meta);
    meta.passed = true;
    return true;
}

/// Decrements the TTL of a packet of a connection that may go on, and sets meta.passed. Otherwise
/// the packet is dropped, its sender told by ICMP, and false returned.
///
/// A packet whose other end is this host itself keeps its TTL, whatever its length.
/// Toward the server the TTL is decremented before the MTU is judged, and an error quotes what is
/// left; replies are judged as ordinary forwarding does, before anything is changed.
template <class F>
bool may_pass(WorkerState& worker, rte_mbuf* packet, PacketMeta& meta,
              const Claimed<F>& claim) noexcept;

/// May a packet for this host itself go there? One that is not rewritten has to be for an address
/// of the host already, and nothing goes round in a circle (ipvs-behaviour 1.9).
template <class F>
bool may_stay(const WorkerState& worker, const Conn<F>& conn, Direction direction) noexcept;

/// Cuts off what the link layer appended behind the network packet.
inline void trim_padding(rte_mbuf* packet, const PacketMeta& meta) noexcept {
    const std::uint32_t length = meta.l3_offset + std::uint32_t{meta.l3_length};
    if (packet->pkt_len == length) return;
    rte_mbuf* last = packet;
    std::uint32_t left = length;
    std::uint16_t segments = 1;
    for (; left > last->data_len; ++segments) {
        left -= last->data_len;
        last = last->next;
    }
    last->data_len = static_cast<std::uint16_t>(left);
    rte_pktmbuf_free(std::exchange(last->next, nullptr));
    packet->nb_segs = segments;
    packet->pkt_len = length;
}

}  // namespace shunt
