// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/passage.h"

#include "dataplane/icmp_error.h"
#include "dataplane/resolve.h"

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
void refuse(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta, IcmpError error,
            DropReason reason, std::uint16_t mtu = 0) noexcept {
    send_icmp_error<F>(worker, packet, meta, error, mtu);
    worker.drop(packet, reason);
}

template <class F>
void refuse_too_big(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                    std::uint16_t mtu) noexcept {
    if (may_be_fragmented<F>(packet, meta))
        worker.drop(packet, DropReason::too_big);
    else
        refuse<F>(worker, packet, meta, IcmpError::packet_too_big, DropReason::too_big, mtu);
}

/// The MTU of the way toward a next hop whose link address is not known; nothing without a route.
template <class F>
std::optional<std::uint16_t> mtu_by_route(WorkerState& worker, const Claimed<F>& claim) noexcept {
    const NetTable& network = worker.network();
    const Route<F> route = network.route<F>(claim.conn->target(claim.direction),
                                            flow_hash(worker, *claim.conn, claim.direction));
    if (route.kind != Route<F>::Kind::via) return std::nullopt;
    const NetInterface* interface = network.find_interface(route.ifindex);
    return interface != nullptr ? std::optional(interface->mtu) : std::nullopt;
}

/// Who has no route says so in his own words: for a server behind the balancer it is the host that
/// is missing, for a reply the network.
constexpr IcmpError no_route_error(Direction direction) noexcept {
    return direction == Direction::from_client ? IcmpError::host_unreachable
                                               : IcmpError::net_unreachable;
}

}  // namespace

template <class F>
bool may_pass(WorkerState& worker, rte_mbuf* packet, PacketMeta& meta,
              const Claimed<F>& claim) noexcept {
    const auto next_hop = claim.conn->next_hop[static_cast<std::size_t>(claim.direction)];
    const auto mtu = next_hop != no_next_hop ? std::optional(worker.network()[next_hop].mtu)
                                             : mtu_by_route<F>(worker, claim);
    if (!mtu) [[unlikely]] {
        refuse<F>(worker, packet, meta, no_route_error(claim.direction), DropReason::no_route);
        return false;
    }
    if (meta.ttl <= 1) [[unlikely]] {
        refuse<F>(worker, packet, meta, IcmpError::time_exceeded, DropReason::ttl_expired);
        return false;
    }
    const bool fits = meta.l3_length <= *mtu;
    if (fits || claim.direction == Direction::from_client) decrement_ttl<F>(packet, meta);
    if (!fits) [[unlikely]]
        refuse_too_big<F>(worker, packet, meta, *mtu);
    meta.passed = fits;
    return fits;
}

template bool may_pass<Ipv4>(WorkerState&, rte_mbuf*, PacketMeta&, const Claimed<Ipv4>&) noexcept;
template bool may_pass<Ipv6>(WorkerState&, rte_mbuf*, PacketMeta&, const Claimed<Ipv6>&) noexcept;

}  // namespace shunt
