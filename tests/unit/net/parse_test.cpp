// SPDX-License-Identifier: BSD-3-Clause
#include "net/parse.h"

#include <gtest/gtest.h>

#include <memory>
#include <ostream>

#include "support/packet_builder.h"

namespace shunt {
namespace {

using test::bytes_of;
using test::Frame;
using test::PacketBuilder;

constexpr std::uint8_t syn = TcpHeader::syn;

PacketBuilder v4() {
    return PacketBuilder().ipv4("192.0.2.7", "198.51.100.10");
}
PacketBuilder v6() {
    return PacketBuilder().ipv6("2001:db8::7", "2001:db8:1::10");
}

/// An SCTP packet from port 40000 to 80 with these chunks.
Frame sctp_bytes(std::initializer_list<int> chunks) {
    Frame out = bytes_of({0x9C, 0x40, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8});
    const Frame rest = bytes_of(chunks);
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}
PacketBuilder sctp(PacketBuilder builder, std::initializer_list<int> chunks) {
    return builder.ip_protocol(132).payload(sctp_bytes(chunks));
}

std::string reason_text(const std::optional<DropReason>& reason) {
    return reason ? std::string(name(*reason)) : "sound";
}

struct Parsed {
    PacketMeta meta;
    std::string reason;
};
/// Parses from a heap copy of exact size, so that AddressSanitizer sees a read beyond the end.
Parsed parse_frame(std::span<const std::byte> bytes, std::size_t frame_length) {
    const auto copy = std::make_unique<std::byte[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    Parsed out;
    out.reason = reason_text(parse(PacketReader({copy.get(), bytes.size()}),
                                   static_cast<std::uint32_t>(frame_length), out.meta));
    return out;
}
Parsed parse_frame(std::span<const std::byte> bytes) {
    return parse_frame(bytes, bytes.size());
}

// --- frames that must be dropped -----------------------------------------------------------------

struct BadRow {
    std::string name;
    Frame frame;
    DropReason reason;
};
std::ostream& operator<<(std::ostream& out, const BadRow& row) {
    return out << row.name;
}
class ParseBad : public ::testing::TestWithParam<BadRow> {};

TEST_P(ParseBad, IsDroppedForItsReason) {
    const BadRow& row = GetParam();
    EXPECT_EQ(parse_frame(row.frame).reason, name(row.reason)) << test::describe(row.frame) << '\n'
                                                               << test::hexdump(row.frame);
}

Frame cut(Frame frame, std::size_t length) {
    frame.resize(length);
    return frame;
}

const std::vector<BadRow> bad_rows = {
    {"nothing", {}, DropReason::truncated},
    {"half_ethernet", cut(v4().build(), 13), DropReason::truncated},
    {"vlan_without_tag", cut(v4().vlan(1).build(), 17), DropReason::truncated},
    {"second_tag_cut", cut(v4().vlan(1, EtherType::qinq).vlan(2).build(), 21),
     DropReason::truncated},
    {"ipv4_without_header", cut(v4().tcp(1, 2).build(), 14 + 19), DropReason::truncated},
    {"ipv6_without_header", cut(v6().tcp(1, 2).build(), 14 + 39), DropReason::truncated},

    {"ipv4_version_5", v4().ip_version(5).tcp(1, 2).build(), DropReason::ipv4_bad_header},
    {"ipv4_version_6", v4().ip_version(6).tcp(1, 2).build(), DropReason::ipv4_bad_header},
    {"ipv4_ihl_0", v4().ihl(0).tcp(1, 2).build(), DropReason::ipv4_bad_header},
    {"ipv4_ihl_4", v4().ihl(4).tcp(1, 2).build(), DropReason::ipv4_bad_header},
    {"ipv4_ihl_beyond_total", v4().ihl(15).udp(1, 2).build(), DropReason::ipv4_bad_header},
    {"ipv4_total_0", v4().ip_length(0).tcp(1, 2).build(), DropReason::ipv4_bad_header},
    {"ipv4_total_below_header", v4().ip_length(19).tcp(1, 2).build(), DropReason::ipv4_bad_header},
    {"ipv4_total_below_options", v4().ip_options(Frame(8)).ip_length(27).tcp(1, 2).build(),
     DropReason::ipv4_bad_header},
    {"ipv4_total_beyond_frame", v4().ip_length(41).tcp(1, 2).build(), DropReason::truncated},
    {"ipv4_checksum", v4().ip_checksum(0x1234).tcp(1, 2).build(), DropReason::ipv4_bad_checksum},
    {"ipv4_checksum_with_options", v4().ip_options(Frame(40)).ip_checksum(1).tcp(1, 2).build(),
     DropReason::ipv4_bad_checksum},

    {"ipv6_version_4", v6().ip_version(4).tcp(1, 2).build(), DropReason::ipv6_bad_header},
    {"ipv6_payload_beyond_frame", v6().ip_length(21).tcp(1, 2).build(), DropReason::truncated},
    {"ipv6_extension_beyond_payload", v6().extension(0).ip_length(7).tcp(1, 2).build(),
     DropReason::ipv6_bad_header},
    {"ipv6_extension_length_beyond_payload", v6().extension(60, bytes_of({0})).build(),
     DropReason::ipv6_bad_header},  // its length byte is overwritten below
    {"ipv6_fragment_header_cut", v6().fragment(0, true).ip_length(4).udp(1, 2).build(),
     DropReason::ipv6_bad_header},

    {"v4_tcp_cut", v4().ip_length(20 + 19).tcp(1, 2).build(), DropReason::l4_bad_header},
    {"v4_tcp_empty", v4().ip_protocol(6).build(), DropReason::l4_bad_header},
    {"v4_udp_cut", v4().ip_length(20 + 7).udp(1, 2).build(), DropReason::l4_bad_header},
    {"v4_udp_empty", v4().ip_protocol(17).build(), DropReason::l4_bad_header},
    {"v6_tcp_cut", v6().ip_length(19).tcp(1, 2).build(), DropReason::l4_bad_header},
    {"v4_sctp_header_cut", v4().ip_protocol(132).payload(std::size_t{11}).build(),
     DropReason::l4_bad_header},
    {"v4_sctp_without_chunk", sctp(v4(), {}).build(), DropReason::l4_bad_header},
    {"v4_sctp_chunk_cut", sctp(v4(), {0, 3, 0}).build(), DropReason::l4_bad_header},
    {"v6_sctp_chunk_cut", sctp(v6(), {0, 3, 0}).build(), DropReason::l4_bad_header},
    {"v6_udp_cut", v6().ip_length(7).udp(1, 2).build(), DropReason::l4_bad_header},
};

std::vector<BadRow> with_long_extension(std::vector<BadRow> rows) {
    for (BadRow& row : rows)
        if (row.name == "ipv6_extension_length_beyond_payload")
            test::poke(row.frame, 14 + 40 + 1, {1});
    return rows;
}

INSTANTIATE_TEST_SUITE_P(Rows, ParseBad, ::testing::ValuesIn(with_long_extension(bad_rows)),
                         [](const auto& info) { return info.param.name; });

// --- frames that are sound -----------------------------------------------------------------------

struct GoodRow {
    std::string name;
    Frame frame;
    NetworkKind network;
    Protocol protocol = Protocol::none;
    std::size_t l3 = 14;
    std::size_t l4 = 0;
    std::size_t l3_length = 0;
    bool has_ports = false;
    std::uint16_t vlan = 0;
    FragmentKind fragment = FragmentKind::none;
    std::uint8_t tcp_flags = 0;
    std::uint8_t icmp_type = no_icmp_type;
    std::uint8_t sctp_chunk = 0;
};
std::ostream& operator<<(std::ostream& out, const GoodRow& row) {
    return out << row.name;
}
class ParseGood : public ::testing::TestWithParam<GoodRow> {};

template <class F>
void check_tuple(const PacketMeta& meta, const GoodRow& row) {
    const FlowTuple<F>& tuple = meta.tuple<F>();
    const bool v4_row = F::family == Family::ipv4;
    EXPECT_EQ(to_string(IpAddress(tuple.source)), v4_row ? "192.0.2.7" : "2001:db8::7");
    EXPECT_EQ(to_string(IpAddress(tuple.destination)), v4_row ? "198.51.100.10" : "2001:db8:1::10");
    EXPECT_EQ(tuple.protocol, row.protocol);
    EXPECT_EQ(tuple.source_port.value(), row.has_ports ? 40000 : 0);
    EXPECT_EQ(tuple.destination_port.value(), row.has_ports ? 80 : 0);
    EXPECT_EQ(tuple.zero, (std::array<std::uint8_t, 3>{}));
}

TEST_P(ParseGood, SaysWhatTheFrameHolds) {
    const GoodRow& row = GetParam();
    const auto [meta, reason] = parse_frame(row.frame);
    SCOPED_TRACE(test::describe(row.frame) + '\n' + test::hexdump(row.frame));
    ASSERT_EQ(reason, "sound");
    EXPECT_EQ(meta.network, row.network);
    EXPECT_EQ(meta.l3_offset, row.l3);
    EXPECT_EQ(meta.vlan, row.vlan);
    EXPECT_EQ(meta.to_group, false);
    EXPECT_EQ(to_string(meta.destination_mac), "02:00:00:00:00:02");
    EXPECT_EQ(meta.has_ports, row.has_ports);
    EXPECT_EQ(meta.fragment, row.fragment);
    EXPECT_EQ(meta.tcp_flags, row.tcp_flags);
    EXPECT_EQ(meta.icmp_type, row.icmp_type);
    EXPECT_EQ(meta.sctp_chunk, row.sctp_chunk);
    if (row.network == NetworkKind::other) return;
    EXPECT_EQ(meta.l4_offset, row.l4);
    EXPECT_EQ(meta.l3_length, row.l3_length);
    EXPECT_EQ(meta.ttl, 61);
    if (row.network == NetworkKind::ipv4)
        check_tuple<Ipv4>(meta, row);
    else
        check_tuple<Ipv6>(meta, row);
}

GoodRow tcp4(std::string name, PacketBuilder builder, std::size_t l4, std::size_t length) {
    return {.name = std::move(name),
            .frame = builder.ttl(61).tcp(40000, 80, syn).build(),
            .network = NetworkKind::ipv4,
            .protocol = Protocol::tcp,
            .l4 = l4,
            .l3_length = length,
            .has_ports = true,
            .tcp_flags = syn};
}
GoodRow tcp6(std::string name, PacketBuilder builder, std::size_t l4, std::size_t length) {
    GoodRow row = tcp4(std::move(name), std::move(builder), l4, length);
    row.network = NetworkKind::ipv6;
    return row;
}
GoodRow udp4(std::string name, PacketBuilder builder, std::size_t length) {
    return {.name = std::move(name),
            .frame = builder.ttl(61).build(),
            .network = NetworkKind::ipv4,
            .protocol = Protocol::udp,
            .l4 = 34,
            .l3_length = length,
            .has_ports = true};
}
GoodRow udp6(std::string name, PacketBuilder builder, std::size_t l4, std::size_t length) {
    GoodRow row = udp4(std::move(name), std::move(builder), length);
    row.network = NetworkKind::ipv6;
    row.l4 = l4;
    return row;
}
GoodRow on_vlan(GoodRow row, std::size_t l3, std::uint16_t vlan) {
    row.l3 = l3;
    row.vlan = vlan;
    return row;
}
GoodRow fragment(GoodRow row, FragmentKind kind, bool has_ports) {
    row.fragment = kind;
    row.has_ports = has_ports;
    return row;
}
GoodRow portless(GoodRow row, Protocol protocol) {
    row.protocol = protocol;
    row.has_ports = false;
    row.tcp_flags = 0;
    return row;
}
GoodRow icmp(GoodRow row, Protocol protocol, std::uint8_t type) {
    row = portless(std::move(row), protocol);
    row.icmp_type = type;
    return row;
}
/// `length` of the network packet; the frame is built from `builder` as it is.
GoodRow sctp_row(std::string name, PacketBuilder builder, NetworkKind network, std::size_t length,
                 std::uint8_t chunk) {
    GoodRow row = udp4(std::move(name), std::move(builder), length);
    row.network = network;
    row.l4 = network == NetworkKind::ipv4 ? 34 : 54;
    row.protocol = Protocol::sctp;
    row.sctp_chunk = chunk;
    return row;
}
GoodRow other(std::string name, Frame frame, std::size_t l3 = 14, std::uint16_t vlan = 0) {
    return {.name = std::move(name),
            .frame = std::move(frame),
            .network = NetworkKind::other,
            .l3 = l3,
            .vlan = vlan};
}
std::vector<GoodRow> link_rows() {
    return {
        other("arp", PacketBuilder().payload(std::size_t{46}).build()),
        other("ethernet_header_only", PacketBuilder().build()),
        other("unknown_type", PacketBuilder().ether_type(0x88CC).payload("lldp").build()),
        other("length_instead_of_type", PacketBuilder().ether_type(46).payload("llc").build()),
        other("arp_on_vlan", PacketBuilder().vlan(7).build(), 18, 7),
        on_vlan(tcp4("vlan", v4().vlan(10), 38, 40), 18, 10),
        on_vlan(tcp4("vlan_4095_with_priority", v4().vlan(0xFFFF), 38, 40), 18, 4095),
        on_vlan(tcp4("priority_tag_only", v4().vlan(0xE000), 38, 40), 18, 0),
        on_vlan(tcp4("qinq", v4().vlan(100, EtherType::qinq).vlan(7), 42, 40), 22, 100),
        on_vlan(tcp4("two_8100_tags", v4().vlan(100).vlan(7), 42, 40), 22, 100),
        on_vlan(tcp6("qinq_v6", v6().vlan(100, EtherType::qinq).vlan(7), 62, 60), 22, 100),
    };
}
std::vector<GoodRow> ipv4_rows() {
    return {
        tcp4("tcp", v4(), 34, 40),
        tcp4("padded", v4().pad_to(60), 34, 40),
        tcp4("longest_ip_options", v4().ip_options(Frame(40, std::byte{1})), 74, 80),
        tcp4("longest_tcp_options", v4().tcp_options(Frame(40, std::byte{1})), 34, 80),
        tcp4("payload", v4().payload(std::size_t{1460}), 34, 1500),
        tcp4("dont_fragment", v4().dont_fragment(), 34, 40),
        tcp4("bad_l4_checksum", v4().l4_checksum(0xBAD), 34, 40),
        udp4("udp_empty", v4().udp(40000, 80), 28),
        udp4("udp", v4().udp(40000, 80).payload("x"), 29),
        udp4("udp_padded", v4().udp(40000, 80).payload("x").pad_to(60), 29),
        udp4("udp_shorter_than_packet", v4().udp(40000, 80).payload("abc").udp_length(9), 31),
        udp4("udp_without_checksum", v4().udp(40000, 80).l4_checksum(0), 28),
        icmp(udp4("icmp_echo", v4().icmp(8, 0), 28), Protocol::icmp, 8),
        icmp(udp4("icmp_error", v4().icmp(3, 4).payload("quoted"), 34), Protocol::icmp, 3),
        icmp(udp4("icmp_echo_reply", v4().icmp(0, 0), 28), Protocol::icmp, 0),
        portless(udp4("icmp_cut", v4().icmp(8, 0).ip_length(27), 27), Protocol::icmp),
        portless(udp4("icmp_for_the_other_family", v4().icmp(8, 0).ip_protocol(58), 28),
                 Protocol::icmpv6),
        fragment(icmp(udp4("icmp_first_fragment",
                           v4().icmp(8, 0).payload(std::size_t{8}).fragment(0, true), 36),
                      Protocol::icmp, 8),
                 FragmentKind::first, false),
        fragment(portless(udp4("icmp_later_fragment", v4().icmp(8, 0).fragment(8, false), 28),
                          Protocol::icmp),
                 FragmentKind::later, false),
        portless(udp4("gre", v4().ip_protocol(47), 20), Protocol::gre),
        portless(
            udp4("protocol_hop_by_hop_means_nothing", v4().ip_protocol(0).payload("12345678"), 28),
            static_cast<Protocol>(0)),
        // Lengths that lie inside the transport header are for its receiver to judge, as in IPVS.
        tcp4("tcp_offset_4", v4().data_offset(4), 34, 40),
        tcp4("tcp_offset_beyond", v4().data_offset(15), 34, 40),
        udp4("udp_length_0", v4().udp(40000, 80).udp_length(0), 28),
        udp4("udp_length_beyond", v4().udp(40000, 80).udp_length(9), 28),
        // Its ports may come with a fragment that is too short for them.
        fragment(portless(udp4("first_fragment_without_tcp_header",
                               v4().tcp(1, 2).ip_length(20 + 16).fragment(0, true), 36),
                          Protocol::tcp),
                 FragmentKind::first, false),
        fragment(
            portless(udp4("first_fragment_of_nothing", v4().ip_protocol(17).fragment(0, true), 20),
                     Protocol::udp),
            FragmentKind::first, false),
        // A fragment's UDP length is that of the whole datagram.
        fragment(
            udp4("first_fragment",
                 v4().udp(40000, 80).payload(std::size_t{16}).udp_length(3000).fragment(0, true),
                 44),
            FragmentKind::first, true),
        fragment(udp4("middle_fragment", v4().udp(40000, 80).fragment(1480, true), 28),
                 FragmentKind::later, false),
        fragment(udp4("last_fragment", v4().udp(40000, 80).fragment(8, false), 28),
                 FragmentKind::later, false),
        fragment(udp4("last_fragment_at_the_end", v4().udp(40000, 80).fragment(65528, false), 28),
                 FragmentKind::later, false),
        fragment(portless(udp4("tiny_later_fragment",
                               v4().ip_protocol(6).payload("x").fragment(8, true), 21),
                          Protocol::tcp),
                 FragmentKind::later, false),
    };
}
std::vector<GoodRow> sctp_rows() {
    const auto row = [](std::string name, std::initializer_list<int> chunks, int chunk,
                        std::size_t cut = 0) {
        return sctp_row(std::move(name),
                        cut == 0 ? sctp(v4(), chunks)
                                 : sctp(v4(), chunks).ip_length(static_cast<std::uint16_t>(cut)),
                        NetworkKind::ipv4, cut == 0 ? 32 + chunks.size() : cut,
                        static_cast<std::uint8_t>(chunk));
    };
    return {
        row("sctp_data", {0, 3, 0, 4}, 0),
        row("sctp_init", {1, 0, 0, 20}, 1),
        row("sctp_abort", {6, 0, 0, 4}, 6),
        row("sctp_unknown_type", {255, 0, 0, 4}, 255),
        row("sctp_length_0", {10, 0, 0, 0, 6, 0, 0, 4}, 10),
        row("sctp_length_3", {10, 0, 0, 3, 6, 0, 0, 4}, 10),
        row("sctp_length_beyond", {10, 0, 255, 255, 6, 0, 0, 4}, 10),
        row("sctp_echo_then_abort", {10, 0, 0, 4, 6, 0, 0, 4}, 6),
        row("sctp_ack_then_abort", {11, 0, 0, 4, 6, 0, 0, 4}, 6),
        row("sctp_padded_echo_then_abort", {10, 0, 0, 5, 9, 0, 0, 0, 6, 0, 0, 4}, 6),
        row("sctp_padded_echo_then_data", {10, 0, 0, 5, 9, 6, 0, 0, 4, 3, 0, 4}, 10),
        row("sctp_echo_then_data", {10, 0, 0, 4, 0, 3, 0, 4}, 10),
        row("sctp_echo_data_abort", {10, 0, 0, 4, 0, 3, 0, 4, 6, 0, 0, 4}, 10),
        row("sctp_data_then_abort", {0, 3, 0, 4, 6, 0, 0, 4}, 0),
        row("sctp_init_then_abort", {1, 0, 0, 4, 6, 0, 0, 4}, 1),
        row("sctp_echo_then_abort_cut", {10, 0, 0, 4, 6, 0, 0}, 10),
        row("sctp_echo_then_abort_behind_the_end", {10, 0, 0, 4, 6, 0, 0, 4}, 10, 20 + 12 + 7),
        sctp_row("v6_sctp_init", sctp(v6(), {1, 0, 0, 20}), NetworkKind::ipv6, 56, 1),
        sctp_row("v6_sctp_ack_then_abort", sctp(v6(), {11, 0, 0, 4, 6, 0, 0, 4}), NetworkKind::ipv6,
                 60, 6),
        fragment(sctp_row("sctp_first_fragment",
                          sctp(v4(), {10, 0, 0, 4, 6, 0, 0, 4, 0, 0, 0, 0}).fragment(0, true),
                          NetworkKind::ipv4, 44, 6),
                 FragmentKind::first, true),
        fragment(portless(udp4("sctp_first_fragment_without_chunk",
                               sctp(v4(), {0, 3, 0}).fragment(0, true), 35),
                          Protocol::sctp),
                 FragmentKind::first, false),
        fragment(
            portless(udp4("sctp_later_fragment", sctp(v4(), {6, 0, 0, 4}).fragment(8, true), 36),
                     Protocol::sctp),
            FragmentKind::later, false),
    };
}
std::vector<GoodRow> ipv6_rows() {
    const Frame eight(8);
    return {
        tcp6("v6_tcp", v6(), 54, 60),
        tcp6("v6_flow_and_class", v6().tos(0xFF).flow_label(0xFFFFF), 54, 60),
        tcp6("v6_padded", v6().pad_to(100), 54, 60),
        udp6("v6_udp", v6().udp(40000, 80).payload("abc"), 54, 51),
        udp6("v6_udp_zero_checksum", v6().udp(40000, 80).l4_checksum(0), 54, 48),
        tcp6("v6_hop_by_hop", v6().extension(0), 62, 68),
        tcp6("v6_routing", v6().extension(43, eight), 70, 76),
        tcp6("v6_destination_options", v6().extension(60, Frame(30)), 86, 92),
        tcp6("v6_longest_extension", v6().extension(60, Frame(2046)), 54 + 2048, 60 + 2048),
        // IPVS looks neither into AH nor into ESP.
        portless(udp6("v6_authentication", v6().extension(51, Frame(22)).udp(1, 2), 54, 72),
                 Protocol::ah),
        fragment(
            tcp6("v6_chain",
                 v6().extension(0).extension(60).extension(43, eight).fragment(0, false).extension(
                     60),
                 54 + 8 + 8 + 16 + 8 + 8, 60 + 8 + 8 + 16 + 8 + 8),
            FragmentKind::atomic, true),
        on_vlan(tcp6("v6_chain_on_vlan", v6().vlan(9).extension(0).extension(60), 74, 76), 18, 9),
        icmp(udp6("v6_icmp", v6().icmp(128, 0), 54, 48), Protocol::icmpv6, 128),
        icmp(udp6("v6_icmp_behind_options", v6().extension(0).icmp(143, 0), 62, 56),
             Protocol::icmpv6, 143),
        portless(udp6("v6_icmp_cut", v6().icmp(1, 4).ip_length(7), 54, 47), Protocol::icmpv6),
        portless(udp6("v6_icmp_for_the_other_family", v6().icmp(8, 0).ip_protocol(1), 54, 48),
                 Protocol::icmp),
        portless(udp6("v6_no_next_header", v6().payload("x"), 54, 41), static_cast<Protocol>(59)),
        portless(udp6("v6_esp", v6().ip_protocol(50).payload(eight), 54, 48), Protocol::esp),
        portless(udp6("v6_empty_unknown", v6().ip_protocol(200), 54, 40),
                 static_cast<Protocol>(200)),
        fragment(
            udp6("v6_first_fragment",
                 v6().udp(40000, 80).payload(eight).udp_length(3000).fragment(0, true), 62, 64),
            FragmentKind::first, true),
        fragment(portless(udp6("v6_first_fragment_without_udp_header",
                               v6().ip_protocol(17).payload("1234567").fragment(0, true), 62, 55),
                          Protocol::udp),
                 FragmentKind::first, false),
        fragment(udp6("v6_later_fragment", v6().udp(40000, 80).fragment(1232, false), 62, 56),
                 FragmentKind::later, false),
        fragment(udp6("v6_later_fragment_behind_options",
                      v6().extension(0).udp(40000, 80).fragment(1232, true), 70, 64),
                 FragmentKind::later, false),
        // The bytes of a later fragment are data, whatever their header's number means.
        fragment(
            portless(
                udp6("v6_later_fragment_of_options",
                     v6().ip_protocol(60).payload(Frame(8, std::byte{0xFF})).fragment(8, false), 62,
                     56),
                static_cast<Protocol>(60)),
            FragmentKind::later, false),
        // RFC 6946: offset 0 and no more fragments is a whole packet.
        fragment(tcp6("v6_atomic_fragment", v6().fragment(0, false), 62, 68), FragmentKind::atomic,
                 true),
    };
}

const auto row_name = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Link, ParseGood, ::testing::ValuesIn(link_rows()), row_name);
INSTANTIATE_TEST_SUITE_P(Ipv4, ParseGood, ::testing::ValuesIn(ipv4_rows()), row_name);
INSTANTIATE_TEST_SUITE_P(Sctp, ParseGood, ::testing::ValuesIn(sctp_rows()), row_name);
INSTANTIATE_TEST_SUITE_P(Ipv6, ParseGood, ::testing::ValuesIn(ipv6_rows()), row_name);

// --- rules that are no rows ----------------------------------------------------------------------

TEST(Parse, AChecksumThatTheCardVerifiedIsNotComputedAgain) {
    const Frame bad = v4().ip_checksum(0x1234).tcp(40000, 80).build();
    const auto length = static_cast<std::uint32_t>(bad.size());
    PacketMeta meta;
    EXPECT_EQ(reason_text(parse(PacketReader(bad), length, meta, HeaderChecksum::verified)),
              "sound");
    EXPECT_TRUE(meta.has_ports);
    // The other rules of the header still hold.
    const Frame lie = v4().ihl(4).tcp(40000, 80).build();
    EXPECT_EQ(reason_text(parse(PacketReader(lie), length, meta, HeaderChecksum::verified)),
              "ipv4_bad_header");
}

TEST(Parse, GroupAddressesAreTold) {
    for (const char* const mac : {"ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01", "01:00:5e:00:00:fb"}) {
        const Frame frame = v6().mac("02:00:00:00:00:01", mac).udp(5353, 5353).build();
        const Parsed parsed = parse_frame(frame);
        EXPECT_EQ(parsed.reason, "sound");
        EXPECT_TRUE(parsed.meta.to_group) << mac;
        EXPECT_EQ(to_string(parsed.meta.destination_mac), mac);
    }
}

TEST(Parse, EveryTcpFlagArrives) {
    for (int flags = 0; flags < 256; ++flags) {
        const Frame frame = v4().tcp(1, 2, static_cast<std::uint8_t>(flags)).build();
        ASSERT_EQ(parse_frame(frame).meta.tcp_flags, flags);
    }
}

TEST(Parse, NothingOfAnEarlierPacketStaysInTheMeta) {
    PacketMeta used;
    const Frame first = v6().vlan(9).ttl(7).tcp(40000, 80, syn).build();
    ASSERT_EQ(reason_text(parse(PacketReader(first), 78, used)), "sound");
    used.icmp_type = 8;
    used.sctp_chunk = 6;
    for (const GoodRow& row : ipv4_rows()) {
        PacketMeta meta = used;
        const auto length = static_cast<std::uint32_t>(row.frame.size());
        ASSERT_EQ(reason_text(parse(PacketReader(row.frame), length, meta)), "sound");
        const PacketMeta fresh = parse_frame(row.frame).meta;
        EXPECT_EQ(meta.tuple_v4, fresh.tuple_v4) << row.name;
        EXPECT_EQ(meta.vlan, 0) << row.name;
        EXPECT_EQ(meta.tcp_flags, fresh.tcp_flags) << row.name;
        EXPECT_EQ(meta.has_ports, fresh.has_ports) << row.name;
        EXPECT_EQ(meta.fragment, fresh.fragment) << row.name;
        EXPECT_EQ(meta.icmp_type, fresh.icmp_type) << row.name;
        EXPECT_EQ(meta.sctp_chunk, fresh.sctp_chunk) << row.name;
    }
    PacketMeta meta = used;
    const Frame arp = PacketBuilder().build();
    ASSERT_EQ(reason_text(parse(PacketReader(arp), 14, meta)), "sound");
    EXPECT_EQ(meta.network, NetworkKind::other);
    EXPECT_FALSE(meta.has_ports);
    EXPECT_EQ(meta.vlan, 0);
}

/// Frames without payload whose every byte belongs to a header.
std::vector<Frame> header_frames() {
    return {v4().tcp(1, 2).build(),
            v4().vlan(1, EtherType::qinq).vlan(2).udp(1, 2).build(),
            v4().ip_options(Frame(40, std::byte{1})).tcp(1, 2).build(),
            v6().tcp(1, 2).build(),
            v6().vlan(3).extension(0).extension(43, Frame(6)).extension(60).udp(1, 2).build(),
            v6().extension(60, Frame(22)).fragment(0, true).udp(1, 2).build(),
            v4().icmp(3, 3).build(),
            v6().extension(0).icmp(1, 4).build(),
            sctp(v4(), {1, 0, 0, 4}).build(),
            sctp(v6(), {10, 0, 0, 4, 6, 0, 0, 4}).build()};
}

TEST(Parse, NoTruncationOfASoundFrameIsSound) {
    for (const Frame& frame : header_frames()) {
        ASSERT_EQ(parse_frame(frame).reason, "sound") << test::describe(frame);
        for (std::size_t length = 0; length < frame.size(); ++length) {
            const std::string reason = parse_frame(std::span(frame).first(length)).reason;
            EXPECT_TRUE(reason == "truncated" || reason == "ipv4_bad_header" ||
                        reason == "ipv6_bad_header" || reason == "l4_bad_header")
                << test::describe(frame) << " cut to " << length << ": " << reason;
        }
    }
}

TEST(Parse, HeadersThatGoOnInAnotherBufferAreCalledSplit) {
    for (const Frame& frame : header_frames())
        for (std::size_t here = 0; here < frame.size(); ++here)
            EXPECT_EQ(parse_frame(std::span(frame).first(here), frame.size()).reason,
                      "split_header")
                << test::describe(frame) << ", " << here << " bytes in the first buffer";
}

TEST(Parse, PayloadInAnotherBufferIsFine) {
    for (const Frame& head : {v4().tcp(40000, 80).payload(std::size_t{1000}).build(),
                              v6().udp(40000, 80).payload(std::size_t{1000}).build()}) {
        const PacketMeta whole = parse_frame(head).meta;
        for (const std::size_t here : {head.size() - 1000, head.size() - 999, head.size() - 1}) {
            const Parsed parsed = parse_frame(std::span(head).first(here), head.size());
            ASSERT_EQ(parsed.reason, "sound") << here;
            EXPECT_EQ(parsed.meta.l3_length, whole.l3_length);
            EXPECT_EQ(parsed.meta.l4_offset, whole.l4_offset);
            EXPECT_TRUE(parsed.meta.has_ports);
        }
    }
}

TEST(Parse, ALieAboutLengthIsNotExcusedByAnotherBuffer) {
    const Frame frame = v4().tcp(1, 2).ip_length(1000).payload(std::size_t{100}).build();
    EXPECT_EQ(parse_frame(std::span(frame).first(60), frame.size()).reason, "truncated");
    const Frame v6_frame = v6().tcp(1, 2).ip_length(1000).payload(std::size_t{100}).build();
    EXPECT_EQ(parse_frame(std::span(v6_frame).first(80), v6_frame.size()).reason, "truncated");
}

TEST(Parse, LongChainsOfExtensionsEnd) {
    // As many smallest headers as a packet can hold: sound or refused, but never a crash or a hang,
    // and never ports read from the wrong place.
    PacketBuilder builder = v6();
    for (int i = 0; i < 8000; ++i) builder.extension(60);
    const Frame frame = builder.tcp(40000, 80).build();
    const Parsed parsed = parse_frame(frame);
    if (parsed.reason == "sound")
        EXPECT_EQ(parsed.meta.l4_offset, 14 + 40 + 8 * 8000);
    else
        EXPECT_EQ(parsed.reason, "ipv6_bad_header");
}

TEST(Parse, TheLargestPacketHasItsLength) {
    const Frame frame = v4().udp(40000, 80).payload(std::size_t{65535 - 28}).build();
    const Parsed parsed = parse_frame(frame);
    EXPECT_EQ(parsed.reason, "sound");
    EXPECT_EQ(parsed.meta.l3_length, 65535);
}

TEST(Parse, AnIpv6PacketOfMoreThan16BitsOfLengthIsRefused) {
    // 40 bytes of header and 65,535 of payload: more than l3_length holds.
    const Frame frame = v6().udp(40000, 80).payload(std::size_t{65535 - 8}).build();
    const Parsed parsed = parse_frame(frame);
    EXPECT_EQ(parsed.reason, "ipv6_bad_header") << "l3_length " << parsed.meta.l3_length;
}

// --- the chain of IPv6 headers -------------------------------------------------------------------

/// The chain of a frame with the IPv6 header at 14, from a heap copy of exact size.
std::optional<Ipv6Chain> chain_of(const Frame& frame, std::uint32_t end) {
    const auto copy = std::make_unique<std::byte[]>(frame.size());
    std::copy(frame.begin(), frame.end(), copy.get());
    return ipv6_chain(PacketReader({copy.get(), frame.size()}), 14, end);
}
std::optional<Ipv6Chain> chain_of(const Frame& frame) {
    return chain_of(frame, static_cast<std::uint32_t>(frame.size()));
}

TEST(Ipv6Chain, TellsWhereTheFragmentHeaderIsAndWhatNamesIt) {
    const Frame frame = v6().extension(0)
                            .extension(43, Frame(14))
                            .fragment(0, true)
                            .extension(60)
                            .udp(1, 2)
                            .build();
    const auto chain = chain_of(frame);
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain->naming_offset, 14 + 40 + 8);
    EXPECT_EQ(frame.at(chain->naming_offset), std::byte{44});
    EXPECT_EQ(chain->fragment_offset, 14 + 40 + 8 + 16);
    EXPECT_EQ(frame.at(chain->fragment_offset), std::byte{60});
    EXPECT_EQ(chain->upper_offset, 14 + 40 + 8 + 16 + 8 + 8);
    EXPECT_EQ(chain->upper, Protocol::udp);
    EXPECT_EQ(chain->fragment, FragmentKind::first);
}

TEST(Ipv6Chain, AFragmentHeaderBehindTheFixedOneIsNamedByThat) {
    const auto chain = chain_of(v6().fragment(1232, true).tcp(1, 2).build());
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain->naming_offset, 14 + 6);
    EXPECT_EQ(chain->fragment_offset, 14 + 40);
    EXPECT_EQ(chain->upper_offset, 14 + 48);
    EXPECT_EQ(chain->upper, Protocol::tcp);
    EXPECT_EQ(chain->fragment, FragmentKind::later);
}

