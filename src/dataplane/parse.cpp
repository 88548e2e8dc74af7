// SPDX-License-Identifier: BSD-3-Clause
// Stage 1: headers to PacketMeta.
#include <rte_ether.h>

#include "dataplane/forwarders.h"
#include "dataplane/host_path.h"
#include "dataplane/stages.h"

namespace shunt {

namespace {

/// Headers must lie in one buffer. Moves bytes of the following buffers behind those of the first,
/// as many as any headers need and as there is room for.
bool join_headers(rte_mbuf* packet) noexcept {
    constexpr std::uint16_t enough = 512;
    bool moved = false;
    while (packet->next != nullptr && packet->data_len < enough) {
        rte_mbuf* next = packet->next;
        const auto taken = static_cast<std::uint16_t>(std::min<unsigned>(
            {next->data_len, unsigned{enough} - packet->data_len, rte_pktmbuf_tailroom(packet)}));
        if (taken == 0 && next->data_len > 0) break;
        std::memcpy(rte_pktmbuf_mtod_offset(packet, std::byte*, packet->data_len),
                    bytes_of(next).data(), taken);
        packet->data_len = static_cast<std::uint16_t>(packet->data_len + taken);
        next->data_off = static_cast<std::uint16_t>(next->data_off + taken);
        next->data_len = static_cast<std::uint16_t>(next->data_len - taken);
        moved = true;
        if (next->data_len > 0) break;
        packet->next = std::exchange(next->next, nullptr);
        --packet->nb_segs;
        rte_pktmbuf_free_seg(next);
    }
    return moved;
}

HeaderChecksum checked_by_card(const rte_mbuf* packet) noexcept {
    return (packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD
               ? HeaderChecksum::verified
               : HeaderChecksum::verify;
}

}  // namespace

std::optional<DropReason> parse_packet(rte_mbuf*& packet, PacketMeta& meta) noexcept {
    if ((packet->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 && rte_vlan_insert(&packet) != 0)
        return DropReason::no_buffer;
    const auto header_checksum = checked_by_card(packet);
    auto refused = parse(PacketReader(first_bytes(packet)), packet->pkt_len, meta, header_checksum);
    if (refused == DropReason::split_header && join_headers(packet))
        refused = parse(PacketReader(first_bytes(packet)), packet->pkt_len, meta, header_checksum);
    return refused;
}

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
            pass_by(worker, batch, batch.packets[i]);
        if (batch.owner_known && meta.fragment == FragmentKind::none &&
            largest_fragment(batch.packets[i]) != 0)
            meta.fragment = FragmentKind::joined;
        meta.passed = batch.from_host;  // the host has judged it
    }
    return out;
}

}  // namespace shunt
