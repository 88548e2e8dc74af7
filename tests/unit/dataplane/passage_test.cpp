// SPDX-License-Identifier: BSD-3-Clause
// What a router asks of a packet: route, TTL, MTU (ipvs-behaviour 1.9-1.11).
#include "dataplane/passage.h"

#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

class Passage : public ::testing::TestWithParam<Addresses> {
  protected:
    Passage() { bench.add_usual_services(); }
    void open() {
        bench.put(wan, from_client(a).udp(40000, 80).build());
        bench.settle();
        EXPECT_EQ(bench.sent(lan).size(), 1U);
    }
    void set_mtus(std::uint16_t wan_mtu, std::uint16_t lan_mtu) {
        bench.network = links(wan_mtu, lan_mtu);
        add_neighbours(bench.network);
        bench.publish();
    }
    void put(PortId port, const Frame& frame) {
        bench.put(port, frame);
        bench.settle();
    }
    /// A UDP packet whose network-layer length is `length`.
    [[nodiscard]] PacketBuilder of_length(PortId port, std::size_t length) const {
        const auto b =
            port == wan ? from_client(a).udp(40000, 80) : from_server(a).udp(8080, 40000);
        return PacketBuilder(b).dont_fragment().payload(length - a.header - 8);
    }
    /// Type, code and the last two bytes of the rest of the one error that `port` sent.
    struct Error {
        int type_and_code;
        int rest;
        bool operator==(const Error&) const = default;
    };
    [[nodiscard]] Error error_at(PortId port) {
        const Frame f = bench.one_sent(port);
        if (f.size() < 14 + a.header + 8) return {0, 0};
        EXPECT_TRUE(checksums_ok(f)) << checksum_problem(f);
        return {get16(f, 14 + a.header), get16(f, 14 + a.header + 6)};
    }
    [[nodiscard]] bool is_v4() const { return a.header == 20; }
    const Addresses& a = GetParam();
    WorkerBench bench;
};
INSTANTIATE_TEST_SUITE_P(Families, Passage, ::testing::ValuesIn(families), family_name);

TEST_P(Passage, ATtlOfTwoPassesAndOfOneDoesNot) {
    open();
    put(wan, from_client(a).ttl(2).udp(40000, 80).build());
    EXPECT_TRUE(same_frame(bench.one_sent(lan), to_server(a).ttl(1).udp(40000, 8080).build()));
    put(lan, from_server(a).ttl(2).udp(8080, 40000).build());
    EXPECT_TRUE(same_frame(bench.one_sent(wan), to_client(a).ttl(1).udp(80, 40000).build()));
    put(wan, from_client(a).ttl(255).udp(40000, 80).build());
    EXPECT_TRUE(same_frame(bench.one_sent(lan), to_server(a).ttl(254).udp(40000, 8080).build()));
    std::uint64_t dropped = 0;
    for (const std::uint8_t ttl : std::initializer_list<std::uint8_t>{1, 0}) {
        put(wan, from_client(a).ttl(ttl).udp(40000, 80).build());
        EXPECT_EQ(error_at(wan), (Error{is_v4() ? 0x0B00 : 0x0300, 0}));
        put(lan, from_server(a).ttl(ttl).udp(8080, 40000).build());
        EXPECT_EQ(error_at(lan), (Error{is_v4() ? 0x0B00 : 0x0300, 0}));
        dropped += 2;
        EXPECT_EQ(bench.dropped(DropReason::ttl_expired), dropped);
    }
}

TEST_P(Passage, APacketOfTheMtuPassesAndALongerOneDoesNot) {
    set_mtus(1400, 1300);
    open();
    put(wan, of_length(wan, 1300).build());
    EXPECT_EQ(bench.one_sent(lan).size(), 14U + 1300U);
    put(lan, of_length(lan, 1400).build());
    EXPECT_EQ(bench.one_sent(wan).size(), 14U + 1400U);
    const int too_big = is_v4() ? 0x0304 : 0x0200;
    put(wan, of_length(wan, 1301).build());
    EXPECT_EQ(error_at(wan), (Error{too_big, 1300}));
    put(lan, of_length(lan, 1401).build());
    EXPECT_EQ(error_at(lan), (Error{too_big, 1400}));
    EXPECT_EQ(bench.dropped(DropReason::too_big), 2U);
    EXPECT_TRUE(bench.sent(lan).empty());
}

TEST_P(Passage, PaddingIsNoPartOfTheLength) {
    set_mtus(1400, 1300);
    open();
    put(wan, of_length(wan, 1300).pad_to(1400).build());
    EXPECT_EQ(bench.one_sent(lan).size(), 14U + 1300U);
}

TEST_P(Passage, AnOverlongPacketWithoutDontFragmentGoesInPieces) {
    set_mtus(1400, 1300);
    open();
    put(wan, of_length(wan, 1301).dont_fragment(false).build());
    if (!is_v4()) {  // IPv6 has no such flag
        EXPECT_EQ(bench.dropped(DropReason::too_big), 1U);
        EXPECT_EQ(bench.sent(wan).size(), 1U);
        return;
    }
    EXPECT_EQ(bench.all_dropped(), 0U);
    EXPECT_EQ(bench.sum(&WorkerCounters::split), 1U);
    const auto pieces = bench.sent(lan);
    ASSERT_EQ(pieces.size(), 2U);
    EXPECT_EQ(network_part(pieces[0]).size(), 1300U);
    EXPECT_EQ(network_part(pieces[1]).size(), 21U);
}