TEST(Ipv6Chain, AWholePacketMayHaveAFragmentHeader) {
    const auto chain = chain_of(v6().extension(60).fragment(0, false).icmp(1, 4).build());
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain->fragment, FragmentKind::atomic);
    EXPECT_EQ(chain->fragment_offset, 14 + 48);
    EXPECT_EQ(chain->naming_offset, 14 + 40);
    EXPECT_EQ(chain->upper, Protocol::icmpv6);
}

TEST(Ipv6Chain, AFragmentHeaderHasOneSizeWhateverItsReservedByteSays) {
    Frame frame = v6().fragment(0, true).udp(1, 2).build();
    test::poke(frame, 14 + 40 + 1, {255});
    const auto chain = chain_of(frame);
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain->upper_offset, 14 + 48);
    EXPECT_EQ(chain->upper, Protocol::udp);
}

TEST(Ipv6Chain, TheFragmentHeaderThatTellsOfAFragmentDecides) {
    const auto chain = chain_of(v6().fragment(0, true).fragment(0, false).udp(1, 2).build());
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain->fragment, FragmentKind::first);
    EXPECT_EQ(chain->fragment_offset, 14 + 40);
    EXPECT_EQ(chain->naming_offset, 14 + 6);
    const auto inside = chain_of(v6().fragment(0, false).fragment(0, true).udp(1, 2).build());
    ASSERT_TRUE(inside);
    EXPECT_EQ(inside->fragment, FragmentKind::first);
    EXPECT_EQ(inside->fragment_offset, 14 + 48);
    EXPECT_EQ(inside->naming_offset, 14 + 40);
}

