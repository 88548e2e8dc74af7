// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What any router asks of a packet before it goes on: a route, time to live, the MTU of the way
// (ipvs-behaviour 1.9-1.11); and the padding that stays behind.
#include "dataplane/worker.h"

namespace shunt {

/// Decrements the TTL of a packet of a connection that may go on. Otherwise the packet is dropped,
/// its sender told by ICMP, and false returned.
///
/// Toward the server the TTL is decremented before the MTU is judged, and an error quotes what is
/// left; replies are judged as ordinary forwarding does, before anything is changed.
template <class F>
bool may_pass(WorkerState& worker, rte_mbuf* packet, PacketMeta& meta,
              const Claimed<F>& claim) noexcept;

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
