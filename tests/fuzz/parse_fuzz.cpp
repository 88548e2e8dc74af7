// SPDX-License-Identifier: BSD-3-Clause
// Fuzz target of net/parse.h. The input is a frame. It is parsed whole, with and without the header
// checksum, and cut in two buffers; what parse() promises about PacketMeta must hold each time.
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
    REQUIRE(meta.tcp_flags == 0 || (meta.has_ports && tcp));
    if (!meta.has_ports) {
        REQUIRE(tuple.source_port == L4Port() && tuple.destination_port == L4Port());
        REQUIRE(meta.fragment == FragmentKind::later || (!tcp && tuple.protocol != Protocol::udp));
        return;
    }
    REQUIRE(tcp || tuple.protocol == Protocol::udp);
    REQUIRE(meta.fragment != FragmentKind::later);
    REQUIRE(meta.l4_offset + (tcp ? sizeof(TcpHeader) : sizeof(UdpHeader)) <= end);
    REQUIRE(frame.read<L4Port>(meta.l4_offset) == tuple.source_port);
    REQUIRE(frame.read<L4Port>(meta.l4_offset + 2U) == tuple.destination_port);
    if (tcp) REQUIRE(frame.read<std::uint8_t>(meta.l4_offset + 13U) == meta.tcp_flags);
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
    if (size < 2) return 0;
    // The cut moves with the contents, so that every place is reached.
    const std::size_t here = std::size_t{data[size - 1]} % size;
    const Outcome cut = parse_first(data, here, size, HeaderChecksum::verified);
    if (cut.reason == DropReason::split_header) return 0;
    REQUIRE(cut.reason == whole.reason);
    if (whole.reason) return 0;
    REQUIRE(cut.meta.l4_offset == whole.meta.l4_offset);
    REQUIRE(cut.meta.has_ports == whole.meta.has_ports);
    return 0;
}