TEST(Ipv6Chain, WithoutAFragmentHeaderThereIsNoPlaceOfOne) {
    for (const Frame& frame : {v6().tcp(1, 2).build(), v6().extension(0).tcp(1, 2).build()}) {
        const auto chain = chain_of(frame);
        ASSERT_TRUE(chain);
        EXPECT_EQ(chain->fragment_offset, 0);
        EXPECT_EQ(chain->naming_offset, 0);
        EXPECT_EQ(chain->fragment, FragmentKind::none);
        EXPECT_EQ(chain->upper_offset, frame.size() - 20);
    }
}

TEST(Ipv6Chain, EightHeadersAreWalkedOverAndNoMore) {
    PacketBuilder eight = v6();
    for (int i = 0; i < 8; ++i) eight.extension(60);
    EXPECT_TRUE(chain_of(PacketBuilder(eight).tcp(1, 2).build()));
    EXPECT_FALSE(chain_of(eight.extension(0).tcp(1, 2).build()));
}

TEST(Ipv6Chain, NothingLiesBehindTheEndOrTheBytes) {
    const Frame frame = v6().extension(0).extension(60, Frame(14)).tcp(1, 2).build();
    for (std::uint32_t end = 0; end <= frame.size(); ++end)
        EXPECT_EQ(chain_of(frame, end).has_value(), end >= 14 + 40 + 8 + 16) << end;
    // The last header's first eight bytes say all; the rest of it may be missing.
    for (std::size_t here = 0; here <= frame.size(); ++here)
        EXPECT_EQ(chain_of(cut(frame, here), static_cast<std::uint32_t>(frame.size())).has_value(),
                  here >= 14 + 40 + 8 + 8)
            << here;
}

