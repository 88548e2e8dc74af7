// SPDX-License-Identifier: BSD-3-Clause
// Fuzz target of net/parse.h. The input is a frame. It is parsed whole, with and without the header
// checksum, and cut in two buffers; what parse() promises about PacketMeta must hold each time. The
// same bytes are read as a packet that is quoted at some place.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "net/parse.h"

namespace shunt {
namespace {

void require(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "parse() breaks its promise: %s\n", promise);
    std::abort();
}
#define REQUIRE(promise) require((promise), #promise)

template <class F>
void check_icmp_type(PacketReader frame, const PacketMeta& meta) {
    const std::size_t end = std::size_t{meta.l3_offset} + meta.l3_length;
    if (meta.tuple<F>().protocol != F::icmp || meta.fragment == FragmentKind::later ||
        meta.l4_offset + sizeof(IcmpHeader) > end)
        REQUIRE(meta.icmp_type == no_icmp_type);
    else
        REQUIRE(frame.read<std::uint8_t>(meta.l4_offset) == meta.icmp_type);
}

template <class F>
void check_tuple(PacketReader frame, const PacketMeta& meta) {
    const FlowTuple<F>& tuple = meta.tuple<F>();
    const std::size_t end = std::size_t{meta.l3_offset} + meta.l3_length;
    REQUIRE(meta.l4_offset >= meta.l3_offset + sizeof(typename F::Header));
    REQUIRE(meta.l4_offset <= end);
    const auto header = frame.read<typename F::Header>(meta.l3_offset);
    REQUIRE(header.has_value());
    REQUIRE(header->source == tuple.source && header->destination == tuple.destination);
    REQUIRE(tuple.zero == (std::array<std::uint8_t, 3>{}));
    const bool tcp = tuple.protocol == Protocol::tcp;
    const bool sctp = tuple.protocol == Protocol::sctp;
    const std::size_t least = tcp                               ? sizeof(TcpHeader)
                              : tuple.protocol == Protocol::udp ? sizeof(UdpHeader)
                              : sctp ? sizeof(SctpHeader) + sizeof(SctpChunkHeader)
                                     : 0;
    REQUIRE(meta.fragment != FragmentKind::joined);
    REQUIRE(meta.tcp_flags == 0 || (meta.has_ports && tcp));
    REQUIRE(meta.sctp_chunk == 0 || (meta.has_ports && sctp));
    check_icmp_type<F>(frame, meta);
    if (!meta.has_ports) {
        REQUIRE(tuple.source_port == L4Port() && tuple.destination_port == L4Port());
        REQUIRE(meta.fragment == FragmentKind::later || least == 0 ||
                (meta.fragment == FragmentKind::first && meta.l4_offset + least > end));
        return;
    }
    REQUIRE(least != 0);
    REQUIRE(meta.fragment != FragmentKind::later);
    REQUIRE(meta.l4_offset + least <= end);
    REQUIRE(frame.read<L4Port>(meta.l4_offset) == tuple.source_port);
    REQUIRE(frame.read<L4Port>(meta.l4_offset + 2U) == tuple.destination_port);
    if (tcp) REQUIRE(frame.read<std::uint8_t>(meta.l4_offset + 13U) == meta.tcp_flags);
    if (sctp && meta.sctp_chunk != SctpChunkHeader::abort)
        REQUIRE(frame.read<std::uint8_t>(meta.l4_offset + sizeof(SctpHeader)) == meta.sctp_chunk);
}

void check(PacketReader frame, std::size_t frame_length, const PacketMeta& meta) {
    REQUIRE(meta.l3_offset == 14 || meta.l3_offset == 18 || meta.l3_offset == 22);
    REQUIRE(meta.l3_offset <= frame.size());
    REQUIRE(meta.vlan < 4096);
    REQUIRE(meta.l3_offset > 14 || meta.vlan == 0);
    REQUIRE(meta.to_group == meta.destination_mac.is_group());
    if (meta.network == NetworkKind::other) {
        REQUIRE(!meta.has_ports && meta.fragment == FragmentKind::none);
        return;
    }
    REQUIRE(std::size_t{meta.l3_offset} + meta.l3_length <= frame_length);
    if (meta.network == NetworkKind::ipv4)
        check_tuple<Ipv4>(frame, meta);
    else
        check_tuple<Ipv6>(frame, meta);
}

template <class F>
void check_quoted(PacketReader frame, std::uint32_t offset) {
    const auto packet = parse_quoted<F>(frame, offset);
    if (!packet) return;
    const auto header = frame.read<typename F::Header>(offset);
    REQUIRE(header.has_value());
    REQUIRE(header->source == packet->tuple.source);
    REQUIRE(header->destination == packet->tuple.destination);
    REQUIRE(packet->l3_offset == offset);
    REQUIRE(packet->l4_offset >= offset + sizeof(typename F::Header));
    REQUIRE(packet->fragment != FragmentKind::joined);
    if (!packet->has_ports) {
        REQUIRE(packet->tuple.source_port == L4Port());
        REQUIRE(packet->tuple.destination_port == L4Port());
        return;
    }
    // With IPv4, what stands in the place of ports is taken for them even in a later fragment.
    if constexpr (std::is_same_v<F, Ipv6>) REQUIRE(packet->fragment != FragmentKind::later);
    REQUIRE(frame.read<L4Port>(packet->l4_offset) == packet->tuple.source_port);
    REQUIRE(frame.read<L4Port>(packet->l4_offset + 2U) == packet->tuple.destination_port);
}

void check_chain(PacketReader frame, std::uint32_t offset, std::uint32_t end) {
    const auto chain = ipv6_chain(frame, offset, end);
    if (!chain) return;
    REQUIRE(chain->upper_offset >= offset + sizeof(Ipv6Header));
    REQUIRE(chain->upper_offset <= end);
    REQUIRE(chain->fragment != FragmentKind::joined);
    if (chain->fragment_offset == 0) {
        REQUIRE(chain->fragment == FragmentKind::none && chain->naming_offset == 0);
        return;
    }
    REQUIRE(frame.read<std::uint8_t>(chain->naming_offset) == std::uint8_t{44});
    REQUIRE(chain->naming_offset < chain->fragment_offset);
    REQUIRE(frame.read<Ipv6ExtensionHeader>(chain->fragment_offset).has_value());
}

/// Reads whatever lies at `offset` as a quoted packet, from heap memory of just that size.
void check_quotes(const std::uint8_t* data, std::size_t size, std::uint32_t offset) {
    const auto copy = std::make_unique<std::byte[]>(size);
    std::transform(data, data + size, copy.get(), [](std::uint8_t b) { return std::byte{b}; });
    const PacketReader frame({copy.get(), size});
    check_quoted<Ipv4>(frame, offset);
    check_quoted<Ipv6>(frame, offset);
    check_chain(frame, offset, static_cast<std::uint32_t>(size));
    check_chain(frame, offset, static_cast<std::uint32_t>(size / 2));
}

struct Outcome {
    std::optional<DropReason> reason;
    PacketMeta meta;
};
/// Parses the first `here` bytes of a frame of `length`, from heap memory of just that size.
Outcome parse_first(const std::uint8_t* data, std::size_t here, std::size_t length,
                    HeaderChecksum header_checksum) {
    const auto copy = std::make_unique<std::byte[]>(here);
    std::transform(data, data + here, copy.get(), [](std::uint8_t b) { return std::byte{b}; });
    const PacketReader frame({copy.get(), here});
    Outcome out;
    out.reason = parse(frame, static_cast<std::uint32_t>(length), out.meta, header_checksum);
    if (!out.reason) check(frame, length, out.meta);
    return out;
}

}  // namespace
}  // namespace shunt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shunt;
    const Outcome strict = parse_first(data, size, size, HeaderChecksum::verify);
    const Outcome whole = parse_first(data, size, size, HeaderChecksum::verified);
    REQUIRE(strict.reason == whole.reason || strict.reason == DropReason::ipv4_bad_checksum);
    REQUIRE(strict.reason != DropReason::split_header);
    // Behind Ethernet, where an error quotes, and where the contents say.
    for (const std::uint32_t offset : {14U, 42U, 62U}) check_quotes(data, size, offset);
    if (size < 2) return 0;
    check_quotes(data, size, data[size - 2]);
    // The cut moves with the contents, so that every place is reached.
    const std::size_t here = std::size_t{data[size - 1]} % size;
    const Outcome cut = parse_first(data, here, size, HeaderChecksum::verified);
    if (cut.reason == DropReason::split_header) return 0;
    REQUIRE(cut.reason == whole.reason);
    if (whole.reason) return 0;
    REQUIRE(cut.meta.l4_offset == whole.meta.l4_offset);
    REQUIRE(cut.meta.has_ports == whole.meta.has_ports);
    REQUIRE(cut.meta.icmp_type == whole.meta.icmp_type);
    REQUIRE(cut.meta.sctp_chunk == whole.meta.sctp_chunk);
    return 0;
}
