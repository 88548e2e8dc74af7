// SPDX-License-Identifier: BSD-3-Clause
// Stage 1: headers to PacketMeta.
#include <rte_ether.h>

#include "dataplane/host_path.h"
#include "dataplane/stages.h"

namespace shunt {

namespace {

/// Headers must lie in one buffer: joins the chain's first bytes when they do not.
bool join_headers(rte_mbuf* packet) noexcept {
    return packet->nb_segs > 1 && rte_pktmbuf_linearize(packet) == 0;
}

HeaderChecksum checked_by_card(const rte_mbuf* packet) noexcept {
    return (packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD
               ? HeaderChecksum::verified
               : HeaderChecksum::verify;
}

/// `packet` changes when a VLAN tag that was taken out on the way here is put back.
std::optional<DropReason> parse_packet(rte_mbuf*& packet, PacketMeta& meta) noexcept {
    if ((packet->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 && rte_vlan_insert(&packet) != 0)
        return DropReason::no_buffer;
    const auto header_checksum = checked_by_card(packet);
    auto refused = parse(PacketReader(first_bytes(packet)), packet->pkt_len, meta, header_checksum);
    if (refused == DropReason::split_header && join_headers(packet))
        refused = parse(PacketReader(first_bytes(packet)), packet->pkt_len, meta, header_checksum);
    return refused;
}

}  // namespace

ByFamily stage_parse(WorkerState& worker, Batch& batch) noexcept {
    constexpr std::uint16_t ahead = 4;
    ByFamily out;
    for (std::uint16_t i = 0; i < batch.count && i < ahead; ++i)
        rte_prefetch0(rte_pktmbuf_mtod(batch.packets[i], void*));
    for (std::uint16_t i = 0; i < batch.count; ++i) {
        if (i + ahead < batch.count)
            rte_prefetch0(rte_pktmbuf_mtod(batch.packets[i + ahead], void*));
        PacketMeta& meta = batch.meta[i];
        const auto place = static_cast<std::uint8_t>(i);
        if (const auto refused = parse_packet(batch.packets[i], meta)) [[unlikely]]
            worker.drop(batch.packets[i], *refused);
        else if (meta.network == NetworkKind::ipv4)
            out.ipv4.push(place);
        else if (meta.network == NetworkKind::ipv6)
            out.ipv6.push(place);
        else
            send_to_host(worker, batch.port, batch.packets[i]);
    }
    return out;
}

}  // namespace shunt