// --- packets that are quoted ---------------------------------------------------------------------

/// Parses what is quoted at `offset` of a heap copy of exact size.
template <class F>
std::optional<QuotedPacket<F>> quoted(const Frame& frame, std::uint32_t offset) {
    const auto copy = std::make_unique<std::byte[]>(frame.size());
    std::copy(frame.begin(), frame.end(), copy.get());
    return parse_quoted<F>(PacketReader({copy.get(), frame.size()}), offset);
}
/// Ethernet, IPv4 and ICMP.
constexpr std::uint32_t in_error = 14 + 20 + 8;
constexpr std::uint32_t in_error_v6 = 14 + 40 + 8;

Frame behind_ethernet(const Frame& packet) {
    return {packet.begin() + sizeof(EthernetHeader), packet.end()};
}
Frame error_about(const Frame& packet) {
    return v4().icmp(3, 1).payload(behind_ethernet(packet)).build();
}
Frame error_about_v6(const Frame& packet) {
    return v6().icmp(1, 3).payload(behind_ethernet(packet)).build();
}
PacketBuilder reply() {
    return PacketBuilder().ipv4("198.51.100.10", "192.0.2.7");
}
PacketBuilder reply_v6() {
    return PacketBuilder().ipv6("2001:db8:1::10", "2001:db8::7");
}

