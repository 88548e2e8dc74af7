// SPDX-License-Identifier: BSD-3-Clause
#include "net/parse.h"

#include <memory>

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

    const std::uint32_t l4_length = meta.l4_length();
    if (l4_length < (tcp ? sizeof(TcpHeader) : sizeof(UdpHeader))) return DropReason::l4_bad_header;
    if (tcp) {
        const auto header = frame.fixed<sizeof(TcpHeader)>(meta.l4_offset);
        if (!header) return missing(frame, frame_length);
        tuple.source_port = load<L4Port, offsetof(TcpHeader, source)>(*header);
        tuple.destination_port = load<L4Port, offsetof(TcpHeader, destination)>(*header);
        meta.tcp_flags = load<std::uint8_t, offsetof(TcpHeader, flags)>(*header);
    } else {
        const auto header = frame.fixed<sizeof(UdpHeader)>(meta.l4_offset);
        if (!header) return missing(frame, frame_length);
        tuple.source_port = load<L4Port, offsetof(UdpHeader, source)>(*header);
        tuple.destination_port = load<L4Port, offsetof(UdpHeader, destination)>(*header);
    }
    meta.has_ports = true;
    return sound;
}

/// Is the sum over the whole header right? Headers without options have a fixed length.
bool sound_checksum(std::span<const std::byte, sizeof(Ipv4Header)> fixed,
                    PacketReader whole) noexcept {
    if (whole.size() > fixed.size()) [[unlikely]]
        return checksum(whole.bytes()) == 0;
    std::uint64_t sum = load<BigEndian<std::uint64_t>, 0>(fixed).raw();
    const std::uint64_t middle = load<BigEndian<std::uint64_t>, 8>(fixed).raw();
    sum += middle;
    sum += sum < middle ? 1 : 0;
    sum = (sum & 0xFFFFFFFF) + (sum >> 32) + load<Be32, 16>(fixed).raw();
    sum = (sum & 0xFFFFFFFF) + (sum >> 32);
    return fold(static_cast<std::uint32_t>(sum)) == 0xFFFF;
}

Verdict parse_ipv4(PacketReader frame, std::uint32_t frame_length, PacketMeta& meta,
                   HeaderChecksum header_checksum) noexcept {
    const auto header = frame.fixed<sizeof(Ipv4Header)>(meta.l3_offset);
    if (!header) return missing(frame, frame_length);
    const auto version_length = load<std::uint8_t, offsetof(Ipv4Header, version_length)>(*header);
    const unsigned header_length = (version_length & 0xFU) * 4;
    const unsigned total_length = load<Be16, offsetof(Ipv4Header, total_length)>(*header).value();
    if ((version_length >> 4) != 4 || header_length < sizeof(Ipv4Header) ||
        total_length < header_length)
        return DropReason::ipv4_bad_header;
    if (total_length > frame_length - meta.l3_offset) return DropReason::truncated;
    const auto header_bytes = frame.sub(meta.l3_offset, header_length);
    if (header_bytes.size() < header_length) return missing(frame, frame_length);
    if (header_checksum == HeaderChecksum::verify && !sound_checksum(*header, header_bytes))
        return DropReason::ipv4_bad_checksum;

    meta.network = NetworkKind::ipv4;
    meta.l3_length = static_cast<std::uint16_t>(total_length);
    meta.l4_offset = static_cast<std::uint16_t>(meta.l3_offset + header_length);
    meta.ttl = load<std::uint8_t, offsetof(Ipv4Header, ttl)>(*header);
    const auto fragment = load<Be16, offsetof(Ipv4Header, fragment)>(*header).value();
    if ((fragment & Ipv4Header::offset_mask) != 0)
        meta.fragment = FragmentKind::later;
    else if ((fragment & Ipv4Header::more_fragments) != 0)
        meta.fragment = FragmentKind::first;
    // Field by field: a tuple put together elsewhere and copied here would wait for its own parts.
    auto& tuple = meta.tuple_v4;
    tuple.source = load<Ipv4Address, offsetof(Ipv4Header, source)>(*header);
    tuple.destination = load<Ipv4Address, offsetof(Ipv4Header, destination)>(*header);
    tuple.protocol = load<Protocol, offsetof(Ipv4Header, protocol)>(*header);
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
    const auto header = frame.fixed<sizeof(Ipv6Header)>(meta.l3_offset);
    if (!header) return missing(frame, frame_length);
    const auto payload_length = load<Be16, offsetof(Ipv6Header, payload_length)>(*header);
    const std::uint32_t l3_length = sizeof(Ipv6Header) + std::uint32_t{payload_length.value()};
    if ((load<std::uint8_t>(*header) >> 4) != 6 || l3_length > 0xFFFF)
        return DropReason::ipv6_bad_header;
    if (l3_length > frame_length - meta.l3_offset) return DropReason::truncated;

    meta.network = NetworkKind::ipv6;
    meta.l3_length = static_cast<std::uint16_t>(l3_length);
    meta.ttl = load<std::uint8_t, offsetof(Ipv6Header, hop_limit)>(*header);
    const std::uint32_t end = meta.l3_offset + l3_length;
    std::uint32_t at = meta.l3_offset + static_cast<std::uint32_t>(sizeof(Ipv6Header));
    auto next = load<std::uint8_t, offsetof(Ipv6Header, next_header)>(*header);
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
    auto& tuple = meta.tuple_v6;
    tuple.source = load<Ipv6Address, offsetof(Ipv6Header, source)>(*header);
    tuple.destination = load<Ipv6Address, offsetof(Ipv6Header, destination)>(*header);
    tuple.source_port = {};
    tuple.destination_port = {};
    tuple.protocol = static_cast<Protocol>(next);
    tuple.zero = {};
    return parse_ports<Ipv6>(frame, frame_length, meta);
}

}  // namespace

std::optional<DropReason> parse(PacketReader frame, std::uint32_t frame_length, PacketMeta& meta,
                                HeaderChecksum header_checksum) noexcept {
    std::construct_at(&meta);  // in place: a copy of a fresh one would wait for its own parts
    const auto ethernet = frame.fixed<sizeof(EthernetHeader)>(0);
    if (!ethernet) return missing(frame, frame_length);
    meta.destination_mac = load<MacAddress>(*ethernet);
    meta.to_group = (load<std::uint8_t>(*ethernet) & 1) != 0;

    std::uint16_t type = load<Be16, offsetof(EthernetHeader, type)>(*ethernet).value();
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
