// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/resolve.h"

#include <rte_ring_elem.h>

namespace shunt {

namespace {

/// A request that finds the ring full, or the control thread unwilling to ask so soon again, is
/// repeated while packets wait.
template <class F>
void ask_for(WorkerState& worker, const Route<F>& route) noexcept {
    ResolveRequest request{.ifindex = route.ifindex, .address = route.gateway};
    rte_ring_enqueue_elem(worker.shared.resolve_requests.get(), &request, sizeof(request));
}

template <class F>
void hold(WorkerState& worker, rte_mbuf* packet, const Route<F>& route,
          const typename F::Address& target, std::uint32_t flow_hash) noexcept {
    if (worker.held.full()) {
        worker.drop(packet, DropReason::hold_queue_full);
        return;
    }
    worker.held.push({.packet = packet,
                      .target = target,
                      .flow_hash = flow_hash,
                      .until = worker.now + HoldQueue::patience});
    worker.counters.held.add();
    ask_for<F>(worker, route);
}

/// One packet that waits: sent, given up, or left waiting (false).
template <class F>
bool retry(WorkerState& worker, const HoldQueue::Item& item) noexcept {
    const NetTable& network = worker.network();
    const Way<F> way = find_way<F>(network, F::of(item.target), item.flow_hash);
    const bool known = way.next_hop != no_next_hop;
    if (way.exists() && !known && item.until > worker.now) {
        ask_for<F>(worker, way.route);
        return false;
    }
    worker.counters.resumed.add();
    if (known)
        send_by(worker, network[way.next_hop], item.packet, 0);
    else
        worker.drop(item.packet,
                    way.exists() ? DropReason::neighbour_unresolved : DropReason::no_route);
    return true;
}

}  // namespace

template <class F>
void route_and_send(WorkerState& worker, rte_mbuf* packet, const typename F::Address& target,
                    std::uint32_t flow_hash) noexcept {
    const NetTable& network = worker.network();
    const Way<F> way = find_way<F>(network, target, flow_hash);
    if (!way.exists())
        worker.drop(packet, DropReason::no_route);
    else if (way.next_hop == no_next_hop)
        hold<F>(worker, packet, way.route, target, flow_hash);
    else
        send_by(worker, network[way.next_hop], packet, 0);
}

void retry_held(WorkerState& worker) noexcept {
    worker.held.retry([&](const HoldQueue::Item& item) noexcept {
        return item.target.family() == Family::ipv4 ? retry<Ipv4>(worker, item)
                                                    : retry<Ipv6>(worker, item);
    });
}

template void route_and_send<Ipv4>(WorkerState&, rte_mbuf*, const Ipv4Address&,
                                   std::uint32_t) noexcept;
template void route_and_send<Ipv6>(WorkerState&, rte_mbuf*, const Ipv6Address&,
                                   std::uint32_t) noexcept;

}  // namespace shunt
