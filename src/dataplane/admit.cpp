// SPDX-License-Identifier: BSD-3-Clause
// Stage 4: a packet without a connection opens one, goes to the host, or is refused
// (ipvs-behaviour 1.4, 1.5, 1.6, 2.2, 2.10, 2.12).
#include "dataplane/checksums.h"
#include "dataplane/connections.h"
#include "dataplane/host_path.h"
#include "dataplane/icmp_error.h"
#include "dataplane/passage.h"
#include "dataplane/persistence.h"
#include "dataplane/stages.h"

namespace shunt {

namespace {

/// What wants a connection.
template <class F>
struct Opening {
    const Batch& batch;
    rte_mbuf* packet;
    const PacketMeta& meta;
    const FlowTuple<F>& tuple;  ///< from the client
    bool by_error;              ///< not the packet itself, but the one that an ICMP error quotes
};

bool is_reset(const PacketMeta& meta, Protocol protocol) noexcept {
    return protocol == Protocol::tcp
               ? (meta.tcp_flags & TcpHeader::rst) != 0
               : protocol == Protocol::sctp && meta.sctp_chunk == SctpChunkHeader::abort;
}

/// Is this a packet that connections begin with?
bool begins(const Tunables& tunables, const PacketMeta& meta, Protocol protocol) noexcept {
    if (!meta.has_ports || is_reset(meta, protocol)) return false;
    if (protocol == Protocol::tcp)
        return (meta.tcp_flags & TcpHeader::syn) != 0 || tunables.sloppy_tcp != 0;
    if (protocol == Protocol::sctp)
        return meta.sctp_chunk == SctpChunkHeader::init || tunables.sloppy_sctp != 0;
    return true;
}

/// Can nobody on the wire have this address, which a packet names as its source? For IPv6 the host
/// tells less about its own addresses, as Linux does.
template <class F>
bool is_martian_source(const WorkerState& worker, const typename F::Address& source) noexcept {
    if (source.is_loopback() || source.is_multicast()) return true;
    if constexpr (std::is_same_v<F, Ipv6>)
        return false;
    else
        return source.is_unspecified() || source.is_broadcast() ||
               worker.network().route<F>(source, 0).kind == Route<F>::Kind::local;
}

template <class F>
const VirtualService* find_service(const WorkerState& worker, const Opening<F>& what) noexcept {
    if (what.tuple.source_port == ftp_data_port) return nullptr;
    // Connections are opened by what comes in; the host's own packets only answer.
    if (what.batch.from_host) return nullptr;
    if (!what.by_error && !begins(worker.tunables(), what.meta, what.tuple.protocol))
        return nullptr;
    return worker.services().template find<F>(worker.mark_of<F>(what.batch.port, what.tuple),
                                              what.tuple.protocol, what.tuple.destination,
                                              what.tuple.destination_port);
}

/// Does the service, found by the fallback for FTP data, take this port at all? It does not unless
/// it is persistent (1.5 step 5).
template <class F>
bool takes_port(const VirtualService& service, const FlowTuple<F>& tuple) noexcept {
    return service.persistence || service.key.mark != Mark{} ||
           service.key.endpoint.port == tuple.destination_port;
}

/// May the packet be for something else on the host than FTP data (1.6 step 3)?
template <class F>
bool is_beside_ftp(const VirtualService& service, const FlowTuple<F>& tuple) noexcept {
    return service.key.mark == Mark{} && service.key.endpoint.port == ftp_port &&
           tuple.destination_port != ftp_port;
}

template <class F>
Conn<F> new_connection(const FlowTuple<F>& tuple, TickTime now) noexcept {
    Conn<F> conn;
    conn.client = tuple.source;
    conn.client_port = tuple.source_port;
    conn.virtual_address = conn.real = tuple.destination;
    conn.virtual_port = conn.real_port = tuple.destination_port;
    conn.protocol = tuple.protocol;
    conn.expires = now + initial_timeout;
    return conn;
}

/// Where the scheduler lets a packet go; nothing when no server may get it.
template <class F>
const RealServer* choose(const WorkerState& worker, const VirtualService& service,
                         const FlowTuple<F>& tuple) noexcept {
    if (!takes_port<F>(service, tuple)) return nullptr;
    const auto choice = service.choose(worker.loads(), SchedulingKey::of<F>(tuple));
    return choice ? &service.servers[*choice] : nullptr;
}

template <class F>
std::optional<Target> target_of(const RealServer& server, const FlowTuple<F>& tuple) noexcept {
    const L4Port own = server.endpoint.port;
    return Target{.dest = server.id, .port = own != L4Port{} ? own : tuple.destination_port};
}

template <class F>
Conn<F> connection_to(const WorkerState& worker, const Target& target,
                      const FlowTuple<F>& tuple) noexcept {
    const ServiceTable::DestSlot& server = worker.services().slot(target.dest);
    Conn<F> conn = new_connection<F>(tuple, worker.now);
    conn.dest = target.dest;
    conn.affinity = target.affinity;
    conn.method = server.forward;
    conn.server_silent = server.forward != ForwardMethod::nat;
    if (server.forward != ForwardMethod::nat) return conn;
    conn.real = F::of(server.endpoint.address);
    conn.real_port = target.port;
    conn.address_delta = ChecksumDelta::replace(conn.virtual_address, conn.real);
    conn.endpoint_delta =
        conn.address_delta + ChecksumDelta::replace(conn.virtual_port, conn.real_port);
    return conn;
}

template <class F>
Conn<F> connection_past_servers(const WorkerState& worker, const FlowTuple<F>& tuple) noexcept {
    Conn<F> conn = new_connection<F>(tuple, worker.now);
    conn.dest = worker.no_server();
    conn.method = ForwardMethod::bypass;
    conn.server_silent = true;
    return conn;
}

/// The connection that a packet takes the place of is over; nothing of it is kept.
template <class F>
void end_connection(WorkerState& worker, Conn<F>& conn) noexcept {
    uncount_connection<F>(worker, conn);
    worker.conns<F>().erase(conn);
}

/// Files a connection, or, when each packet is one of its own, keeps it for this burst.
template <class F>
Conn<F>* file(WorkerState& worker, const Conn<F>& conn, std::uint8_t place) noexcept {
    Conn<F>* filed = nullptr;
    if (conn.one_packet) {
        filed = &(worker.one_packet<F>()[place] = conn);
    } else {
        filed = worker.conns<F>().insert(conn);
        if (filed == nullptr) return nullptr;
        count_connection<F>(worker, conn);
    }
    if (conn.method != ForwardMethod::bypass) worker.counters_of(conn.dest).connections.add();
    refresh_connection<F>(worker, *filed);
    return filed;
}

/// May a service without usable server let the packet go to its own destination (1.6 step 2)?
template <class F>
bool may_bypass(const WorkerState& worker, const VirtualService& service,
                const Opening<F>& what) noexcept {
    return worker.tunables().cache_bypass != 0 && service.key.mark != Mark{} && !what.by_error &&
           !not_one_host(what.tuple.destination) &&
           worker.network().route<F>(what.tuple.destination, 0).kind == Route<F>::Kind::via;
}

/// No server for a packet of a service (1.6): what becomes of the packet. Null: it was disposed of.
template <class F>
Conn<F>* leave(WorkerState& worker, const VirtualService& service, const Opening<F>& what,
               std::uint8_t place) noexcept {
    if (may_bypass<F>(worker, service, what)) {
        Conn<F>* conn = file<F>(worker, connection_past_servers<F>(worker, what.tuple), place);
        if (conn == nullptr) worker.drop(what.packet, DropReason::connections_full);
        return conn;
    }
    if (is_beside_ftp<F>(service, what.tuple)) {
        pass_by<F>(worker, what.batch, what.packet, what.meta);
        return nullptr;
    }
    if (!what.by_error)
        send_icmp_error<F>(worker, what.packet, what.meta, IcmpError::port_unreachable);
    worker.drop(what.packet, DropReason::no_destination);
    return nullptr;
}

/// Files a connection for the packet. Null: there is no room, and the packet is dropped.
template <class F>
Conn<F>* connect(WorkerState& worker, const VirtualService& service, const Opening<F>& what,
                 const std::optional<Target>& target, std::uint8_t place) noexcept {
    Conn<F>* filed = nullptr;
    if (target) {
        Conn<F> conn = connection_to<F>(worker, *target, what.tuple);
        conn.one_packet = service.one_packet && what.tuple.protocol == Protocol::udp;
        if (conn.one_packet) conn.affinity = no_affinity;
        filed = file<F>(worker, conn, place);
        if (filed == nullptr || conn.one_packet) let_go(worker, target->affinity);
    }
    if (filed == nullptr) worker.drop(what.packet, DropReason::connections_full);
    return filed;
}

/// A new connection for the packet, or null when the packet was disposed of.
template <class F>
Conn<F>* open(WorkerState& worker, const VirtualService& service, const Opening<F>& what,
              std::uint8_t place) noexcept {
    if (is_martian_source<F>(worker, what.tuple.source)) {
        worker.drop(what.packet, DropReason::martian);
        return nullptr;
    }
    if (!what.by_error && what.tuple.protocol != Protocol::sctp &&
        has_partial_checksum<F>(what.packet, what.meta)) {
        worker.drop(what.packet, DropReason::partial_checksum);
        return nullptr;
    }
    if (service.persistence)
        if (const auto tied = tied_target<F>(worker, service, what.tuple))
            return connect<F>(worker, service, what, tied, place);
    const RealServer* server = choose<F>(worker, service, what.tuple);
    if (server == nullptr) return leave<F>(worker, service, what, place);
    const auto target = service.persistence ? tie<F>(worker, service, what.tuple, *server)
                                            : target_of<F>(*server, what.tuple);
    return connect<F>(worker, service, what, target, place);
}

/// A server's packet of no connection may be answered, so that the server forgets it (1.8 step 7).
template <class F>
bool is_stray_reply(const WorkerState& worker, const Opening<F>& what) noexcept {
    return worker.tunables().nat_icmp_send != 0 && !what.batch.from_host && what.meta.has_ports &&
           !is_reset(what.meta, what.tuple.protocol) &&
           worker.services().template is_real<F>(what.tuple.source, what.tuple.source_port);
}

/// Forwarding comes first for a reply: its TTL goes down before it is found to be nobody's.
template <class F>
void refuse_stray_reply(WorkerState& worker, const Opening<F>& what) noexcept {
    PacketMeta meta = what.meta;
    if (meta.ttl <= 1) {
        send_icmp_error<F>(worker, what.packet, meta, IcmpError::time_exceeded);
        worker.drop(what.packet, DropReason::ttl_expired);
        return;
    }
    decrement_ttl<F>(what.packet, meta);
    send_icmp_error<F>(worker, what.packet, meta, IcmpError::port_unreachable);
    worker.drop(what.packet, DropReason::no_connection);
}

/// A packet of no living connection: opens one, which is returned, or is disposed of.
template <class F>
Conn<F>* admit(WorkerState& worker, const Opening<F>& what, Conn<F>* replaced,
               std::uint8_t place) noexcept {
    const VirtualService* service = find_service<F>(worker, what);
    if (replaced != nullptr) end_connection<F>(worker, *replaced);
    if (service != nullptr) return open<F>(worker, *service, what, place);
    if (is_stray_reply<F>(worker, what)) {
        refuse_stray_reply<F>(worker, what);
    } else {
        pass_by<F>(worker, what.batch, what.packet, what.meta);
    }
    return nullptr;
}

}  // namespace

template <class F>
ClaimedList<F> stage_admit(WorkerState& worker, Batch& batch, PlaceList& unclaimed) noexcept {
    ClaimedList<F> admitted;
    std::size_t taken = 0;
    for (const auto place : unclaimed) {
        const PacketMeta& meta = batch.meta[place];
        const Opening<F> what{batch, batch.packets[place], meta, meta.tuple<F>(), false};
        const ConnRef<F> known = worker.conns<F>().find(what.tuple);
        if (known.conn != nullptr && !known.conn->replaced) {
            admitted.push({place, known.direction, batch.port, known.conn});
        } else if (!admitted.empty()) {
            break;
        } else if (Conn<F>* conn = admit<F>(worker, what, known.conn, place); conn != nullptr) {
            admitted.push({place, Direction::from_client, batch.port, conn});
        }
        ++taken;
    }
    unclaimed.drop_front(taken);
    return admitted;
}

template <class F>
Conn<F>* admit_for_error(WorkerState& worker, const Batch& batch, rte_mbuf* packet,
                         const PacketMeta& meta, const FlowTuple<F>& tuple) noexcept {
    return admit<F>(worker, {batch, packet, meta, tuple, true}, nullptr, 0);
}

template ClaimedList<Ipv4> stage_admit(WorkerState&, Batch&, PlaceList&) noexcept;
template ClaimedList<Ipv6> stage_admit(WorkerState&, Batch&, PlaceList&) noexcept;
template Conn<Ipv4>* admit_for_error(WorkerState&, const Batch&, rte_mbuf*, const PacketMeta&,
                                     const FlowTuple<Ipv4>&) noexcept;
template Conn<Ipv6>* admit_for_error(WorkerState&, const Batch&, rte_mbuf*, const PacketMeta&,
                                     const FlowTuple<Ipv6>&) noexcept;

}  // namespace shunt
