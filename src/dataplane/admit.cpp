// SPDX-License-Identifier: BSD-3-Clause
// Stage 4: a packet without a connection opens one, goes to the host, or is refused
// (ipvs-behaviour 1.4, 1.5, 1.6, 2.2, 2.10).
#include "dataplane/checksums.h"
#include "dataplane/connections.h"
#include "dataplane/host_path.h"
#include "dataplane/icmp_error.h"
#include "dataplane/stages.h"

namespace shunt {

namespace {

/// FTP servers connect from it; such packets are never balanced.
constexpr L4Port ftp_data_port{std::uint16_t{20}};

template <class F>
bool may_open(const PacketMeta& meta) noexcept {
    const auto& tuple = meta.tuple<F>();
    if (tuple.source_port == ftp_data_port) return false;
    return tuple.protocol != Protocol::tcp ||
           (meta.tcp_flags & (TcpHeader::syn | TcpHeader::rst)) == TcpHeader::syn;
}

template <class F>
Conn<F> make_connection(const FlowTuple<F>& tuple, const RealServer& server,
                        TickTime now) noexcept {
    Conn<F> conn;
    conn.client = tuple.source;
    conn.client_port = tuple.source_port;
    conn.virtual_address = tuple.destination;
    conn.virtual_port = tuple.destination_port;
    conn.real = F::of(server.endpoint.address);
    conn.real_port =
        server.endpoint.port == L4Port{} ? tuple.destination_port : server.endpoint.port;
    conn.protocol = tuple.protocol;
    conn.dest = server.id;
    conn.expires = now + initial_timeout;
    conn.address_delta = ChecksumDelta::replace(conn.virtual_address, conn.real);
    conn.endpoint_delta =
        conn.address_delta + ChecksumDelta::replace(conn.virtual_port, conn.real_port);
    return conn;
}

/// The connection that a SYN takes the place of is over; nothing of it is kept.
template <class F>
void end_connection(WorkerState& worker, Conn<F>& conn) noexcept {
    uncount_connection<F>(worker, conn);
    worker.conns<F>().erase(conn);
}

/// A new connection for the packet, or null when the packet was disposed of.
template <class F>
Conn<F>* open(WorkerState& worker, const VirtualService& service, rte_mbuf* packet,
              const PacketMeta& meta) noexcept {
    const auto& tuple = meta.tuple<F>();
    if (has_partial_checksum<F>(packet, meta)) {
        worker.drop(packet, DropReason::partial_checksum);
        return nullptr;
    }
    const auto choice = service.scheduler->choose(
        service.servers, Loads(worker.shared.dest_counters), *service.state);
    if (!choice) {
        send_icmp_error<F>(worker, packet, meta, IcmpError::port_unreachable);
        worker.drop(packet, DropReason::no_destination);
        return nullptr;
    }
    Conn<F>* conn =
        worker.conns<F>().insert(make_connection<F>(tuple, service.servers[*choice], worker.now));
    if (conn == nullptr) {
        worker.drop(packet, DropReason::connections_full);
        return nullptr;
    }
    DestCounters& dest = worker.counters_of(conn->dest);
    dest.connections.add();
    dest.total.add();
    refresh_connection<F>(worker, *conn);
    return conn;
}

/// A packet of no living connection: opens one, which is returned, or is disposed of.
template <class F>
Conn<F>* admit(WorkerState& worker, PortId port, rte_mbuf* packet, const PacketMeta& meta,
               Conn<F>* replaced) noexcept {
    const auto& tuple = meta.tuple<F>();
    const VirtualService* service =
        may_open<F>(meta) ? worker.services().template find<F>(tuple.protocol, tuple.destination,
                                                               tuple.destination_port)
                          : nullptr;
    if (replaced != nullptr) end_connection<F>(worker, *replaced);
    if (service != nullptr) return open<F>(worker, *service, packet, meta);
    send_to_host(worker, port, packet);
    return nullptr;
}

}  // namespace

template <class F>
ClaimedList<F> stage_admit(WorkerState& worker, Batch& batch, PlaceList& unclaimed) noexcept {
    ClaimedList<F> admitted;
    std::size_t taken = 0;
    for (const auto place : unclaimed) {
        const PacketMeta& meta = batch.meta[place];
        const ConnRef<F> known = worker.conns<F>().find(meta.tuple<F>());
        if (known.conn != nullptr && !known.conn->replaced) {
            admitted.push({place, known.direction, known.conn});
        } else if (!admitted.empty()) {
            break;
        } else if (Conn<F>* conn =
                       admit<F>(worker, batch.port, batch.packets[place], meta, known.conn);
                   conn != nullptr) {
            admitted.push({place, Direction::from_client, conn});
        }
        ++taken;
    }
    unclaimed.drop_front(taken);
    return admitted;
}

template ClaimedList<Ipv4> stage_admit(WorkerState&, Batch&, PlaceList&) noexcept;
template ClaimedList<Ipv6> stage_admit(WorkerState&, Batch&, PlaceList&) noexcept;

}  // namespace shunt
