// SPDX-License-Identifier: BSD-3-Clause
// Stage 7: link-layer headers, and packets that wait for one.
#include "dataplane/resolve.h"

#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

/// Like the usual world, but the servers are on VLAN 100 of port lan.
NetTableBuilder servers_on_a_vlan() {
    NetTableBuilder network;
    constexpr int tagged = 3;
    network.add_interface({wan_link, wan, 0, mac(wan_mac), 1500, "wan"});
    network.add_interface({tagged, lan, 100, mac(lan_mac), 1500, "lan.100"});
    for (const auto& a : families) {
        network.add_route(parse_prefix(a.client_net).value(), {{wan_link, {}, 1}});
        network.add_route(parse_prefix(a.server_net).value(), {{tagged, {}, 1}});
        network.add_neighbour(wan_link, ip(a.client), mac(client_mac));
        network.add_neighbour(tagged, ip(a.server), mac(server_mac));
    }
    return network;
}

class Resolve : public ::testing::TestWithParam<Addresses> {
  protected:
    Resolve() { bench.add_usual_services(); }
    /// The next hops of port lan are not known from now on.
    void forget_servers() {
        bench.network = links();
        bench.network.add_neighbour(wan_link, ip(a.client), mac(client_mac));
        bench.publish();
    }
    void learn_servers() {
        bench.network = links();
        add_neighbours(bench.network);
        bench.publish();
    }
    void put(PortId port, const Frame& frame) {
        bench.put(port, frame);
        bench.settle();
    }
    [[nodiscard]] Frame request(int payload = 5) const {
        return from_client(a).udp(40000, 80).payload(static_cast<std::size_t>(payload)).build();
    }
    [[nodiscard]] Frame translated(int payload = 5) const {
        return to_server(a).udp(40000, 8080).payload(static_cast<std::size_t>(payload)).build();
    }
    const Addresses& a = GetParam();
    WorkerBench bench;
};
INSTANTIATE_TEST_SUITE_P(Families, Resolve, ::testing::ValuesIn(families), family_name);

TEST_P(Resolve, ATagIsWrittenAndTakenOff) {
    bench.network = servers_on_a_vlan();
    bench.publish();
    put(wan, request());
    EXPECT_TRUE(same_frame(bench.one_sent(lan),
                           to_server(a).vlan(100).udp(40000, 8080).payload(5).build()));
    put(lan, from_server(a).vlan(100).udp(8080, 40000).payload(6).build());
    EXPECT_TRUE(same_frame(bench.one_sent(wan), to_client(a).udp(80, 40000).payload(6).build()));
    // A priority on the way in does not come through.
    put(lan, from_server(a).vlan(0xE064).udp(8080, 40000).payload(7).build());
    EXPECT_TRUE(same_frame(bench.one_sent(wan), to_client(a).udp(80, 40000).payload(7).build()));
    // From one tag to another.
    put(wan, from_client(a).vlan(0).udp(40000, 80).payload(8).build());
    EXPECT_TRUE(same_frame(bench.one_sent(lan),
                           to_server(a).vlan(100).udp(40000, 8080).payload(8).build()));
}

TEST_P(Resolve, WithoutRoomForATagThePacketIsDropped) {
    bench.network = servers_on_a_vlan();
    bench.publish();
    rte_mbuf* m = bench.packet(request());
    m->data_off = 0;
    const Frame bytes = request();
    std::memcpy(rte_pktmbuf_mtod(m, void*), bytes.data(), bytes.size());
    bench.put(wan, m);
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::no_buffer), 1U);
    EXPECT_TRUE(bench.sent(lan).empty());
}

TEST_P(Resolve, APacketWaitsForItsNextHopAndLeavesFinished) {
    forget_servers();
    put(wan, request());
    EXPECT_EQ(bench.counters().held.value(), 1U);
    EXPECT_TRUE(bench.sent(lan).empty());
    const auto asked = bench.resolve_requests();
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].ifindex, lan_link);
    EXPECT_EQ(asked[0].address, ip(a.server));
    EXPECT_TRUE(bench.counters().conserved());
    learn_servers();
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(lan), translated()));
    EXPECT_EQ(bench.counters().resumed.value(), 1U);
    EXPECT_EQ(bench.counters().forwarded.value(), 1U);
    EXPECT_TRUE(bench.worker().held.empty());
    // The connection has learnt it too.
    put(wan, request());
    EXPECT_EQ(bench.counters().held.value(), 1U);
    EXPECT_EQ(bench.sent(lan).size(), 1U);
}