template <class F>
std::string text(const FlowTuple<F>& t) {
    return to_string(Endpoint{t.source, t.source_port}) + " > " +
           to_string(Endpoint{t.destination, t.destination_port}) + " " +
           std::to_string(static_cast<int>(t.protocol));
}

TEST(ParseQuoted, Ipv4TellsAllThatIsThere) {
    const Frame frame = error_about(
        reply().dont_fragment().ip_options(Frame(8, std::byte{1})).tcp(80, 40000).build());
    const auto packet = quoted<Ipv4>(frame, in_error);
    ASSERT_TRUE(packet);
    EXPECT_EQ(text(packet->tuple), "198.51.100.10:80 > 192.0.2.7:40000 6");
    EXPECT_EQ(packet->tuple.zero, (std::array<std::uint8_t, 3>{}));
    EXPECT_EQ(packet->l3_offset, in_error);
    EXPECT_EQ(packet->l4_offset, in_error + 28);
    EXPECT_EQ(packet->l3_length, 48);
    EXPECT_EQ(packet->fragment, FragmentKind::none);
    EXPECT_TRUE(packet->has_ports);
    EXPECT_TRUE(packet->dont_fragment);
}

TEST(ParseQuoted, Ipv6TellsAllThatIsThere) {
    const Frame frame = error_about_v6(reply_v6().extension(0).udp(80, 40000).build());
    const auto packet = quoted<Ipv6>(frame, in_error_v6);
    ASSERT_TRUE(packet);
    EXPECT_EQ(text(packet->tuple), "[2001:db8:1::10]:80 > [2001:db8::7]:40000 17");
    EXPECT_EQ(packet->l3_offset, in_error_v6);
    EXPECT_EQ(packet->l4_offset, in_error_v6 + 48);
    EXPECT_EQ(packet->l3_length, 56);
    EXPECT_EQ(packet->fragment, FragmentKind::none);
    EXPECT_TRUE(packet->has_ports);
    EXPECT_FALSE(packet->dont_fragment);
}

