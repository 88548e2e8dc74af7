// SPDX-License-Identifier: BSD-3-Clause
#include "net/parse.h"

#include "net/checksum.h"

namespace shunt {

namespace {

using Verdict = std::optional<DropReason>;
constexpr Verdict sound = std::nullopt;

/// What is missing: bytes of the frame itself, or only of its first buffer.
Verdict missing(PacketReader frame, std::uint32_t frame_length) noexcept {
    return frame.size() < frame_length ? DropReason::split_header : DropReason::truncated;
}

template <class F>
Verdict parse_ports(PacketReader frame, std::uint32_t frame_length, PacketMeta& meta) noexcept {
    auto& tuple = meta.tuple<F>();
    if (meta.fragment == FragmentKind::later) return sound;
    const bool tcp = tuple.protocol == Protocol::tcp;
    if (!tcp && tuple.protocol != Protocol::udp) return sound;

    const std::uint32_t l4_length = meta.l3_offset + std::uint32_t{meta.l3_length} - meta.l4_offset;
    if (l4_length < (tcp ? sizeof(TcpHeader) : sizeof(UdpHeader))) return DropReason::l4_bad_header;
    if (tcp) {
        const auto header = frame.read<TcpHeader>(meta.l4_offset);
        if (!header) return missing(frame, frame_length);
        tuple.source_port = header->source;
        tuple.destination_port = header->destination;
        meta.tcp_flags = header->flags;
    } else {
        const auto header = frame.read<UdpHeader>(meta.l4_offset);
        if (!header) return missing(frame, frame_length);
        tuple.source_port = header->source;
        tuple.destination_port = header->destination;
    }
    meta.has_ports = true;
    return sound;
}

Verdict parse_ipv4(PacketReader frame, std::uint32_t frame_length, PacketMeta& meta,
                   HeaderChecksum header_checksum) noexcept {
    const auto header = frame.read<Ipv4Header>(meta.l3_offset);
    if (!header) return missing(frame, frame_length);
    const unsigned header_length = (header->version_length & 0xFU) * 4;
    const unsigned total_length = header->total_length.value();
    if ((header->version_length >> 4) != 4 || header_length < sizeof(Ipv4Header) ||
        total_length < header_length)
        return DropReason::ipv4_bad_header;
    if (total_length > frame_length - meta.l3_offset) return DropReason::truncated;
    const auto header_bytes = frame.sub(meta.l3_offset, header_length);
    if (header_bytes.size() < header_length) return missing(frame, frame_length);
    if (header_checksum == HeaderChecksum::verify && checksum(header_bytes.bytes()) != 0)
        return DropReason::ipv4_bad_checksum;

    meta.network = NetworkKind::ipv4;
    meta.l3_length = static_cast<std::uint16_t>(total_length);
    meta.l4_offset = static_cast<std::uint16_t>(meta.l3_offset + header_length);
    meta.ttl = header->ttl;
    const auto fragment = header->fragment.value();
    if ((fragment & Ipv4Header::offset_mask) != 0)
        meta.fragment = FragmentKind::later;
    else if ((fragment & Ipv4Header::more_fragments) != 0)
        meta.fragment = FragmentKind::first;
    meta.tuple_v4 = {.source = header->source,
                     .destination = header->destination,
                     .source_port = {},
                     .destination_port = {},
                     .protocol = static_cast<Protocol>(header->protocol)};
    return parse_ports<Ipv4>(frame, frame_length, meta);
}

namespace ipv6_extension {
constexpr std::uint8_t hop_by_hop = 0;
constexpr std::uint8_t routing = 43;
constexpr std::uint8_t fragment = 44;
constexpr std::uint8_t destination_options = 60;
/// More than this in one packet is no sane sender (RFC 8504 5.3 allows a node to refuse).
constexpr int most = 8;
}  // namespace ipv6_extension

Verdict parse_ipv6(PacketReader frame, std::uint32_t frame_length, PacketMeta& meta) noexcept {
    const auto header = frame.read<Ipv6Header>(meta.l3_offset);
    if (!header) return missing(frame, frame_length);
    const std::uint32_t l3_length =
        sizeof(Ipv6Header) + std::uint32_t{header->payload_length.value()};
    if ((header->version_class_flow.value() >> 28) != 6 || l3_length > 0xFFFF)
        return DropReason::ipv6_bad_header;
    if (l3_length > frame_length - meta.l3_offset) return DropReason::truncated;

    meta.network = NetworkKind::ipv6;
    meta.l3_length = static_cast<std::uint16_t>(l3_length);
    meta.ttl = header->hop_limit;
    const std::uint32_t end = meta.l3_offset + l3_length;
    std::uint32_t at = meta.l3_offset + static_cast<std::uint32_t>(sizeof(Ipv6Header));
    std::uint8_t next = header->next_header;
    for (int count = 0; meta.fragment != FragmentKind::later; ++count) {
        const bool fragment = next == ipv6_extension::fragment;
        if (!fragment && next != ipv6_extension::hop_by_hop && next != ipv6_extension::routing &&
            next != ipv6_extension::destination_options)
            break;
        const auto first = frame.read<std::array<std::uint8_t, 4>>(at);
        if (count == ipv6_extension::most || end - at < 8) return DropReason::ipv6_bad_header;
        if (!first) return missing(frame, frame_length);
        if (fragment) {
            const unsigned word = (unsigned{(*first)[2]} << 8) | (*first)[3];
            if ((word & 0xFFF8) != 0)
                meta.fragment = FragmentKind::later;
            else if ((word & 1) != 0)
                meta.fragment = FragmentKind::first;
        }
        at += fragment ? 8U : ((*first)[1] + 1U) * 8U;
        if (at > end) return DropReason::ipv6_bad_header;
        next = (*first)[0];
    }
    meta.l4_offset = static_cast<std::uint16_t>(at);
    meta.tuple_v6 = {.source = header->source,
                     .destination = header->destination,
                     .source_port = {},
                     .destination_port = {},
                     .protocol = static_cast<Protocol>(next)};
    return parse_ports<Ipv6>(frame, frame_length, meta);
}

}  // namespace

std::optional<DropReason> parse(PacketReader frame, std::uint32_t frame_length, PacketMeta& meta,
                                HeaderChecksum header_checksum) noexcept {
    meta = PacketMeta{};
    const auto ethernet = frame.read<EthernetHeader>(0);
    if (!ethernet) return missing(frame, frame_length);
    meta.destination_mac = ethernet->destination;
    meta.to_group = ethernet->destination.is_group();

    std::uint16_t type = ethernet->type.value();
    std::size_t l3 = sizeof(EthernetHeader);
    for (int tags = 0; tags < 2; ++tags) {
        if (type != static_cast<std::uint16_t>(EtherType::vlan) &&
            type != static_cast<std::uint16_t>(EtherType::qinq))
            break;
        const auto tag = frame.read<VlanTag>(l3);
        if (!tag) return missing(frame, frame_length);
        if (tags == 0) meta.vlan = tag->control.value() & 0xFFF;
        meta.stacked_tags = tags > 0 || type == static_cast<std::uint16_t>(EtherType::qinq);
        type = tag->type.value();
        l3 += sizeof(VlanTag);
    }
    meta.l3_offset = static_cast<std::uint8_t>(l3);
    if (type == static_cast<std::uint16_t>(EtherType::ipv4))
        return parse_ipv4(frame, frame_length, meta, header_checksum);
    if (type == static_cast<std::uint16_t>(EtherType::ipv6))
        return parse_ipv6(frame, frame_length, meta);
    return sound;
}

}  // namespace shunt
