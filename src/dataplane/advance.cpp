// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/advance.h"

#include "dataplane/checksums.h"
#include "dataplane/connections.h"
#include "dataplane/host_path.h"
#include "dataplane/passage.h"
#include "dataplane/persistence.h"
#include "dataplane/sync_offer.h"

namespace shunt {

namespace {

/// The column of the state tables, and the end of a server's silence.
template <class F>
TcpSide side_of(Conn<F>& conn, Direction direction) noexcept {
    // Without a branch, as directions come mixed.
    static_assert(static_cast<unsigned>(TcpSide::client_only) == 2 &&
                  static_cast<unsigned>(TcpSide::from_server) == 1);
    const unsigned server = direction == Direction::from_server;
    const unsigned silent = conn.server_silent & (server ^ 1U);
    conn.server_silent = silent != 0;
    return static_cast<TcpSide>(server | silent << 1);
}

template <class F>
void come_to_life(WorkerState& worker, Conn<F>& conn) noexcept {
    worker.newcomers.completed();
    assure<F>(worker, conn);
}

template <class F>
void advance_sctp(WorkerState& worker, Conn<F>& conn, std::uint8_t chunk,
                  Direction direction) noexcept {
    const auto before = static_cast<SctpState>(conn.state);
    const SctpState state = sctp_next(before, side_of(conn, direction), sctp_event(chunk));
    restart_timer(worker, conn, worker.snapshot->timeouts.sctp_in(state));
    if (state == before) return;
    conn.state = static_cast<std::uint8_t>(state);
    count_active<F>(worker, conn, sctp_active(state));
    worker.conns<F>().set_half_open(conn, sctp_half_open(state));
    if (state == SctpState::established) come_to_life<F>(worker, conn);
}

template <class F>
void advance_udp(WorkerState& worker, Conn<F>& conn, Direction direction) noexcept {
    restart_timer(worker, conn, udp_timeout(conn, worker.timeout_rules()));
    // An answer, or a second datagram of a client whose server is not heard here.
    if (conn.half_open && (direction == Direction::from_server || conn.packets_in > 0)) {
        worker.conns<F>().set_half_open(conn, false);
        worker.newcomers.completed();
    }
    if (direction == Direction::from_server) assure<F>(worker, conn);
}

/// The rare condition of begins_anew() comes first: then the connection is not even looked at.
bool may_begin(const PacketMeta& meta) noexcept {
    return (meta.tcp_flags & TcpHeader::syn) != 0 || meta.sctp_chunk == SctpChunkHeader::init;
}

/// Has the server of a client's packet gone, and its connections with it (expire_nodest_conn)?
template <class F>
bool is_orphan(const WorkerState& worker, const Claimed<F>& claim) noexcept {
    return !claim.conn->server_available && claim.direction == Direction::from_client &&
           worker.tunables().expire_nodest_conn != 0;
}

/// Left to a card that is not there: a server's SYN/ACK shows it, before the client waits in vain.
template <class F>
bool partial_checksum(const rte_mbuf* packet, const PacketMeta& meta,
                      Direction direction) noexcept {
    return (meta.tcp_flags & TcpHeader::syn) != 0 && direction == Direction::from_server &&
           has_partial_checksum<F>(packet, meta);
}

/// Disposes of a packet that goes no further, uncounted. A reply passes the host's forwarding rules
/// before it is the balancer's; a request is the balancer's first, and stage_forward() judges it.
template <class F>
bool refused(WorkerState& worker, rte_mbuf* packet, PacketMeta& meta,
             const Claimed<F>& claim) noexcept {
    if (!claim.conn->server_available && claim.direction == Direction::from_client) [[unlikely]] {
        worker.drop(packet, DropReason::destination_removed);
        return true;
    }
    if (partial_checksum<F>(packet, meta, claim.direction)) [[unlikely]] {
        worker.drop(packet, DropReason::partial_checksum);
        return true;
    }
    // What a server answers past the balancer is the host's to judge.
    const bool untouched =
        claim.conn->method != ForwardMethod::nat && claim.direction == Direction::from_server;
    return !untouched && !meta.passed && !passes<F>(packet, meta, claim) &&
           claim.direction == Direction::from_server && !may_pass<F>(worker, packet, meta, claim);
}

}  // namespace

template <class F>
void advance_tcp(WorkerState& worker, Conn<F>& conn, std::uint8_t flags,
                 Direction direction) noexcept {
    const auto before = static_cast<TcpState>(conn.state);
    const TcpState state =
        tcp_next(before, side_of(conn, direction), tcp_event(flags), worker.defence.tcp());
    restart_timer(worker, conn, tcp_timeout(conn, state, worker.timeout_rules()));
    if (state == before) return;
    conn.state = static_cast<std::uint8_t>(state);
    count_active<F>(worker, conn, tcp_active(state));
    worker.conns<F>().set_half_open(conn, tcp_half_open(state));
    if (state == TcpState::established) come_to_life<F>(worker, conn);
}

template <class F>
Progress advance(WorkerState& worker, Batch& batch, const Claimed<F>& claim) noexcept {
    Conn<F>& conn = *claim.conn;
    PacketMeta& meta = batch.meta[claim.place];
    if (conn.generation != worker.snapshot->generation) [[unlikely]]
        refresh_connection<F>(worker, conn);
    const bool aside = conn.aside && claim.direction == Direction::from_client;
    if (aside && worker.snapshot->is_only_backup()) [[unlikely]] {
        pass_by<F>(worker, batch, batch.packets[claim.place], meta);
        return Progress::disposed;
    }
    if (conn.replaced || is_orphan(worker, claim) ||
        (may_begin(meta) && conn.packets_in != 0 &&
         begins_anew<F>(worker, conn, meta, claim.direction))) [[unlikely]] {
        conn.replaced = true;
        return Progress::late;
    }
    if (refused<F>(worker, batch.packets[claim.place], meta, claim)) [[unlikely]]
        return Progress::disposed;
    if (conn.server_available) worker.counters_of(conn.dest).count(claim.direction, meta.l3_length);
    if (conn.protocol == Protocol::tcp)
        advance_tcp<F>(worker, conn, meta.tcp_flags, claim.direction);
    else if (conn.protocol == Protocol::sctp)
        advance_sctp<F>(worker, conn, meta.sctp_chunk, claim.direction);
    else if (!conn.one_packet)
        advance_udp<F>(worker, conn, claim.direction);
    conn.packets_in += claim.direction == Direction::from_client ? 1 : 0;
    if (aside) [[unlikely]]
        offer_to_sync<F>(worker, conn);
    return Progress::goes_on;
}

template void advance_tcp(WorkerState&, Conn<Ipv4>&, std::uint8_t, Direction) noexcept;
template void advance_tcp(WorkerState&, Conn<Ipv6>&, std::uint8_t, Direction) noexcept;
template Progress advance(WorkerState&, Batch&, const Claimed<Ipv4>&) noexcept;
template Progress advance(WorkerState&, Batch&, const Claimed<Ipv6>&) noexcept;

}  // namespace shunt