TEST(ParseQuoted, FourBytesBehindTheHeaderArePorts) {
    for (const int protocol : {6, 17, 132}) {
        const auto number = static_cast<std::uint8_t>(protocol);
        const Frame ports = bytes_of({0, 80, 0x9C, 0x40});
        const auto v4_packet =
            quoted<Ipv4>(error_about(reply().ip_protocol(number).payload(ports).build()), in_error);
        ASSERT_TRUE(v4_packet);
        EXPECT_EQ(text(v4_packet->tuple),
                  "198.51.100.10:80 > 192.0.2.7:40000 " + std::to_string(protocol));
        EXPECT_TRUE(v4_packet->has_ports);
        const auto v6_packet = quoted<Ipv6>(
            error_about_v6(reply_v6().ip_protocol(number).payload(ports).build()), in_error_v6);
        ASSERT_TRUE(v6_packet);
        EXPECT_EQ(text(v6_packet->tuple),
                  "[2001:db8:1::10]:80 > [2001:db8::7]:40000 " + std::to_string(protocol));
        EXPECT_TRUE(v6_packet->has_ports);
    }
}

TEST(ParseQuoted, ATooShortQuoteHasNoPorts) {
    for (std::size_t there = 0; there < 4; ++there) {
        const Frame v4_frame = error_about(reply().tcp(80, 40000).build());
        const auto v4_packet = quoted<Ipv4>(cut(v4_frame, in_error + 20 + there), in_error);
        ASSERT_TRUE(v4_packet);
        EXPECT_FALSE(v4_packet->has_ports);
        EXPECT_EQ(text(v4_packet->tuple), "198.51.100.10:0 > 192.0.2.7:0 6");
        EXPECT_EQ(v4_packet->l3_length, 40);
        const Frame v6_frame = error_about_v6(reply_v6().tcp(80, 40000).build());
        const auto v6_packet = quoted<Ipv6>(cut(v6_frame, in_error_v6 + 40 + there), in_error_v6);
        ASSERT_TRUE(v6_packet);
        EXPECT_FALSE(v6_packet->has_ports);
        EXPECT_EQ(text(v6_packet->tuple), "[2001:db8:1::10]:0 > [2001:db8::7]:0 6");
    }
}

