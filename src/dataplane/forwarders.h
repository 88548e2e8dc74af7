// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The forwarding methods, one file each, and what they share. Each takes a packet of a connection
// that may go on (passage.h), rewrites or wraps it, and sends it. Called by stage_forward().
#include "dataplane/connections.h"
#include "dataplane/fragment.h"
#include "dataplane/resolve.h"
#include "dataplane/worker.h"

namespace shunt {

/// forward_nat.cpp: toward the server the destination becomes the real server, back to the client
/// the source becomes the virtual endpoint (ipvs-behaviour 1.12, 1.16).
template <class F>
void forward_nat(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                 const Claimed<F>& claim) noexcept;

/// forward_direct.cpp: nothing but the link-layer header changes (ipvs-behaviour 1.13, 1.15).
template <class F>
void forward_direct(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                    const Claimed<F>& claim) noexcept;

/// forward_tunnel.cpp: wrapped for the server; the outer header may be of the other family
/// (ipvs-behaviour 1.14).
template <class F>
void forward_tunnel(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                    const Claimed<F>& claim) noexcept;

/// What of a way that takes packets of `mtu` bytes is left within the tunnel to a server, a path
/// MTU that was learnt considered; 0 when that is too little (ipvs-behaviour 1.11).
/// forward_tunnel.cpp.
[[nodiscard]] std::uint16_t tunnel_fits(const Snapshot& snapshot, DestId server,
                                        std::uint16_t mtu) noexcept;

/// The longest fragment of a packet with FragmentKind::joined; it travels in the buffer, between
/// workers too. send_on.cpp.
[[nodiscard]] inline std::uint16_t largest_fragment(const rte_mbuf* packet) noexcept {
    return packet->tso_segsz;
}
inline void set_largest_fragment(rte_mbuf* packet, std::uint16_t length) noexcept {
    packet->tso_segsz = length;
}

/// For IPv6 fragments that are made here: a number that does not come again soon, and not from
/// another worker. send_on.cpp.
[[nodiscard]] std::uint32_t next_fragment_id(const WorkerState& worker) noexcept;

/// Out of line: the way is not at hand, or the packet has to be cut.
template <class F>
void send_slowly(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                 const Claimed<F>& claim) noexcept;

/// Sends a finished packet, still at meta.l3_offset, on the way of its connection; to the host when
/// the other end is the host itself. What was put together from fragments, or does not fit, goes in
/// pieces. Takes the packet.
template <class F>
void send_on(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
             const Claimed<F>& claim) noexcept {
    const auto d = static_cast<std::size_t>(claim.direction);
    if (meta.l3_length > claim.conn->fits[d] || meta.fragment == FragmentKind::joined) [[unlikely]]
        send_slowly<F>(worker, packet, meta, claim);
    else
        send_by(worker, worker.network()[claim.conn->next_hop[d]], packet, meta.l3_offset);
}

/// Sends a finished packet that begins with its network header toward `target`, in pieces of at
/// most `limit` bytes when it is longer; with Pieces::as_they_came when it is shorter, too, if each
/// piece can go again so. Waits for the next hop if need be. Takes the packet.
template <class F>
void send_in_pieces(WorkerState& worker, rte_mbuf* packet, const typename F::Address& target,
                    std::uint32_t flow_hash, std::uint16_t limit,
                    Pieces how = Pieces::even) noexcept;

}  // namespace shunt
