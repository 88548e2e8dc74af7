// SPDX-License-Identifier: BSD-3-Clause
// Stage 4: a packet without a connection opens one, goes to the host, or is refused
// (ipvs-behaviour 1.4, 1.5, 1.6, 2.2, 2.10, 2.12).
#include "dataplane/admit_rules.h"
#include "dataplane/app_hook.h"
#include "dataplane/checksums.h"
#include "dataplane/connections.h"
#include "dataplane/expected.h"
#include "dataplane/host_path.h"
#include "dataplane/icmp_error.h"
#include "dataplane/passage.h"
#include "dataplane/persistence.h"
#include "dataplane/stages.h"
#include "dataplane/sync_offer.h"

namespace shunt {

namespace {

/// What wants a connection.
template <class F>
struct Opening {
    const Batch& batch;
    rte_mbuf* packet;
    const PacketMeta& meta;
    const FlowTuple<F>& tuple;  ///< from the client
    std::uint32_t hash;         ///< of the tuple
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

template <class F>
const VirtualService* find_service(WorkerState& worker, const Opening<F>& what) noexcept {
    if (what.tuple.source_port == ftp_data_port) return nullptr;
    // Connections are opened by what comes in; the host's own packets only answer.
    if (what.batch.from_host || worker.snapshot->is_only_backup()) return nullptr;
    if (!what.by_error && !begins(worker.tunables(), what.meta, what.tuple.protocol))
        return nullptr;
    const ServiceQuestion<F> question{.address = what.tuple.destination,
                                      .mark = worker.mark_of<F>(what.batch.port, what.tuple),
                                      .port = what.tuple.destination_port,
                                      .protocol = what.tuple.protocol};
    auto& recent = worker.recent<F>().service;
    const std::uint32_t generation = worker.snapshot->generation;
    if (const auto* known = recent.find(question, generation)) return *known;
    const VirtualService* service = worker.services().template find<F>(
        question.mark, question.protocol, question.address, question.port);
    recent.keep(question, generation, service);
    return service;
}

/// What schedulers are told of the packet. An ICMP error quotes an answer, and those that choose by
/// destination take its destination, the client, as Linux does (sched-*-icmp of the oracle).
template <class F>
SchedulingKey key_of(const Opening<F>& what) noexcept {
    SchedulingKey key = SchedulingKey::of<F>(what.tuple);
    if (what.by_error) {
        key.destination = key.client;
        key.destination_address = what.tuple.source;
    }
    return key;
}

/// Where the scheduler lets a packet go; nothing when no server may get it.
template <class F>
const RealServer* choose(const WorkerState& worker, const VirtualService& service,
                         const Opening<F>& what) noexcept {
    if (!takes_port<F>(service, what.tuple)) return nullptr;
    const auto choice = service.choose(
        worker.loads(), [&] { return key_of<F>(what); }, worker.now, worker.tunables());
    return choice ? &service.servers[*choice] : nullptr;
}

/// The connection that a packet takes the place of is over; nothing of it is kept.
template <class F>
void end_connection(WorkerState& worker, Conn<F>& conn) noexcept {
    uncount_connection<F>(worker, conn);
    worker.conns<F>().erase(conn);
}

/// Files the connection that `make()` returns among those of the table. When half-open ones have
/// their share, or there is no more room, the oldest of them goes for it.
template <class F, class Make>
Conn<F>* insert(WorkerState& worker, Make&& make, std::uint32_t client_hash) noexcept {
    ConnTable<F>& table = worker.conns<F>();
    const auto share = static_cast<std::uint64_t>(worker.tunables().half_open_share);
    const bool full = is_full<F>(worker);
    if ((full || std::uint64_t{table.half_open()} * 100 >= table.capacity() * share) &&
        !evict_half_open<F>(worker) && full)
        return nullptr;
    Conn<F>* filed = table.insert(client_hash, make);
    if (filed != nullptr) table.set_half_open(*filed, true);
    return filed;
}

/// Files the connection that `make()` returns, or, when each packet is one of its own, keeps it for
/// this burst. `client_hash`: of its tuple from the client.
template <class F, class Make>
Conn<F>* file(WorkerState& worker, bool one_packet, std::uint32_t client_hash, std::uint8_t place,
              Make&& make) noexcept {
    Conn<F>* filed = nullptr;
    if (one_packet) {
        filed = &(worker.one_packet<F>()[place] = make());
        filed->one_packet = true;
    } else {
        filed = insert<F>(worker, make, client_hash);
        if (filed == nullptr) return nullptr;
        count_connection<F>(worker, *filed);
    }
    // As in IPVS, which counts what its schedulers place.
    if (filed->method != ForwardMethod::bypass && !filed->expected)
        worker.counters_of(filed->dest).connections.add();
    refresh_connection<F>(worker, *filed);
    return filed;
}

/// No server for a packet of a service (1.6): what becomes of the packet. Null: it was disposed of.
template <class F>
Conn<F>* leave(WorkerState& worker, const VirtualService& service, const Opening<F>& what,
               std::uint8_t place) noexcept {
    if (!what.by_error && may_bypass<F>(worker, service, what.tuple)) {
        Conn<F>* conn = file<F>(worker, is_one_packet<F>(service, what.tuple), what.hash, place,
                                [&] { return connection_past_servers<F>(worker, what.tuple); });
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

/// Files a connection of the service to this target. Null: there is no room.
template <class F>
Conn<F>* file_to(WorkerState& worker, const VirtualService& service, const FlowTuple<F>& tuple,
                 std::uint32_t hash, const std::optional<Target>& target,
                 std::uint8_t place) noexcept {
    if (!target) return nullptr;
    const bool one_packet = is_one_packet<F>(service, tuple);
    if (one_packet) offer_template_to_sync(worker, target->affinity);
    const Target of_conn{target->dest, target->port, one_packet ? no_affinity : target->affinity};
    Conn<F>* filed = file<F>(worker, one_packet, hash, place,
                             [&] { return connection_to<F>(worker, of_conn, tuple); });
    if (filed == nullptr || one_packet) let_go(worker, target->affinity);
    return filed;
}

/// Files a connection for the packet. Null: there is no room, and the packet is dropped.
template <class F>
Conn<F>* connect(WorkerState& worker, const VirtualService& service, const Opening<F>& what,
                 const std::optional<Target>& target, std::uint8_t place) noexcept {
    Conn<F>* filed = file_to<F>(worker, service, what.tuple, what.hash, target, place);
    if (filed == nullptr)
        worker.drop(what.packet, DropReason::connections_full);
    else if (!what.by_error)
        bind_app<F>(worker, *filed, what.meta);
    return filed;
}

/// Why a new connection may not begin now.
template <class F>
std::optional<DropReason> kept_out(WorkerState& worker, const VirtualService& service,
                                   const Opening<F>& what) noexcept {
    if (is_martian_source<F>(worker, what.tuple.source)) return DropReason::martian;
    if (!what.by_error && what.tuple.protocol != Protocol::sctp &&
        has_partial_checksum<F>(what.packet, what.meta))
        return DropReason::partial_checksum;
    if (!worker.defence.allows(what.tuple.source, worker.now, worker.tunables(),
                               worker.shared.workers))
        return DropReason::prefix_limited;
    if (worker.defence.refuses()) return DropReason::refused_by_defence;
    if (!is_one_packet<F>(service, what.tuple) && !worker.newcomers.admits())
        return DropReason::worker_busy;
    return std::nullopt;
}

/// The same as open() below for a persistent service.
template <class F>
Conn<F>* open_tied(WorkerState& worker, const VirtualService& service, const Opening<F>& what,
                   std::uint8_t place) noexcept {
    const auto data = engine_data<F>(service, what.packet, what.meta);
    if (!data) {
        worker.drop(what.packet, DropReason::no_call_id);
        return nullptr;
    }
    if (const auto tied = tied_target<F>(worker, service, what.tuple, *data))
        return connect<F>(worker, service, what, tied, place);
    const RealServer* server = choose<F>(worker, service, what);
    if (server == nullptr) return leave<F>(worker, service, what, place);
    return connect<F>(worker, service, what, tie<F>(worker, service, what.tuple, *server, *data),
                      place);
}

/// A new connection for the packet, or null when the packet was disposed of.
template <class F>
Conn<F>* open(WorkerState& worker, const VirtualService& service, const Opening<F>& what,
              std::uint8_t place) noexcept {
    if (const auto reason = kept_out<F>(worker, service, what)) {
        worker.drop(what.packet, *reason);
        return nullptr;
    }
    if (service.persistence) return open_tied<F>(worker, service, what, place);
    const RealServer* server = choose<F>(worker, service, what);
    if (server == nullptr) return leave<F>(worker, service, what, place);
    return connect<F>(worker, service, what, target_of<F>(*server, what.tuple), place);
}

/// Does a packet leave this host by ordinary forwarding, as far as its end and its life tell?
template <class F>
bool goes_on(const WorkerState& worker, const Opening<F>& what) noexcept {
    return (what.batch.from_host || what.meta.ttl > 1) &&
           worker.network().route<F>(what.tuple.destination, 0).kind == Route<F>::Kind::via;
}

/// A server of a persistence engine begins a call: the connection is as if the client had called
/// (1.8 step 6, 5.5). Null: it does not, or there is no room; the packet is untouched.
template <class F>
Conn<F>* open_for_server(WorkerState& worker, const Opening<F>& what, std::uint8_t place) noexcept {
    if (what.by_error || !what.meta.has_ports || what.tuple.protocol != Protocol::udp)
        return nullptr;
    const auto* caller =
        worker.services().template find_caller<F>(what.tuple.source, what.tuple.source_port);
    if (caller == nullptr || !goes_on<F>(worker, what)) return nullptr;
    const VirtualService& service = *caller->service;
    const auto data = engine_data<F>(service, what.packet, what.meta);
    if (!data) return nullptr;
    const FlowTuple<F> tuple{.source = what.tuple.destination,
                             .destination = F::of(service.key.endpoint.address),
                             .source_port = what.tuple.destination_port,
                             .destination_port = service.key.endpoint.port,
                             .protocol = Protocol::udp};
    const auto target = tie_to_caller<F>(worker, service, tuple, *caller->server, *data);
    // A connection that stays tells the template itself (2.9).
    if (target && service.one_packet) worker.shared.affinity->assure(target->affinity);
    return file_to<F>(worker, service, tuple, worker.conns<F>().hash(tuple), target, place);
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

/// May the packet begin a connection that was announced?
template <class F>
bool may_be_expected(const WorkerState& worker, const Opening<F>& what) noexcept {
    return worker.shared.expectations != nullptr && worker.shared.expectations->waits() &&
           !what.by_error && !what.batch.from_host && !worker.snapshot->is_only_backup();
}

/// Opens the connection that another one has announced. `disposed`: there was one, but no room for
/// it, and the packet is dropped.
template <class F>
ConnRef<F> open_expected(WorkerState& worker, const Opening<F>& what, std::uint8_t place,
                         bool& disposed) noexcept {
    const auto expected = expected_connection<F>(worker, what.meta, what.tuple);
    if (!expected) return {};
    const std::uint32_t hash = expected->direction == Direction::from_client
                                   ? what.hash
                                   : worker.conns<F>().hash(expected->conn, Direction::from_client);
    Conn<F>* conn = file<F>(worker, false, hash, place, [&] { return expected->conn; });
    disposed = conn == nullptr;
    if (disposed) {
        release_expected<F>(worker, expected->conn);
        worker.drop(what.packet, DropReason::connections_full);
    } else {
        worker.apps.counters.data_connections.add();
    }
    return {conn, expected->direction};
}

/// A packet of no living connection: opens one, which is returned, or is disposed of.
template <class F>
ConnRef<F> admit(WorkerState& worker, const Opening<F>& what, Conn<F>* replaced,
                 std::uint8_t place) noexcept {
    const VirtualService* service = find_service<F>(worker, what);
    if (replaced != nullptr) end_connection<F>(worker, *replaced);
    if (may_be_expected<F>(worker, what)) [[unlikely]] {
        bool disposed = false;
        const ConnRef<F> found = open_expected<F>(worker, what, place, disposed);
        if (found.conn != nullptr || disposed) return found;
    }
    if (service != nullptr) return {open<F>(worker, *service, what, place), Direction::from_client};
    if (Conn<F>* conn = open_for_server<F>(worker, what, place); conn != nullptr)
        return {conn, Direction::from_server};
    if (is_stray_reply<F>(worker, what)) {
        refuse_stray_reply<F>(worker, what);
    } else {
        pass_by<F>(worker, what.batch, what.packet, what.meta);
    }
    return {};
}

}  // namespace

template <class F>
Claimed<F> stage_admit(WorkerState& worker, Batch& batch, std::uint8_t place) noexcept {
    const PacketMeta& meta = batch.meta[place];
    const Opening<F> what{batch,           batch.packets[place], meta,
                          meta.tuple<F>(), batch.hashes[place],  false};
    ConnRef<F> found{};
    if (worker.conns<F>().has_news(what.hash))
        found = worker.conns<F>().find(what.tuple, what.hash);
    if (found.conn == nullptr || found.conn->replaced)
        found = admit<F>(worker, what, found.conn, place);
    return {place, found.direction, batch.port, found.conn};
}

template <class F>
Conn<F>* admit_for_error(WorkerState& worker, const Batch& batch, rte_mbuf* packet,
                         const PacketMeta& meta, const FlowTuple<F>& tuple) noexcept {
    const std::uint32_t hash = worker.conns<F>().hash(tuple);
    return admit<F>(worker, {batch, packet, meta, tuple, hash, true}, nullptr, 0).conn;
}

template Claimed<Ipv4> stage_admit(WorkerState&, Batch&, std::uint8_t) noexcept;
template Claimed<Ipv6> stage_admit(WorkerState&, Batch&, std::uint8_t) noexcept;
template Conn<Ipv4>* admit_for_error(WorkerState&, const Batch&, rte_mbuf*, const PacketMeta&,
                                     const FlowTuple<Ipv4>&) noexcept;
template Conn<Ipv6>* admit_for_error(WorkerState&, const Batch&, rte_mbuf*, const PacketMeta&,
                                     const FlowTuple<Ipv6>&) noexcept;

}  // namespace shunt