TEST_P(Resolve, WhatWaitsLeavesInOrderAndOnAVlanTagged) {
    forget_servers();
    for (int i = 0; i < 5; ++i) put(wan, request(i));
    bench.network = servers_on_a_vlan();
    bench.publish();
    bench.settle();
    const auto sent = bench.sent(lan);
    ASSERT_EQ(sent.size(), 5U);
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(same_frame(
            sent[static_cast<std::size_t>(i)],
            to_server(a).vlan(100).udp(40000, 8080).payload(static_cast<std::size_t>(i)).build()));
}

TEST_P(Resolve, OverAGatewayTheGatewayIsAskedFor) {
    bench.network = links();
    bench.network.add_neighbour(wan_link, ip(a.client), mac(client_mac));
    bench.network.add_route({ip(a.server), static_cast<std::uint8_t>(ip(a.server).bits())},
                            {{lan_link, ip(a.server2), 1}});
    bench.publish();
    put(wan, request());
    const auto asked = bench.resolve_requests();
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].address, ip(a.server2));
    bench.network.add_neighbour(lan_link, ip(a.server2), mac(server2_mac));
    bench.publish();
    bench.settle();
    EXPECT_TRUE(
        same_frame(bench.one_sent(lan),
                   to_server(a).mac(lan_mac, server2_mac).udp(40000, 8080).payload(5).build()));
}

TEST_P(Resolve, TheRequestIsRepeatedEachTickWhileAPacketWaits) {
    forget_servers();
    put(wan, request());
    static_cast<void>(bench.resolve_requests());
    bench.settle();
    EXPECT_TRUE(bench.resolve_requests().empty());
    for (int i = 0; i < 3; ++i) {
        bench.pass(Ticks(1));
        bench.settle();
        EXPECT_EQ(bench.resolve_requests().size(), 1U);
    }
}

TEST_P(Resolve, AfterThreeSecondsItIsDropped) {
    forget_servers();
    put(wan, request());
    bench.pass(Ticks(29));
    bench.settle();
    EXPECT_EQ(bench.all_dropped(), 0U);
    bench.pass(Ticks(1));
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::neighbour_unresolved), 1U);
    EXPECT_EQ(bench.counters().resumed.value(), 1U);
    EXPECT_TRUE(bench.worker().held.empty());
    EXPECT_TRUE(bench.sent(wan).empty());
}

TEST_P(Resolve, WhenTheRouteGoesItIsDroppedAtOnce) {
    forget_servers();
    put(wan, request());
    bench.network.add_unreachable({ip(a.server), static_cast<std::uint8_t>(ip(a.server).bits())});
    bench.publish();
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::no_route), 1U);
    EXPECT_EQ(bench.counters().resumed.value(), 1U);
}

TEST_P(Resolve, AFullQueueDrops) {
    forget_servers();
    for (int i = 0; i < 18; ++i) bench.put(wan, request());
    bench.settle();
    EXPECT_EQ(bench.counters().held.value(), 16U);
    EXPECT_EQ(bench.dropped(DropReason::hold_queue_full), 2U);
}

TEST_P(Resolve, RepliesWaitForTheClientsSideTheSame) {
    put(wan, request());
    static_cast<void>(bench.sent(lan));
    bench.network = links();
    bench.network.add_neighbour(lan_link, ip(a.server), mac(server_mac));
    bench.publish();
    put(lan, from_server(a).udp(8080, 40000).payload(9).build());
    const auto asked = bench.resolve_requests();
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].ifindex, wan_link);
    EXPECT_EQ(asked[0].address, ip(a.client));
    learn_servers();
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(wan), to_client(a).udp(80, 40000).payload(9).build()));
}

TEST_P(Resolve, AHeldPacketInPiecesWithATagAndPaddingLeavesWhole) {
    forget_servers();
    bench.put_pieces(wan, from_client(a).vlan(0).udp(40000, 80).payload(300).pad_to(500).build(),
                     {100, 101});
    bench.settle();
    EXPECT_EQ(bench.counters().held.value(), 1U);
    learn_servers();
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(lan), translated(300)));
}

TEST_P(Resolve, AChangedNeighbourIsUsedByTheNextPacket) {
    put(wan, request());
    static_cast<void>(bench.sent(lan));
    bench.network = links();
    bench.network.add_neighbour(lan_link, ip(a.server), mac(server2_mac));
    bench.network.add_neighbour(wan_link, ip(a.client), mac(client_mac));
    bench.publish();
    put(wan, request());
    EXPECT_TRUE(
        same_frame(bench.one_sent(lan),
                   to_server(a).mac(lan_mac, server2_mac).udp(40000, 8080).payload(5).build()));
}

}  // namespace
}  // namespace shunt
