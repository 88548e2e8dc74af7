// SPDX-License-Identifier: BSD-3-Clause
// Stage 1 on packet buffers; what is in the headers is tested in tests/unit/net/parse_test.cpp.
#include <gtest/gtest.h>

#include <map>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

class ParseStage : public ::testing::Test {
  protected:
    ParseStage() { bench.add_usual_services(); }
    WorkerBench bench;
};

TEST_F(ParseStage, WhatIsNotIpGoesToTheHostAsItIs) {
    const Frame arp = PacketBuilder().mac(client_mac, "ff:ff:ff:ff:ff:ff").payload(46).build();
    const Frame lldp =
        PacketBuilder().mac(client_mac, wan_mac).ether_type(0x88CC).payload(60).build();
    bench.put(wan, arp);
    bench.put(wan, lldp);
    bench.settle();
    EXPECT_EQ(bench.to_host(wan), (std::vector<Frame>{arp, lldp}));
    EXPECT_EQ(bench.counters().to_host.value(), 2U);
    EXPECT_TRUE(bench.to_host(lan).empty());
}

TEST_F(ParseStage, MalformedPacketsAreDroppedByReason) {
    const auto tcp4 = from_client(v4).tcp(40000, 80, TcpHeader::syn);
    const auto tcp6 = from_client(v6).tcp(40000, 80, TcpHeader::syn);
    struct Row {
        DropReason reason;
        Frame frame;
    };
    const std::vector<Row> rows{
        {DropReason::truncated, Frame(10)},
        {DropReason::truncated, PacketBuilder(tcp4).ip_length(400).build()},
        {DropReason::truncated, PacketBuilder(tcp6).ip_length(400).build()},
        {DropReason::ipv4_bad_header, PacketBuilder(tcp4).ihl(4).build()},
        {DropReason::ipv4_bad_checksum, PacketBuilder(tcp4).ip_checksum(0x1234).build()},
        {DropReason::ipv6_bad_header, PacketBuilder(tcp6).ip_version(5).build()},
        {DropReason::l4_bad_header, PacketBuilder(tcp4).ip_length(39).build()},
        {DropReason::l4_bad_header, PacketBuilder(tcp6).ip_length(19).build()},
    };
    std::map<DropReason, std::uint64_t> expected;
    for (const Row& row : rows) {
        bench.put(wan, row.frame);
        bench.settle();
        EXPECT_EQ(bench.dropped(row.reason), ++expected[row.reason]) << name(row.reason);
    }
    EXPECT_EQ(bench.all_dropped(), rows.size());
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_F(ParseStage, HeadersAcrossBuffersAreJoined) {
    for (const auto& a : families) {
        const auto length = static_cast<std::size_t>(14) + a.header;
        std::uint16_t port = 40000;
        for (const std::vector<std::size_t>& sizes :
             std::vector<std::vector<std::size_t>>{{1},
                                                   {13},
                                                   {14},
                                                   {15},
                                                   {length - 1},
                                                   {length},
                                                   {length + 3},
                                                   {length + 19},
                                                   {5, 20, 1}}) {
            bench.put_pieces(
                wan, from_client(a).tcp(++port, 80, TcpHeader::syn).payload(30).build(), sizes);
            bench.settle();
            EXPECT_TRUE(
                same_frame(bench.one_sent(lan),
                           to_server(a).tcp(port, 8080, TcpHeader::syn).payload(30).build()))
                << a.name << " cut at " << sizes[0];
        }
    }
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_F(ParseStage, HeadersThatCannotBeJoinedAreDropped) {
    const Frame frame = from_client(v4).udp(40000, 80).payload(300).build();
    rte_mbuf* packet = bench.packet(frame, {20, 100});
    const auto no_room = static_cast<std::uint16_t>(packet->buf_len - packet->data_len);
    std::memmove(static_cast<char*>(packet->buf_addr) + no_room,
                 rte_pktmbuf_mtod(packet, const char*), packet->data_len);
    packet->data_off = no_room;
    bench.put(wan, packet);
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::split_header), 1U);
    EXPECT_EQ(bench.all_dropped(), 1U);
}

TEST_F(ParseStage, TheCardMayHaveVerifiedTheHeaderChecksum) {
    const auto put_with = [&](std::uint64_t flags, std::uint16_t checksum) {
        rte_mbuf* m = bench.packet(
            from_client(v4).tcp(40000, 81, TcpHeader::syn).ip_checksum(checksum).build());
        m->ol_flags |= flags;
        bench.put(wan, m);
        bench.settle();
    };
    put_with(RTE_MBUF_F_RX_IP_CKSUM_GOOD, 0x1234);
    EXPECT_EQ(bench.to_host(wan).size(), 1U);
    put_with(RTE_MBUF_F_RX_IP_CKSUM_NONE, 0x1234);
    put_with(RTE_MBUF_F_RX_IP_CKSUM_BAD, 0x1234);
    put_with(0, 0x1234);
    EXPECT_EQ(bench.dropped(DropReason::ipv4_bad_checksum), 3U);
    EXPECT_TRUE(bench.to_host(wan).empty());
}

TEST_F(ParseStage, ATagThatTheCardTookOutIsPutBack) {
    rte_mbuf* m = bench.packet(from_client(v4).icmp(8, 0).payload(10).build());
    m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    m->vlan_tci = 0x6123;
    bench.put(wan, m);
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_to_host(wan),
                           from_client(v4).vlan(0x6123).icmp(8, 0).payload(10).build()));
}

TEST_F(ParseStage, ATagWithoutRoomIsNoBuffer) {
    rte_mbuf* m = bench.packet(from_client(v4).icmp(8, 0).build());
    rte_pktmbuf_prepend(m, rte_pktmbuf_headroom(m));
    m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    bench.put(wan, m);
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::no_buffer), 1U);
}

TEST_F(ParseStage, KeepsOrderAcrossABurstOfBothFamilies) {
    for (std::uint16_t i = 0; i < 32; ++i)
        bench.put(wan, from_client(i % 2 == 0 ? v4 : v6)
                           .udp(static_cast<std::uint16_t>(1000 + i), 80)
                           .build());
    bench.iterate();
    const auto sent = bench.sent(lan);
    ASSERT_EQ(sent.size(), 32U);
    for (std::uint16_t i = 0; i < 16; ++i) {
        EXPECT_EQ(get16(sent[i], 34), 1000 + 2 * i);  // IPv4 first
        EXPECT_EQ(get16(sent[16U + i], 54), 1001 + 2 * i);
    }
}

}  // namespace
}  // namespace shunt
