// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/connections.h"

#include "dataplane/resolve.h"

namespace shunt {

template <class F>
void refresh_connection(WorkerState& worker, Conn<F>& conn) noexcept {
    conn.server_available = worker.services().slot(conn.dest).available;
    for (const auto direction : {Direction::from_client, Direction::from_server})
        conn.next_hop[static_cast<std::size_t>(direction)] =
            find_way<F>(worker.network(), conn.target(direction),
                        flow_hash(worker, conn, direction))
                .next_hop;
    conn.generation = worker.snapshot->generation;
}

template <class F>
void uncount_connection(WorkerState& worker, const Conn<F>& conn) noexcept {
    DestCounters& dest = worker.counters_of(conn.dest);
    dest.total.sub();
    if (conn.counted_active) dest.active.sub();
}

template <class F>
void count_active(WorkerState& worker, Conn<F>& conn, bool active) noexcept {
    if (conn.counted_active == active) return;
    conn.counted_active = active;
    Gauge& gauge = worker.counters_of(conn.dest).active;
    active ? gauge.add() : gauge.sub();
}

template void refresh_connection<Ipv4>(WorkerState&, Conn<Ipv4>&) noexcept;
template void refresh_connection<Ipv6>(WorkerState&, Conn<Ipv6>&) noexcept;
template void uncount_connection<Ipv4>(WorkerState&, const Conn<Ipv4>&) noexcept;
template void uncount_connection<Ipv6>(WorkerState&, const Conn<Ipv6>&) noexcept;
template void count_active<Ipv4>(WorkerState&, Conn<Ipv4>&, bool) noexcept;
template void count_active<Ipv6>(WorkerState&, Conn<Ipv6>&, bool) noexcept;

}  // namespace shunt
