// SPDX-License-Identifier: BSD-3-Clause
#include "net/parse.h"

#include <memory>

#include "net/checksum.h"
#include "net/ipv4_options.h"
#include "net/parse_plain.h"

namespace shunt {

namespace {

using Verdict = std::optional<DropReason>;
constexpr Verdict sound = std::nullopt;

/// What is missing: bytes of the frame itself, or only of its first buffer.
Verdict missing(PacketReader frame, std::uint32_t frame_length) noexcept {
    return frame.size() < frame_length ? DropReason::split_header : DropReason::truncated;
}

/// `word`: the field with the fragment's offset; IPv6 has the same in another place.
template <class Header>
FragmentKind fragment_kind(std::uint16_t word) noexcept {
    if ((word & Header::offset_mask) != 0) return FragmentKind::later;
    return (word & Header::more_fragments) != 0 ? FragmentKind::first : FragmentKind::none;
}

/// The packet ends within its transport header. Other fragments may bring the rest.
Verdict cut_short(const PacketMeta& meta) noexcept {
    if (meta.fragment == FragmentKind::first) return sound;
    return DropReason::l4_bad_header;
}

/// Is the chunk at `offset` of the SCTP packet an ABORT? Nothing when it lies in another buffer.
std::optional<bool> aborts(PacketReader frame, const PacketMeta& meta,
                           std::uint32_t offset) noexcept {
    if (offset + sizeof(SctpChunkHeader) > meta.l4_length()) return false;
    const auto chunk = frame.read<SctpChunkHeader>(meta.l4_offset + offset);
    if (!chunk) return std::nullopt;
    return chunk->type == SctpChunkHeader::abort;
}

template <class F>
Verdict parse_sctp(PacketReader frame, std::uint32_t frame_length, PacketMeta& meta) noexcept {
    constexpr std::size_t least = sizeof(SctpHeader) + sizeof(SctpChunkHeader);
    if (meta.l4_length() < least) return cut_short(meta);
    const auto header = frame.fixed<least>(meta.l4_offset);
    if (!header) return missing(frame, frame_length);

    const auto chunk = load<SctpChunkHeader, sizeof(SctpHeader)>(*header);
    meta.sctp_chunk = chunk.type;
    const std::uint32_t length = chunk.length.value();
    const bool cookie =
        chunk.type == SctpChunkHeader::cookie_echo || chunk.type == SctpChunkHeader::cookie_ack;
    if (cookie && length >= sizeof(SctpChunkHeader)) {
        const auto aborted = aborts(frame, meta, sizeof(SctpHeader) + ((length + 3) & ~3U));
        if (!aborted) return missing(frame, frame_length);
        if (*aborted) meta.sctp_chunk = SctpChunkHeader::abort;
    }
    auto& tuple = meta.tuple<F>();
    tuple.source_port = load<L4Port, offsetof(SctpHeader, source)>(*header);
    tuple.destination_port = load<L4Port, offsetof(SctpHeader, destination)>(*header);
    meta.has_ports = true;
    return sound;
}

/// What is neither TCP nor UDP.
template <class F>
[[gnu::noinline, gnu::cold]] Verdict parse_rarer(PacketReader frame, std::uint32_t frame_length,
                                                 PacketMeta& meta) noexcept {
    const Protocol protocol = meta.tuple<F>().protocol;
    if (protocol == Protocol::sctp) return parse_sctp<F>(frame, frame_length, meta);
    if (protocol == F::icmp && meta.l4_length() >= sizeof(IcmpHeader)) {
        const auto header = frame.fixed<sizeof(IcmpHeader)>(meta.l4_offset);
        if (!header) return missing(frame, frame_length);
        meta.icmp_type = load<std::uint8_t, offsetof(IcmpHeader, type)>(*header);
    }
    return sound;
}

/// Of a packet that is no later fragment.
template <class F>
Verdict parse_l4(PacketReader frame, std::uint32_t frame_length, PacketMeta& meta) noexcept {
    auto& tuple = meta.tuple<F>();
    const bool tcp = tuple.protocol == Protocol::tcp;
    if (!tcp && tuple.protocol != Protocol::udp) [[unlikely]]
        return parse_rarer<F>(frame, frame_length, meta);

    const std::uint32_t l4_length = meta.l4_length();
    if (l4_length < (tcp ? sizeof(TcpHeader) : sizeof(UdpHeader))) [[unlikely]]
        return cut_short(meta);
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
    return has_sound_checksum(fixed);
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
    if (header_length > sizeof(Ipv4Header)) [[unlikely]]
        if (const auto refused = refuse_options(header_bytes.bytes().subspan(sizeof(Ipv4Header))))
            return refused;

    meta.network = NetworkKind::ipv4;
    meta.l3_length = static_cast<std::uint16_t>(total_length);
    meta.l4_offset = static_cast<std::uint16_t>(meta.l3_offset + header_length);
    meta.ttl = load<std::uint8_t, offsetof(Ipv4Header, ttl)>(*header);
    // Field by field: a tuple put together elsewhere and copied here would wait for its own parts.
    auto& tuple = meta.tuple_v4;
    tuple.source = load<Ipv4Address, offsetof(Ipv4Header, source)>(*header);
    tuple.destination = load<Ipv4Address, offsetof(Ipv4Header, destination)>(*header);
    tuple.protocol = load<Protocol, offsetof(Ipv4Header, protocol)>(*header);
    const auto fragment = load<Be16, offsetof(Ipv4Header, fragment)>(*header).value();
    constexpr unsigned is_fragment = Ipv4Header::offset_mask | Ipv4Header::more_fragments;
    if ((fragment & is_fragment) != 0) [[unlikely]] {
        meta.fragment = fragment_kind<Ipv4Header>(fragment);
        if (meta.fragment == FragmentKind::later) return sound;
    }
    return parse_l4<Ipv4>(frame, frame_length, meta);
}

namespace ipv6_extension {
constexpr std::uint8_t hop_by_hop = 0;
constexpr std::uint8_t routing = 43;
constexpr std::uint8_t fragment = 44;
constexpr std::uint8_t destination_options = 60;
/// More than this in one packet is no sane sender (RFC 8504 5.3 allows a node to refuse).
constexpr int most = 8;

constexpr bool walked_over(std::uint8_t type) noexcept {
    return type == hop_by_hop || type == routing || type == fragment || type == destination_options;
}
}  // namespace ipv6_extension

/// Walks over what follows the fixed header, the first of it of type `next`; see ipv6_chain().
[[gnu::noinline]] Verdict walk_extensions(PacketReader frame, std::uint32_t frame_length,
                                          std::uint32_t l3_offset, std::uint32_t end,
                                          std::uint8_t next, Ipv6Chain& chain) noexcept {
    std::uint32_t naming = l3_offset + offsetof(Ipv6Header, next_header);
    std::uint32_t at = l3_offset + static_cast<std::uint32_t>(sizeof(Ipv6Header));
    for (int count = 0; chain.fragment != FragmentKind::later && ipv6_extension::walked_over(next);
         ++count) {
        if (count == ipv6_extension::most || end - at < sizeof(Ipv6ExtensionHeader))
            return DropReason::ipv6_bad_header;
        const auto header = frame.read<Ipv6ExtensionHeader>(at);
        if (!header) return missing(frame, frame_length);
        std::uint32_t length = (header->length + 1U) * 8U;
        if (next == ipv6_extension::fragment) {
            length = sizeof(Ipv6ExtensionHeader);
            const auto kind = fragment_kind<Ipv6ExtensionHeader>(header->fragment.value());
            const bool atomic = kind == FragmentKind::none;
            if (!atomic || chain.fragment == FragmentKind::none) {
                chain.fragment = atomic ? FragmentKind::atomic : kind;
                chain.fragment_offset = at;
                chain.naming_offset = naming;
            }
        }
        if (length > end - at) return DropReason::ipv6_bad_header;
        naming = at + offsetof(Ipv6ExtensionHeader, next_header);
        at += length;
        next = header->next_header;
    }
    chain.upper = static_cast<Protocol>(next);
    chain.upper_offset = at;
    return sound;
}

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
    meta.l4_offset = static_cast<std::uint16_t>(meta.l3_offset + sizeof(Ipv6Header));
    auto& tuple = meta.tuple_v6;
    tuple.source = load<Ipv6Address, offsetof(Ipv6Header, source)>(*header);
    tuple.destination = load<Ipv6Address, offsetof(Ipv6Header, destination)>(*header);
    tuple.source_port = {};
    tuple.destination_port = {};
    tuple.protocol = load<Protocol, offsetof(Ipv6Header, next_header)>(*header);
    tuple.zero = {};
    const auto next = load<std::uint8_t, offsetof(Ipv6Header, next_header)>(*header);
    if (ipv6_extension::walked_over(next)) [[unlikely]] {
        Ipv6Chain chain;
        const auto refused = walk_extensions(frame, frame_length, meta.l3_offset,
                                             meta.l3_offset + l3_length, next, chain);
        if (refused) return refused;
        meta.l4_offset = static_cast<std::uint16_t>(chain.upper_offset);
        meta.fragment = chain.fragment;
        tuple.protocol = chain.upper;
        if (chain.fragment == FragmentKind::later) return sound;
    }
    return parse_l4<Ipv6>(frame, frame_length, meta);
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

std::optional<Ipv6Chain> ipv6_chain(PacketReader frame, std::uint32_t l3_offset,
                                    std::uint32_t end) noexcept {
    const auto header = frame.fixed<sizeof(Ipv6Header)>(l3_offset);
    if (!header || end < l3_offset + sizeof(Ipv6Header)) return std::nullopt;
    const auto next = load<std::uint8_t, offsetof(Ipv6Header, next_header)>(*header);
    Ipv6Chain chain;
    const auto here = static_cast<std::uint32_t>(frame.size());
    if (walk_extensions(frame, here, l3_offset, end, next, chain)) return std::nullopt;
    return chain;
}

namespace {

bool quote_network(PacketReader, std::span<const std::byte, sizeof(Ipv4Header)> header,
                   QuotedPacket<Ipv4>& out) noexcept {
    const auto version_length = load<std::uint8_t, offsetof(Ipv4Header, version_length)>(header);
    const unsigned header_length = (version_length & 0xFU) * 4;
    if (header_length < sizeof(Ipv4Header)) return false;
    const auto fragment = load<Be16, offsetof(Ipv4Header, fragment)>(header).value();
    out.l4_offset = static_cast<std::uint16_t>(out.l3_offset + header_length);
    out.l3_length = load<Be16, offsetof(Ipv4Header, total_length)>(header).value();
    out.fragment = fragment_kind<Ipv4Header>(fragment);
    out.dont_fragment = (fragment & Ipv4Header::dont_fragment) != 0;
    out.tuple.protocol = load<Protocol, offsetof(Ipv4Header, protocol)>(header);
    return true;
}

bool quote_network(PacketReader frame, std::span<const std::byte, sizeof(Ipv6Header)> header,
                   QuotedPacket<Ipv6>& out) noexcept {
    const std::uint32_t l3_length =
        sizeof(Ipv6Header) +
        std::uint32_t{load<Be16, offsetof(Ipv6Header, payload_length)>(header).value()};
    if ((load<std::uint8_t>(header) >> 4) != 6 || l3_length > 0xFFFF) return false;
    const auto chain = ipv6_chain(frame, out.l3_offset, static_cast<std::uint32_t>(frame.size()));
    if (!chain) return false;
    out.l4_offset = static_cast<std::uint16_t>(chain->upper_offset);
    out.l3_length = static_cast<std::uint16_t>(l3_length);
    out.fragment = chain->fragment;
    out.tuple.protocol = chain->upper;
    return true;
}

constexpr bool carries_ports(Protocol protocol) noexcept {
    return protocol == Protocol::tcp || protocol == Protocol::udp || protocol == Protocol::sctp;
}

}  // namespace

template <class F>
std::optional<QuotedPacket<F>> parse_quoted(PacketReader frame, std::uint32_t offset) noexcept {
    using Header = typename F::Header;
    // Offsets have 16 bits, and up to 40 bytes of options may follow the header that is read here.
    const auto bounded = frame.sub(0, 0xFFFF - 40);
    const auto header = bounded.fixed<sizeof(Header)>(offset);
    if (!header) return std::nullopt;
    QuotedPacket<F> out;
    out.l3_offset = static_cast<std::uint16_t>(offset);
    if (!quote_network(bounded, *header, out)) return std::nullopt;
    out.tuple.source = load<typename F::Address, offsetof(Header, source)>(*header);
    out.tuple.destination = load<typename F::Address, offsetof(Header, destination)>(*header);
    // Of a later fragment of IPv4 IPVS takes the data for the ports, which seldom are some.
    const bool headless = out.fragment == FragmentKind::later && F::family == Family::ipv6;
    if (headless || !carries_ports(out.tuple.protocol)) return out;
    // TCP, UDP and SCTP begin alike.
    if (const auto ports = bounded.fixed<2 * sizeof(L4Port)>(out.l4_offset)) {
        out.tuple.source_port = load<L4Port>(*ports);
        out.tuple.destination_port = load<L4Port, sizeof(L4Port)>(*ports);
        out.has_ports = true;
    }
    return out;
}

template std::optional<QuotedPacket<Ipv4>> parse_quoted(PacketReader, std::uint32_t) noexcept;
template std::optional<QuotedPacket<Ipv6>> parse_quoted(PacketReader, std::uint32_t) noexcept;

}  // namespace shunt
