// SPDX-License-Identifier: BSD-3-Clause
// A finished packet whose way is not at hand, that has to be cut, or whose other end is this host.
#include "dataplane/forwarders.h"
#include "dataplane/host_path.h"

namespace shunt {

namespace {

/// What a packet that was cut by its sender is cut to again: never into larger pieces than those
/// that came (as Linux does; ipvs-behaviour 1.21).
std::uint16_t piece_limit(const rte_mbuf* packet, const PacketMeta& meta,
                          std::uint16_t fits) noexcept {
    if (meta.fragment != FragmentKind::joined) return fits;
    return std::min(fits, largest_fragment(packet));
}

/// As Linux cuts again what it put together: IPv4 evenly on the way in, else as it came.
template <class F>
Pieces pieces_of(const PacketMeta& meta, Direction direction) noexcept {
    const bool kept = meta.fragment == FragmentKind::joined &&
                      (std::is_same_v<F, Ipv6> || direction == Direction::from_server);
    return kept ? Pieces::as_they_came : Pieces::even;
}

template <class F>
typename F::Address target_of(const WorkerState& worker, const Claimed<F>& claim) noexcept {
    if (claim.direction == Direction::from_server) return claim.conn->client;
    if (claim.conn->method == ForwardMethod::bypass) return claim.conn->virtual_address;
    return F::of(worker.services().slot(claim.conn->dest).endpoint.address);
}

}  // namespace

std::uint32_t next_fragment_id(const WorkerState& worker) noexcept {
    return static_cast<std::uint32_t>(worker.counters.split.value() * worker.shared.workers +
                                      worker.id.value());
}

template <class F>
void send_in_pieces(WorkerState& worker, rte_mbuf* packet, const typename F::Address& target,
                    std::uint32_t flow_hash, std::uint16_t limit, Pieces how) noexcept {
    if (packet->pkt_len <= limit && how == Pieces::even) {
        route_and_send<F>(worker, packet, target, flow_hash);
        return;
    }
    const std::uint16_t pieces = cut<F>(
        packet, limit, worker.shared.pool, next_fragment_id(worker),
        [&](rte_mbuf* piece) noexcept { route_and_send<F>(worker, piece, target, flow_hash); },
        how);
    if (pieces == 0)
        worker.drop(packet, DropReason::no_buffer);
    else
        worker.counters.split.add(pieces - 1U);
}

template <class F>
void send_slowly(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                 const Claimed<F>& claim) noexcept {
    const WayAhead way = way_ahead<F>(worker, *claim.conn, claim.direction);
    if (way.kind == WayAhead::Kind::local) {
        give_to_host<F>(worker, claim.port, packet, meta);
        return;
    }
    const std::uint16_t limit = piece_limit(packet, meta, way.fits);
    const auto how = meta.l3_length <= limit ? Pieces::even : pieces_of<F>(meta, claim.direction);
    rte_pktmbuf_adj(packet, meta.l3_offset);
    send_in_pieces<F>(worker, packet, target_of<F>(worker, claim),
                      flow_hash(worker, *claim.conn, claim.direction), limit, how);
}

template void send_in_pieces<Ipv4>(WorkerState&, rte_mbuf*, const Ipv4Address&, std::uint32_t,
                                   std::uint16_t, Pieces) noexcept;
template void send_in_pieces<Ipv6>(WorkerState&, rte_mbuf*, const Ipv6Address&, std::uint32_t,
                                   std::uint16_t, Pieces) noexcept;
template void send_slowly<Ipv4>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                const Claimed<Ipv4>&) noexcept;
template void send_slowly<Ipv6>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                const Claimed<Ipv6>&) noexcept;

}  // namespace shunt