TEST(ParseQuoted, OtherProtocolsHaveNoPorts) {
    for (const int protocol : {1, 4, 41, 47, 50, 51, 58, 59, 0, 43, 44, 60}) {
        const auto packet = quoted<Ipv4>(
            error_about(
                reply().ip_protocol(static_cast<std::uint8_t>(protocol)).payload(Frame(8)).build()),
            in_error);
        ASSERT_TRUE(packet);
        EXPECT_FALSE(packet->has_ports);
        EXPECT_EQ(text(packet->tuple), "198.51.100.10:0 > 192.0.2.7:0 " + std::to_string(protocol));
    }
    for (const int protocol : {1, 4, 41, 47, 50, 51, 58, 59}) {
        const auto packet =
            quoted<Ipv6>(error_about_v6(reply_v6()
                                            .ip_protocol(static_cast<std::uint8_t>(protocol))
                                            .payload(Frame(8))
                                            .build()),
                         in_error_v6);
        ASSERT_TRUE(packet);
        EXPECT_FALSE(packet->has_ports);
        EXPECT_EQ(packet->l4_offset, in_error_v6 + 40);
        EXPECT_EQ(static_cast<int>(packet->tuple.protocol), protocol);
    }
}

TEST(ParseQuoted, FragmentsAreToldAndLaterOnesOfIpv4SeemToHavePorts) {
    const auto about = [](PacketBuilder b) {
        return quoted<Ipv4>(error_about(b.build()), in_error).value();
    };
    EXPECT_EQ(about(reply().udp(80, 40000).fragment(0, true)).fragment, FragmentKind::first);
    EXPECT_TRUE(about(reply().udp(80, 40000).fragment(0, true)).has_ports);
    EXPECT_EQ(about(reply().udp(80, 40000).fragment(8, false)).fragment, FragmentKind::later);
    EXPECT_TRUE(about(reply().udp(80, 40000).fragment(8, true)).has_ports);
    const auto about_v6 = [](PacketBuilder b) {
        return quoted<Ipv6>(error_about_v6(b.build()), in_error_v6).value();
    };
    EXPECT_EQ(about_v6(reply_v6().udp(80, 40000).fragment(0, true)).fragment, FragmentKind::first);
    EXPECT_TRUE(about_v6(reply_v6().udp(80, 40000).fragment(0, true)).has_ports);
    EXPECT_EQ(about_v6(reply_v6().udp(80, 40000).fragment(8, false)).fragment, FragmentKind::later);
    EXPECT_FALSE(about_v6(reply_v6().udp(80, 40000).fragment(8, false)).has_ports);
    EXPECT_EQ(about_v6(reply_v6().udp(80, 40000).fragment(0, false)).fragment,
              FragmentKind::atomic);
}

