// SPDX-License-Identifier: BSD-3-Clause
// The builder and the verifier against bytes whose checksums are known from elsewhere.
#include "support/packet_builder.h"

#include <gtest/gtest.h>

namespace shunt::test {
namespace {

TEST(PacketBuilder, WritesEveryByteOfAUdpPacketAsTheStandardsSay) {
    const Frame frame = PacketBuilder()
                            .ipv4("192.168.0.1", "192.168.0.199")
                            .dont_fragment()
                            .udp(0x1234, 53)
                            .payload(std::size_t{0x73 - 28})
                            .build();
    // The IPv4 header is a published worked example of the checksum: 0xb861.
    const Frame expected =
        bytes_of({2,    0,    0,    0,    0,    2,    2,    0,    0,    0,    0,    1,    8,   0,
                  0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 192, 168,
                  0,    1,    192,  168,  0,    199,  0x12, 0x34, 0x00, 0x35, 0x00, 0x5f});
    ASSERT_EQ(frame.size(), 14U + 0x73);
    EXPECT_EQ(hexdump(std::span(frame).first(expected.size())), hexdump(expected));
    EXPECT_EQ(checksum_problem(frame), "");
}

TEST(PacketBuilder, EveryTransportAndFamilyComesOutRight) {
    const auto v4 = [] { return PacketBuilder().ipv4("192.0.2.7", "198.51.100.10"); };
    const auto v6 = [] { return PacketBuilder().ipv6("2001:db8::7", "2001:db8:1::10"); };
    for (const std::size_t length : {0U, 1U, 2U, 99U, 1400U}) {
        for (const Frame& frame :
             {v4().tcp(1, 2).payload(length).build(), v6().tcp(1, 2).payload(length).build(),
              v4().udp(1, 2).payload(length).build(), v6().udp(1, 2).payload(length).build(),
              v4().icmp(8, 0, 7).payload(length).build(), v6().icmp(128, 0).payload(length).build(),
              v4().ip_options(bytes_of({1, 1, 1})).tcp(1, 2).payload(length).pad_to(60).build(),
              v6().extension(0).extension(60).tcp(1, 2).tcp_options(bytes_of({1})).build()})
            EXPECT_EQ(checksum_problem(frame), "") << describe(frame) << '\n' << hexdump(frame);
    }
}

TEST(ChecksumProblem, EveryFlippedBitOfAPacketIsNoticed) {
    // MAC addresses are under no checksum; the rest is, save for ways to say "not IP" and TTL of
    // v6.
    const Frame frame = PacketBuilder().ipv4("192.0.2.7", "198.51.100.10").tcp(1, 2).build();
    for (std::size_t bit = 14 * 8; bit < frame.size() * 8; ++bit) {
        Frame bad = frame;
        bad[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        EXPECT_FALSE(checksums_ok(bad)) << "bit " << bit << ": " << describe(bad);
    }
}

TEST(ChecksumProblem, SaysWhichOne) {
    const auto v4 = [] { return PacketBuilder().ipv4("192.0.2.7", "198.51.100.10"); };
    const auto v6 = [] { return PacketBuilder().ipv6("2001:db8::7", "2001:db8:1::10"); };
    EXPECT_EQ(checksum_problem(v4().tcp(1, 2).ip_checksum(1).build()),
              "IPv4 header checksum wrong");
    EXPECT_EQ(checksum_problem(v4().tcp(1, 2).l4_checksum(1).build()), "TCP checksum wrong");
    EXPECT_EQ(checksum_problem(v6().udp(1, 2).l4_checksum(1).build()), "UDP checksum wrong");
    EXPECT_EQ(checksum_problem(v6().udp(1, 2).l4_checksum(0).build()), "UDP checksum 0 over IPv6");
    EXPECT_EQ(checksum_problem(v4().udp(1, 2).l4_checksum(0).build()), "");
    EXPECT_EQ(checksum_problem(v4().icmp(8, 0).l4_checksum(1).build()), "ICMP checksum wrong");
    EXPECT_EQ(checksum_problem(v6().icmp(128, 0).l4_checksum(1).build()), "ICMPv6 checksum wrong");
    EXPECT_EQ(checksum_problem(v4().tcp(1, 2).ip_length(1000).build()), "frame too short");
}

TEST(Describe, NamesWhatAReaderLooksFor) {
    const Frame frame = PacketBuilder()
                            .vlan(7)
                            .ipv6("2001:db8::7", "2001:db8:1::10")
                            .ttl(3)
                            .tcp(40000, 80, TcpHeader::syn | TcpHeader::ack)
                            .sequence(5, 6)
                            .build();
    EXPECT_EQ(describe(frame),
              "78 bytes 02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 7 [2001:db8::7]:40000 > "
              "[2001:db8:1::10]:80 TCP [SA] seq 5 ack 6 win 65535 ttl 3 ip 60");
    EXPECT_EQ(describe(std::span(frame).first(40)),
              "40 bytes 02:00:00:00:00:01 > 02:00:00:00:00:02 (frame too short)");
}

TEST(NetworkPart, LeavesOutLinkHeaderAndPadding) {
    const Frame frame =
        PacketBuilder().vlan(1).ipv4("192.0.2.7", "198.51.100.10").udp(1, 2).pad_to(64).build();
    const Frame part = network_part(frame);
    ASSERT_EQ(part.size(), 28U);
    EXPECT_EQ(part[0], std::byte{0x45});
}

}  // namespace
}  // namespace shunt::test