TEST_P(Passage, TheErrorTowardAClientQuotesADecrementedTtlAndTowardAServerTheWholePacket) {
    set_mtus(1400, 1300);
    open();
    const std::size_t quoted = 14 + a.header + 8;
    const std::size_t ttl = is_v4() ? 8 : 7;
    put(wan, of_length(wan, 1301).ttl(9).build());
    EXPECT_EQ(bench.one_sent(wan).at(quoted + ttl), std::byte{8});
    put(lan, of_length(lan, 1401).ttl(9).build());
    EXPECT_EQ(bench.one_sent(lan).at(quoted + ttl), std::byte{9});
}

TEST_P(Passage, TtlIsJudgedBeforeTheMtu) {
    set_mtus(1400, 1300);
    open();
    put(wan, of_length(wan, 1400).ttl(1).build());
    EXPECT_EQ(bench.dropped(DropReason::ttl_expired), 1U);
    EXPECT_EQ(bench.dropped(DropReason::too_big), 0U);
    static_cast<void>(bench.sent(wan));
}

TEST_P(Passage, WithoutARouteToTheServerTheClientHearsOfTheHost) {
    open();
    bench.network.add_unreachable({ip(a.server), static_cast<std::uint8_t>(ip(a.server).bits())});
    bench.publish();
    put(wan, from_client(a).ttl(1).udp(40000, 80).build());
    EXPECT_EQ(error_at(wan), (Error{is_v4() ? 0x0301 : 0x0103, 0}));
    EXPECT_EQ(bench.dropped(DropReason::no_route), 1U);
    EXPECT_EQ(bench.dropped(DropReason::ttl_expired), 0U);
}

TEST_P(Passage, AServerOnTheBalancerItselfGetsPacketsAsTheyCame) {
    open();
    bench.network.add_local({ip(a.server), static_cast<std::uint8_t>(ip(a.server).bits())});
    bench.publish();
    bench.put(wan, from_client(a).ttl(1).udp(40000, 80).payload(9).build());
    bench.settle();
    EXPECT_TRUE(same_frame(
        bench.one_to_host(wan),
        from_client(a).ip(a.client, a.server).ttl(1).udp(40000, 8080).payload(9).build()));
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(Passage, TheAnswerOfAServerOnTheBalancerIsTranslatedAndKeepsItsTtl) {
    open();
    bench.network.add_local({ip(a.server), static_cast<std::uint8_t>(ip(a.server).bits())});
    bench.publish();
    bench.put_from_host(wan, PacketBuilder()
                                 .mac(wan_mac, client_mac)
                                 .ip(a.server, a.client)
                                 .ttl(64)
                                 .udp(8080, 40000)
                                 .payload(9)
                                 .build());
    bench.settle();
    EXPECT_TRUE(
        same_frame(bench.one_sent(wan), to_client(a).ttl(64).udp(80, 40000).payload(9).build()));
}

TEST_P(Passage, WithoutARouteToTheClientTheServerHearsOfTheNetwork) {
    open();
    bench.network.add_unreachable({ip(a.client), static_cast<std::uint8_t>(ip(a.client).bits())});
    bench.publish();
    put(lan, from_server(a).udp(8080, 40000).build());
    EXPECT_EQ(error_at(lan), (Error{is_v4() ? 0x0300 : 0x0100, 0}));
    EXPECT_EQ(bench.dropped(DropReason::no_route), 1U);
}

TEST_P(Passage, WhileTheNextHopIsUnknownTheInterfacesMtuCounts) {
    bench.network = links(1400, 1300);
    bench.network.add_neighbour(wan_link, ip(a.client), mac(client_mac));
    bench.publish();
    put(wan, of_length(wan, 1300).build());
    EXPECT_EQ(bench.counters().held.value(), 1U);
    put(wan, of_length(wan, 1301).build());
    EXPECT_EQ(error_at(wan), (Error{is_v4() ? 0x0304 : 0x0200, 1300}));
    EXPECT_EQ(bench.counters().held.value(), 1U);
}

TEST(TrimPadding, EndsTheChainWhereThePacketEnds) {
    WorkerBench bench;
    const std::vector<std::vector<std::size_t>> cuts{{},   {100},    {60},       {59},
                                                     {61}, {30, 30}, {30, 30, 5}};
    for (const auto& sizes : cuts) {
        Frame frame(150);
        for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::byte>(i);
        rte_mbuf* m = bench.packet(frame, sizes);
        PacketMeta meta;
        meta.l3_offset = 14;
        meta.l3_length = 46;
        trim_padding(m, meta);
        const char* reason = nullptr;
        EXPECT_EQ(rte_mbuf_check(m, 1, &reason), 0) << reason;
        EXPECT_EQ(m->pkt_len, 60U);
        EXPECT_GT(rte_pktmbuf_lastseg(m)->data_len, 0) << "an empty buffer at the end";
        Frame left(60);
        const void* at = rte_pktmbuf_read(m, 0, 60, left.data());
        ASSERT_NE(at, nullptr);
        EXPECT_EQ(std::memcmp(at, frame.data(), 60), 0);
        rte_pktmbuf_free(m);
        EXPECT_EQ(bench.free_buffers(), WorkerBench::buffers);
    }
}

}  // namespace
}  // namespace shunt
