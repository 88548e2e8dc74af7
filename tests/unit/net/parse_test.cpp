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
    {"v4_first_fragment_without_tcp_header",
     v4().tcp(1, 2).ip_length(20 + 16).fragment(0, true).build(), DropReason::l4_bad_header},
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
        portless(udp4("icmp", v4().icmp(8, 0), 28), Protocol::icmp),
        portless(udp4("icmp_cut", v4().icmp(8, 0).ip_length(23), 23), Protocol::icmp),
        portless(udp4("sctp", v4().ip_protocol(132).payload(std::size_t{16}), 36), Protocol::sctp),
        portless(udp4("gre", v4().ip_protocol(47), 20), static_cast<Protocol>(47)),
        portless(
            udp4("protocol_hop_by_hop_means_nothing", v4().ip_protocol(0).payload("12345678"), 28),
            static_cast<Protocol>(0)),
        // Lengths that lie inside the transport header are for its receiver to judge, as in IPVS.
        tcp4("tcp_offset_4", v4().data_offset(4), 34, 40),
        tcp4("tcp_offset_beyond", v4().data_offset(15), 34, 40),
        udp4("udp_length_0", v4().udp(40000, 80).udp_length(0), 28),
        udp4("udp_length_beyond", v4().udp(40000, 80).udp_length(9), 28),
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
                 static_cast<Protocol>(51)),
        tcp6("v6_chain",
             v6().extension(0).extension(60).extension(43, eight).fragment(0, false).extension(60),
             54 + 8 + 8 + 16 + 8 + 8, 60 + 8 + 8 + 16 + 8 + 8),
        on_vlan(tcp6("v6_chain_on_vlan", v6().vlan(9).extension(0).extension(60), 74, 76), 18, 9),
        portless(udp6("v6_icmp", v6().icmp(128, 0), 54, 48), Protocol::icmpv6),
        portless(udp6("v6_icmp_behind_options", v6().extension(0).icmp(143, 0), 62, 56),
                 Protocol::icmpv6),
        portless(udp6("v6_no_next_header", v6().payload("x"), 54, 41), static_cast<Protocol>(59)),
        portless(udp6("v6_esp", v6().ip_protocol(50).payload(eight), 54, 48),
                 static_cast<Protocol>(50)),
        portless(udp6("v6_empty_unknown", v6().ip_protocol(200), 54, 40),
                 static_cast<Protocol>(200)),
        fragment(
            udp6("v6_first_fragment",
                 v6().udp(40000, 80).payload(eight).udp_length(3000).fragment(0, true), 62, 64),
            FragmentKind::first, true),
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
        tcp6("v6_atomic_fragment", v6().fragment(0, false), 62, 68),
    };
}

const auto row_name = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Link, ParseGood, ::testing::ValuesIn(link_rows()), row_name);
INSTANTIATE_TEST_SUITE_P(Ipv4, ParseGood, ::testing::ValuesIn(ipv4_rows()), row_name);
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
            v6().extension(60, Frame(22)).fragment(0, true).udp(1, 2).build()};
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

}  // namespace
}  // namespace shunt
