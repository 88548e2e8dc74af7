// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The straight way: what stages 5 to 7 do with the packets that nearly all are, at one go and with
// the same result. They are segments of an established TCP connection without SYN, FIN and RST,
// in plain frames, to a server that is there or, with NAT, from it; the next hop is known, and they
// fit. Fewer questions are asked than in advance.cpp and forward.cpp, and the connection,
// the headers and the next hop are each touched once.
#include "dataplane/advance.h"
#include "dataplane/forwarders.h"
#include "dataplane/passage.h"
#include "dataplane/resolve.h"
#include "dataplane/translation.h"
#include "net/parse_plain.h"

namespace shunt {

namespace straight {

/// Nothing but its timer and counters changes when a segment passes.
template <class F>
bool is_steady(const WorkerState& worker, const Claimed<F>& claim) noexcept {
    const Conn<F>& conn = *claim.conn;
    // No branch on the direction, which would be guessed wrong: directions come mixed.
    const unsigned inbound = claim.direction == Direction::from_client;
    const unsigned heard = inbound | !conn.server_silent;
    return conn.generation == worker.snapshot->generation && conn.is_steady() && !conn.helped &&
           !conn.own_timeouts && heard != 0 && (conn.method == ForwardMethod::nat || inbound != 0);
}

/// A segment of the middle of a connection that goes on as it is.
template <class F>
bool is_plain(const rte_mbuf* packet, const PacketMeta& meta, std::uint16_t fits) noexcept {
    constexpr unsigned decisive = TcpHeader::syn | TcpHeader::fin | TcpHeader::rst | TcpHeader::ack;
    return meta.plain && (meta.tcp_flags & decisive) == TcpHeader::ack && meta.ttl > 1 &&
           !meta.passed && meta.l3_length <= fits &&
           packet->pkt_len == sizeof(EthernetHeader) + meta.l3_length &&
           PacketReader(bytes_of(packet)).holds<plain_headers<F>>(0);
}

/// Writes one hop less into the network header, and the new endpoint with NAT.
template <class F>
[[gnu::always_inline]] inline void rewrite(std::span<std::byte, plain_headers<F>> headers,
                                           std::uint8_t ttl, const Claimed<F>& claim) noexcept {
    using Header = typename F::Header;
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    const auto network = headers.template subspan<l3, sizeof(Header)>();
    write_ttl<F>(network, ttl);
    if (claim.conn->method != ForwardMethod::nat) {
        correct_checksum<F>(network, ttl_down);
        return;
    }
    const Translation<F> to(claim);
    to.write_network(network, ttl_down);
    to.write_tcp(headers.template last<sizeof(TcpHeader)>());
}

}  // namespace straight

/// Takes the packet and returns true when it may go the straight way; else nothing has happened.
template <class F>
[[gnu::always_inline]] inline bool goes_straight(WorkerState& worker, rte_mbuf* packet,
                                                 PacketMeta& meta,
                                                 const Claimed<F>& claim) noexcept {
    Conn<F>& conn = *claim.conn;
    const auto d = static_cast<std::size_t>(claim.direction);
    if (!straight::is_steady<F>(worker, claim) ||
        !straight::is_plain<F>(packet, meta, conn.fits[d])) [[unlikely]]
        return false;
    worker.counters_of(conn.dest).count(claim.direction, meta.l3_length);
    restart_timer<F>(worker, conn, worker.snapshot->timeouts.tcp_in(TcpState::established));
    conn.packets_in += claim.direction == Direction::from_client ? 1 : 0;
    --meta.ttl;
    const auto frame = PacketWriter(first_bytes(packet));
    straight::rewrite<F>(frame.at<plain_headers<F>>(0), meta.ttl, claim);
    if (conn.method == ForwardMethod::tunnel)
        forward_tunnel<F>(worker, packet, meta, claim);
    else
        send_by(worker, worker.network()[conn.next_hop[d]], packet, sizeof(EthernetHeader));
    return true;
}

}  // namespace shunt
