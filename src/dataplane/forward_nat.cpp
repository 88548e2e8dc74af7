// SPDX-License-Identifier: BSD-3-Clause
// Stage 6: network address translation. Toward the server the destination becomes the real server,
// back to the client the source becomes the virtual address (ipvs-behaviour 1.9-1.12, 1.16).
#include "dataplane/checksums.h"
#include "dataplane/passage.h"
#include "dataplane/resolve.h"
#include "dataplane/stages.h"

namespace shunt {

namespace {

/// The field of a UDP packet without checksum after translation: a full one, as IPVS makes it.
template <class F>
std::uint16_t fresh_udp_checksum(const rte_mbuf* packet, const PacketMeta& meta,
                                 const FlowTuple<F>& tuple) noexcept {
    const std::uint32_t l4_length = meta.l4_length();
    const std::uint32_t sum =
        pseudo_header_sum<F>(tuple, l4_length) + payload_sum(packet, meta.l4_offset, l4_length);
    const auto field = static_cast<std::uint16_t>(~fold(sum));
    return field == 0 ? std::uint16_t{0xFFFF} : field;
}

/// Writes the new endpoint on one side of the packet: address, port and checksums. Which side is a
/// choice of offsets, not a branch: directions come mixed, and would be guessed wrong.
template <class F>
void translate(rte_mbuf* packet, const PacketMeta& meta, const Claimed<F>& claim) noexcept {
    using Header = typename F::Header;
    const Conn<F>& conn = *claim.conn;
    const bool inbound = claim.direction == Direction::from_client;
    const std::size_t address_at =
        inbound ? offsetof(Header, destination) : offsetof(Header, source);
    const std::size_t port_at = inbound ? sizeof(L4Port) : 0;
    const auto& address = inbound ? conn.real : conn.virtual_address;
    const L4Port port = inbound ? conn.real_port : conn.virtual_port;
    const auto endpoint_delta = conn.endpoint_delta.reversed_if(!inbound);

    const PacketWriter frame(first_bytes(packet));
    const auto l3 = frame.fixed<sizeof(Header)>(meta.l3_offset);
    if (!l3) return;  // parse() has read this header
    store_at(*l3, address_at, address);
    if constexpr (std::is_same_v<F, Ipv4>) {
        const auto delta = conn.address_delta.reversed_if(!inbound);
        const auto sum = load<std::uint16_t, offsetof(Header, checksum)>(*l3);
        store<offsetof(Header, checksum)>(*l3, delta.apply(sum));
    }
    if (conn.protocol == Protocol::tcp) {
        if (const auto l4 = frame.fixed<sizeof(TcpHeader)>(meta.l4_offset)) {
            store_at(*l4, port_at, port);
            const auto sum = load<std::uint16_t, offsetof(TcpHeader, checksum)>(*l4);
            store<offsetof(TcpHeader, checksum)>(*l4, endpoint_delta.apply(sum));
        }
    } else if (const auto l4 = frame.fixed<sizeof(UdpHeader)>(meta.l4_offset)) {
        store_at(*l4, port_at, port);
        auto sum = load<std::uint16_t, offsetof(UdpHeader, checksum)>(*l4);
        if (sum != 0) [[likely]] {
            sum = endpoint_delta.apply(sum);
            if (sum == 0) sum = 0xFFFF;
        } else {
            FlowTuple<F> after = meta.tuple<F>();
            (inbound ? after.destination : after.source) = address;
            sum = fresh_udp_checksum<F>(packet, meta, after);
        }
        store<offsetof(UdpHeader, checksum)>(*l4, sum);
    }
}

/// A finished packet whose next hop is not at hand.
template <class F>
void send_slowly(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                 const Claimed<F>& claim) noexcept {
    rte_pktmbuf_adj(packet, meta.l3_offset);
    route_and_send<F>(worker, packet, claim.conn->target(claim.direction),
                      flow_hash(worker, *claim.conn, claim.direction));
}

}  // namespace

template <class F>
void stage_forward(WorkerState& worker, Batch& batch, const ClaimedList<F>& claimed) noexcept {
    for (const Claimed<F>& claim : claimed) {
        rte_mbuf* packet = batch.packets[claim.place];
        PacketMeta& meta = batch.meta[claim.place];
        if (!meta.passed && !may_pass<F>(worker, packet, meta, claim)) [[unlikely]]
            continue;
        trim_padding(packet, meta);
        translate<F>(packet, meta, claim);
        const auto next_hop = claim.conn->next_hop[static_cast<std::size_t>(claim.direction)];
        if (next_hop == no_next_hop) [[unlikely]]
            send_slowly<F>(worker, packet, meta, claim);
        else
            send_by(worker, worker.network()[next_hop], packet, meta.l3_offset);
    }
}

template void stage_forward(WorkerState&, Batch&, const ClaimedList<Ipv4>&) noexcept;
template void stage_forward(WorkerState&, Batch&, const ClaimedList<Ipv6>&) noexcept;

}  // namespace shunt
