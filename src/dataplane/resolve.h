// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Stage 7: from a finished network-layer packet to the wire: next hop, link-layer header, transmit
// buffer; or the hold queue while the next hop's link address is not known.
#include "dataplane/worker.h"

namespace shunt {

/// Moves the start of a packet so that a link-layer header of another length fits before its
/// network header. False when there is no room.
inline bool make_room(rte_mbuf* packet, unsigned l3_offset, unsigned l2_length) noexcept {
    const auto change = static_cast<std::uint16_t>(l3_offset > l2_length ? l3_offset - l2_length
                                                                         : l2_length - l3_offset);
    return (l3_offset > l2_length ? rte_pktmbuf_adj(packet, change)
                                  : rte_pktmbuf_prepend(packet, change)) != nullptr;
}

/// Writes the link-layer header of a known next hop before the network header at `l3_offset`, and
/// sends. Takes the packet.
[[gnu::always_inline]] inline void send_by(WorkerState& worker, const NextHop& hop,
                                           rte_mbuf* packet, unsigned l3_offset) noexcept {
    if (hop.l2_length != l3_offset && !make_room(packet, l3_offset, hop.l2_length)) [[unlikely]]
        return worker.drop(packet, DropReason::no_buffer);
    std::byte* frame = first_bytes(packet).data();
    std::memcpy(frame, hop.l2.data(), 14);
    if (hop.l2_length == 18) std::memcpy(frame + 14, hop.l2.data() + 14, 4);
    worker.transmitter.send(DeviceIndex::of_port(hop.port), packet, SendKind::forwarded);
}

/// A route, and its next hop when the link address of that is known.
template <class F>
struct Way {
    Route<F> route;
    NextHopIndex next_hop = no_next_hop;
    [[nodiscard]] bool exists() const noexcept { return route.kind == Route<F>::Kind::via; }
};

/// The way to `target`; `flow_hash` chooses among several, the same for the same flow.
template <class F>
Way<F> find_way(const NetTable& network, const typename F::Address& target,
                std::uint32_t flow_hash) noexcept {
    Way<F> way{.route = network.route<F>(target, flow_hash)};
    if (way.exists()) way.next_hop = network.next_hop<F>(way.route.ifindex, way.route.gateway);
    return way;
}

/// The number that chooses a connection's way in one direction.
template <class F>
std::uint32_t flow_hash(WorkerState& worker, const Conn<F>& conn, Direction direction) noexcept {
    return worker.conns<F>().hash(conn, direction);
}

/// Routes a packet that begins with its network header toward `target` and sends it, or puts it
/// aside until its next hop is known, and asks for that. Takes the packet.
template <class F>
void route_and_send(WorkerState& worker, rte_mbuf* packet, const typename F::Address& target,
                    std::uint32_t flow_hash) noexcept;

/// Tries the packets that wait, and asks again for what they need: to be called for each new
/// snapshot and each tick.
void retry_held(WorkerState& worker) noexcept;

}  // namespace shunt