TEST(ParseQuoted, AnIpv4HeadersVersionChecksumAndLengthAreNotVerified) {
    for (const Frame& packet :
         {reply().tcp(80, 40000).ip_checksum(0xBAD).build(),
          reply().tcp(80, 40000).ip_version(6).build(),
          reply().tcp(80, 40000).ip_version(0).build(), reply().tcp(80, 40000).ip_length(0).build(),
          reply().tcp(80, 40000).ip_length(65535).build()}) {
        const auto found = quoted<Ipv4>(error_about(packet), in_error);
        ASSERT_TRUE(found);
        EXPECT_EQ(text(found->tuple), "198.51.100.10:80 > 192.0.2.7:40000 6");
        EXPECT_EQ(found->l3_length, test::get16(packet, 16));
    }
}

TEST(ParseQuoted, AnIpv4HeaderIsAtLeastTwentyBytes) {
    for (unsigned words = 0; words < 16; ++words) {
        const Frame packet = reply().ihl(static_cast<std::uint8_t>(words)).tcp(80, 40000).build();
        const auto found = quoted<Ipv4>(error_about(packet), in_error);
        ASSERT_EQ(found.has_value(), words >= 5) << words;
        if (!found) continue;
        EXPECT_EQ(found->l4_offset, in_error + words * 4);
        EXPECT_EQ(found->has_ports, words * 4 + 4 <= 40) << words;
    }
}

TEST(ParseQuoted, AnIpv6HeadersVersionAndLengthAreVerified) {
    const auto about = [](PacketBuilder b) {
        return quoted<Ipv6>(error_about_v6(b.build()), in_error_v6);
    };
    EXPECT_FALSE(about(reply_v6().tcp(80, 40000).ip_version(4)));
    EXPECT_FALSE(about(reply_v6().tcp(80, 40000).ip_length(65535 - 39)));
    // There mostly are fewer bytes than it says.
    const auto longest = about(reply_v6().tcp(80, 40000).ip_length(65535 - 40));
    ASSERT_TRUE(longest);
    EXPECT_EQ(longest->l3_length, 65535);
    // How many there are decides, not what its length says.
    EXPECT_TRUE(about(reply_v6().extension(0).tcp(80, 40000).ip_length(0)).value().has_ports);
}

TEST(ParseQuoted, AQuoteThatEndsWithinItsHeadersIsNone) {
    const Frame v4_frame = error_about(reply().tcp(80, 40000).build());
    for (std::size_t here = 0; here < in_error + 20; ++here)
        EXPECT_FALSE(quoted<Ipv4>(cut(v4_frame, here), in_error)) << here;
    const Frame v6_frame = error_about_v6(reply_v6().extension(0).extension(60).tcp(1, 2).build());
    for (std::size_t here = 0; here < in_error_v6 + 56; ++here)
        EXPECT_FALSE(quoted<Ipv6>(cut(v6_frame, here), in_error_v6)) << here;
    EXPECT_TRUE(quoted<Ipv6>(cut(v6_frame, in_error_v6 + 56), in_error_v6));
}

TEST(ParseQuoted, APlaceBehindTheFrameHoldsNothing) {
    const Frame frame = error_about(reply().tcp(80, 40000).build());
    for (const std::uint32_t offset : {82U, 83U, 0xFFFFU, 0x1002AU, 0xFFFFFFFFU}) {
        EXPECT_FALSE(quoted<Ipv4>(frame, offset));
        EXPECT_FALSE(quoted<Ipv6>(frame, offset));
    }
}

TEST(ParseQuoted, WhereOffsetsEndNoneWrapsAround) {
    const Frame longest(70000, std::byte{0x4F});
    Frame longest_v6(70000);
    for (std::uint32_t offset = 65400; offset < 65600; ++offset) {
        if (const auto packet = quoted<Ipv4>(longest, offset)) {
            EXPECT_EQ(packet->l3_offset, offset);
            EXPECT_EQ(packet->l4_offset, offset + 60);
        }
        test::poke(longest_v6, offset, {0x60, 0, 0, 0, 0, 0, 60});
        if (const auto packet = quoted<Ipv6>(longest_v6, offset)) {
            EXPECT_EQ(packet->l3_offset, offset);
            EXPECT_EQ(packet->l4_offset, offset + 48);
        }
        test::poke(longest_v6, offset, {0, 0, 0, 0, 0, 0, 0});
    }
}

TEST(ParseQuoted, APacketInsideATunnelIsReadWhereItBegins) {
    const Frame inner = v4().dont_fragment().tcp(40000, 80).build();
    const Frame outer = PacketBuilder()
                            .ipv4("203.0.113.1", "203.0.113.2")
                            .ip_protocol(4)
                            .payload(behind_ethernet(inner))
                            .build();
    const Frame frame = error_about(outer);
    const auto tunnel = quoted<Ipv4>(frame, in_error);
    ASSERT_TRUE(tunnel);
    EXPECT_EQ(text(tunnel->tuple), "203.0.113.1:0 > 203.0.113.2:0 4");
    const auto packet = quoted<Ipv4>(frame, tunnel->l4_offset);
    ASSERT_TRUE(packet);
    EXPECT_EQ(text(packet->tuple), "192.0.2.7:40000 > 198.51.100.10:80 6");
    EXPECT_EQ(packet->l3_offset, in_error + 20);
    EXPECT_TRUE(packet->dont_fragment);
}

}  // namespace
}  // namespace shunt
