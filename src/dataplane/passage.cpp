// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/passage.h"

#include "dataplane/connections.h"
#include "dataplane/forwarders.h"
#include "dataplane/icmp_error.h"

namespace shunt {

namespace {

template <class F>
bool may_be_fragmented(rte_mbuf* packet, const PacketMeta& meta) noexcept {
    if constexpr (std::is_same_v<F, Ipv6>) return false;
    const auto header = PacketReader(first_bytes(packet)).read<Ipv4Header>(meta.l3_offset);
    return header && (header->fragment.value() & Ipv4Header::dont_fragment) == 0;
}

/// Drops a packet that cannot go on, and tells its sender.
template <class F>
bool refuse(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta, IcmpError error,
            DropReason reason, std::uint16_t mtu = 0) noexcept {
    send_icmp_error<F>(worker, packet, meta, error, mtu);
    worker.drop(packet, reason);
    return false;
}

/// Who has no route says so in his own words: for a server behind the balancer it is the host that
/// is missing, for a reply the network.
constexpr IcmpError no_route_error(Direction direction) noexcept {
    return direction == Direction::from_client ? IcmpError::host_unreachable
                                               : IcmpError::net_unreachable;
}

/// Will it fit, in pieces if need be? What was put together from fragments is judged by the
/// longest of them where only its sender may cut.
template <class F>
bool fits(const WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
          const Claimed<F>& claim, std::uint16_t most) noexcept {
    const bool joined = meta.fragment == FragmentKind::joined;
    const bool unasked_tunnel = claim.conn->method == ForwardMethod::tunnel &&
                                worker.snapshot->tunables.pmtu_disc == 0 &&
                                F::family == Family::ipv4;
    if (meta.l3_length <= most || unasked_tunnel) return true;
    // Replies that their sender cut himself fit if the pieces do. IPv4's DF forbids this toward the
    // server alone, where IPVS judges the whole.
    const bool cut_by_sender =
        joined && largest_fragment(packet) <= most &&
        (std::is_same_v<F, Ipv6> || claim.direction == Direction::from_server);
    return cut_by_sender || may_be_fragmented<F>(packet, meta);
}

}  // namespace

template <class F>
bool may_stay(const WorkerState& worker, const Conn<F>& conn, Direction direction) noexcept {
    if (direction == Direction::from_server) return true;
    if (conn.method == ForwardMethod::nat)
        return !worker.services().slot(conn.dest).endpoint.address.visit(
            [](const auto& a) { return a.is_loopback(); });
    return conn.method != ForwardMethod::bypass &&
           worker.network().is_local<F>(conn.virtual_address);
}

template <class F>
bool may_pass(WorkerState& worker, rte_mbuf* packet, PacketMeta& meta,
              const Claimed<F>& claim) noexcept {
    const WayAhead way = way_ahead<F>(worker, *claim.conn, claim.direction);
    if (way.kind == WayAhead::Kind::unreachable)
        return refuse<F>(worker, packet, meta, no_route_error(claim.direction),
                         DropReason::no_route);
    if (way.kind == WayAhead::Kind::local) {
        meta.passed = may_stay<F>(worker, *claim.conn, claim.direction);
        if (!meta.passed) worker.drop(packet, DropReason::martian);
        return meta.passed;
    }
    if (meta.ttl <= 1)
        return refuse<F>(worker, packet, meta, IcmpError::time_exceeded, DropReason::ttl_expired);
    if (way.fits == 0) {
        worker.drop(packet, DropReason::tunnel_refused);
        return false;
    }
    const bool goes = fits<F>(worker, packet, meta, claim, way.fits);
    if (goes || claim.direction == Direction::from_client) decrement_ttl<F>(packet, meta);
    if (!goes)
        return refuse<F>(worker, packet, meta, IcmpError::packet_too_big, DropReason::too_big,
                         way.fits);
    meta.passed = true;
    return true;
}

template bool may_pass<Ipv4>(WorkerState&, rte_mbuf*, PacketMeta&, const Claimed<Ipv4>&) noexcept;
template bool may_stay<Ipv4>(const WorkerState&, const Conn<Ipv4>&, Direction) noexcept;
template bool may_stay<Ipv6>(const WorkerState&, const Conn<Ipv6>&, Direction) noexcept;
template bool may_pass<Ipv6>(WorkerState&, rte_mbuf*, PacketMeta&, const Claimed<Ipv6>&) noexcept;

}  // namespace shunt
