// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/connections.h"

#include "dataplane/app_hook.h"
#include "dataplane/expected.h"
#include "dataplane/forwarders.h"
#include "dataplane/persistence.h"
#include "dataplane/resolve.h"

namespace shunt {

namespace {

/// `flow_hash`: a function, as NetTable::way_ahead() takes it.
template <class Hash>
WayAhead way_to_server(WorkerState& worker, DestId dest, Hash&& flow_hash) noexcept {
    return recall_way(worker.recent_servers.of(dest), dest, worker.snapshot->generation, [&] {
        const IpAddress& server = worker.services().slot(dest).endpoint.address;
        return server.family() == Family::ipv4
                   ? worker.network().way_ahead<Ipv4>(server.v4(), flow_hash)
                   : worker.network().way_ahead<Ipv6>(server.v6(), flow_hash);
    });
}

/// That of packets from the client, whatever the method.
template <class F>
WayAhead way_to_destination(WorkerState& worker, const Conn<F>& conn) noexcept {
    const auto hash = [&] { return flow_hash(worker, conn, Direction::from_client); };
    if (conn.method == ForwardMethod::bypass) [[unlikely]]
        return worker.network().way_ahead<F>(conn.virtual_address, hash);
    WayAhead way = way_to_server(worker, conn.dest, hash);
    if (conn.method == ForwardMethod::tunnel && way.kind == WayAhead::Kind::via)
        way.fits = tunnel_fits(*worker.snapshot, conn.dest, way.fits);
    return way;
}

template <class F>
WayAhead way_to_client_of(WorkerState& worker, const Conn<F>& conn) noexcept {
    return way_to_client<F>(worker, conn.client,
                            [&] { return flow_hash(worker, conn, Direction::from_server); });
}

template <class F>
void set_way(Conn<F>& conn, Direction direction, const WayAhead& way) noexcept {
    const auto d = static_cast<std::size_t>(direction);
    conn.next_hop[d] = way.next_hop;
    conn.fits[d] = way.next_hop == no_next_hop ? std::uint16_t{0} : way.fits;
}

/// After a change of a server's connections (ipvs-behaviour 2.11).
template <class F>
void update_overload(WorkerState& worker, const Conn<F>& conn) noexcept {
    if (conn.method == ForwardMethod::bypass || !worker.services().slot(conn.dest).limited) return;
    worker.shared.overload.update(conn.dest, [&] { return worker.loads().total(conn.dest); });
}

/// Is a data connection over, and its tuple announced again, maybe by another server? Direct
/// servers all call from the virtual address, and clients use their ports again.
template <class F>
bool is_announced_anew(const WorkerState& worker, const Conn<F>& conn) noexcept {
    const auto state = static_cast<TcpState>(conn.state);
    const bool over = state == TcpState::time_wait || state == TcpState::close ||
                      (state == TcpState::fin_wait && conn.server_silent);
    return over && worker.shared.expectations->waits() &&
           announced_connection<F>(worker, conn.tuple(Direction::from_client)).has_value();
}

}  // namespace

template <class F>
bool begins_anew(const WorkerState& worker, const Conn<F>& conn, const PacketMeta& meta,
                 Direction direction) noexcept {
    const Tunables& tunables = worker.tunables();
    const bool tcp = conn.protocol == Protocol::tcp;
    const bool opens =
        tcp ? (meta.tcp_flags & TcpHeader::syn) != 0
            : conn.protocol == Protocol::sctp && meta.sctp_chunk == SctpChunkHeader::init;
    if (!opens || direction != Direction::from_client) return false;
    if (conn.expected) return is_announced_anew<F>(worker, conn);
    if (tunables.expire_nodest_conn != 0 && conn.method != ForwardMethod::bypass &&
        worker.services().slot(conn.dest).weight == 0)
        return true;
    if (tunables.conn_reuse_mode == 0 || conn.affinity != no_affinity) return false;
    if (!tcp) return static_cast<SctpState>(conn.state) == SctpState::closed;
    const auto state = static_cast<TcpState>(conn.state);
    return state == TcpState::time_wait || state == TcpState::close ||
           ((tunables.conn_reuse_mode & 2) != 0 && state == TcpState::fin_wait &&
            conn.server_silent);
}

template <class F>
WayAhead way_ahead(WorkerState& worker, const Conn<F>& conn, Direction direction) noexcept {
    return direction == Direction::from_client ? way_to_destination<F>(worker, conn)
                                               : way_to_client_of<F>(worker, conn);
}

template <class F>
void refresh_connection(WorkerState& worker, Conn<F>& conn) noexcept {
    if (conn.method != ForwardMethod::bypass) {
        const DestSlot& server = worker.services().slot(conn.dest);
        conn.server_available = server.available;
        conn.own_timeouts = server.timeouts != ServiceTimeouts{};
    }
    conn.aside = worker.snapshot->sync_feeds != nullptr || worker.snapshot->is_only_backup();
    set_way(conn, Direction::from_client, way_to_destination<F>(worker, conn));
    set_way(conn, Direction::from_server, way_to_client_of<F>(worker, conn));
    conn.generation = worker.snapshot->generation;
}

template <class F>
void count_connection(WorkerState& worker, const Conn<F>& conn) noexcept {
    worker.counters_of(conn.dest).total.add();
    update_overload<F>(worker, conn);
    worker.load_changed(conn.dest);
}

template <class F>
void uncount_connection(WorkerState& worker, const Conn<F>& conn, Ending how) noexcept {
    DestCounters& dest = worker.counters_of(conn.dest);
    dest.total.sub();
    if (conn.counted_active) dest.active.sub();
    if (conn.helped) unbind_app<F>(worker, conn);
    if (conn.expected)
        release_expected<F>(worker, conn);
    else
        how == Ending::forced ? give_up(worker, conn.affinity) : let_go(worker, conn.affinity);
    update_overload<F>(worker, conn);
    worker.load_changed(conn.dest);
}

template <class F>
void count_active(WorkerState& worker, Conn<F>& conn, bool active) noexcept {
    // Without a branch: nobody can guess whether this packet changes it.
    const std::uint32_t before = conn.counted_active;
    conn.counted_active = active;
    worker.counters_of(conn.dest).active.add(active - before);
    worker.load_changed(conn.dest, active ^ before);
}

template bool begins_anew<Ipv4>(const WorkerState&, const Conn<Ipv4>&, const PacketMeta&,
                                Direction) noexcept;
template bool begins_anew<Ipv6>(const WorkerState&, const Conn<Ipv6>&, const PacketMeta&,
                                Direction) noexcept;
template WayAhead way_ahead<Ipv4>(WorkerState&, const Conn<Ipv4>&, Direction) noexcept;
template WayAhead way_ahead<Ipv6>(WorkerState&, const Conn<Ipv6>&, Direction) noexcept;
template void refresh_connection<Ipv4>(WorkerState&, Conn<Ipv4>&) noexcept;
template void refresh_connection<Ipv6>(WorkerState&, Conn<Ipv6>&) noexcept;
template void count_connection<Ipv4>(WorkerState&, const Conn<Ipv4>&) noexcept;
template void count_connection<Ipv6>(WorkerState&, const Conn<Ipv6>&) noexcept;
template void uncount_connection<Ipv4>(WorkerState&, const Conn<Ipv4>&, Ending) noexcept;
template void uncount_connection<Ipv6>(WorkerState&, const Conn<Ipv6>&, Ending) noexcept;
template void count_active<Ipv4>(WorkerState&, Conn<Ipv4>&, bool) noexcept;
template void count_active<Ipv6>(WorkerState&, Conn<Ipv6>&, bool) noexcept;

}  // namespace shunt
