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

}  // namespace

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

template <class F>
void route_and_send(WorkerState& worker, rte_mbuf* packet, const typename F::Address& target,
                    std::uint32_t flow_hash) noexcept {
    const NetTable& network = worker.network();
    const Route<F> route = network.route<F>(target, flow_hash);
    if (route.kind != Route<F>::Kind::via) {
        worker.drop(packet, DropReason::no_route);
        return;
    }
    const NextHopIndex next_hop = network.next_hop<F>(route.ifindex, route.gateway);
    if (next_hop == no_next_hop)
        hold<F>(worker, packet, route, target, flow_hash);
    else
        send_by(worker, network[next_hop], packet, 0);
}

namespace {

/// One packet that waits: sent, given up, or left waiting (false).
template <class F>
bool retry(WorkerState& worker, const HoldQueue::Item& item) noexcept {
    const NetTable& network = worker.network();
    const Route<F> route = network.route<F>(F::of(item.target), item.flow_hash);
    const bool via = route.kind == Route<F>::Kind::via;
    const NextHopIndex next_hop =
        via ? network.next_hop<F>(route.ifindex, route.gateway) : no_next_hop;
    if (via && next_hop == no_next_hop && item.until > worker.now) {
        ask_for<F>(worker, route);
        return false;
    }
    worker.counters.resumed.add();
    if (next_hop != no_next_hop)
        send_by(worker, network[next_hop], item.packet, 0);
    else
        worker.drop(item.packet, via ? DropReason::neighbour_unresolved : DropReason::no_route);
    return true;
}

}  // namespace

void retry_held(WorkerState& worker) noexcept {
    worker.held.retry([&](const HoldQueue::Item& item) noexcept {
        return item.target.family() == Family::ipv4 ? retry<Ipv4>(worker, item)
                                                    : retry<Ipv6>(worker, item);
    });
}

template void hold<Ipv4>(WorkerState&, rte_mbuf*, const Route<Ipv4>&, const Ipv4Address&,
                         std::uint32_t) noexcept;
template void hold<Ipv6>(WorkerState&, rte_mbuf*, const Route<Ipv6>&, const Ipv6Address&,
                         std::uint32_t) noexcept;
template void route_and_send<Ipv4>(WorkerState&, rte_mbuf*, const Ipv4Address&,
                                   std::uint32_t) noexcept;
template void route_and_send<Ipv6>(WorkerState&, rte_mbuf*, const Ipv6Address&,
                                   std::uint32_t) noexcept;

}  // namespace shunt
