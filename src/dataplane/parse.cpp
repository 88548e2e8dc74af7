// SPDX-License-Identifier: BSD-3-Clause
// Stage 1: headers to PacketMeta.
#include <rte_ether.h>

#include "dataplane/forwarders.h"
#include "dataplane/host_path.h"
#include "dataplane/stages.h"
#include "net/parse_plain.h"

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

namespace {

/// parse_packet() for the plain form; false when it is another one.
template <class F>
bool read_plain(const rte_mbuf* packet, PacketMeta& meta) noexcept {
    return (packet->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0 &&
           parse_plain<F>(PacketReader(bytes_of(packet)), packet->pkt_len, meta,
                          checked_by_card(packet));
}

/// Reads a packet of any form and files it by its family; one that cannot go on is disposed of.
[[gnu::noinline]] void read_any(WorkerState& worker, Batch& batch, std::uint8_t place,
                                ByFamily& out) noexcept {
    PacketMeta& meta = batch.meta[place];
    rte_mbuf*& packet = batch.packets[place];
    if (const auto refused = parse_packet(packet, meta))
        worker.drop(packet, *refused);
    else if (meta.network == NetworkKind::ipv4)
        out.ipv4.push(place);
    else if (meta.network == NetworkKind::ipv6)
        out.ipv6.push(place);
    else
        pass_by(worker, batch, packet);
}

/// Packets of another worker, which may have put them together from fragments.
void mark_joined(Batch& batch, const PlaceList& places) noexcept {
    for (const auto place : places) {
        PacketMeta& meta = batch.meta[place];
        if (meta.fragment != FragmentKind::none || largest_fragment(batch.packets[place]) == 0)
            continue;
        meta.fragment = FragmentKind::joined;
        meta.plain = false;
    }
}

}  // namespace

ByFamily stage_parse(WorkerState& worker, Batch& batch) noexcept {
    constexpr std::uint8_t ahead = 4;
    const auto count = static_cast<std::uint8_t>(batch.count);
    const bool passed = batch.from_host;  // the host has judged it
    ByFamily out;
    for (std::uint8_t i = 0; i < count && i < ahead; ++i)
        rte_prefetch0(rte_pktmbuf_mtod(batch.packets[i], void*));
    for (std::uint8_t i = 0; i < count; ++i) {
        if (i + ahead < count) rte_prefetch0(rte_pktmbuf_mtod(batch.packets[i + ahead], void*));
        if (read_plain<Ipv4>(batch.packets[i], batch.meta[i]))
            out.ipv4.push(i);
        else if (read_plain<Ipv6>(batch.packets[i], batch.meta[i]))
            out.ipv6.push(i);
        else
            read_any(worker, batch, i, out);
        batch.meta[i].passed = passed;
    }
    if (batch.owner_known) {
        mark_joined(batch, out.ipv4);
        mark_joined(batch, out.ipv6);
    }
    return out;
}

}  // namespace shunt
