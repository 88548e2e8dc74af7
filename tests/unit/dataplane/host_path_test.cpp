// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/host_path.h"

#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

TEST(HostPath, EachPortHasATwinOfItsOwn) {
    WorkerBench bench;
    bench.add_usual_services();
    const Frame to_wan = from_client(v4).icmp(8, 0).build();
    const Frame to_lan = from_server(v6).icmp(128, 0).build();
    bench.put(wan, to_wan);
    bench.put(lan, to_lan);
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_to_host(wan), to_wan));
    EXPECT_TRUE(same_frame(bench.one_to_host(lan), to_lan));
    EXPECT_EQ(bench.counters().to_host.value(), 2U);
}

TEST(HostPath, FramesGoUntouchedTagsPaddingPiecesAndAll) {
    WorkerBench bench;
    bench.add_usual_services();
    const Frame frame = from_client(v4).vlan(0xA123).vlan(7).udp(40000, 80).pad_to(400).build();
    bench.put_pieces(wan, frame, {60, 33});
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_to_host(wan), frame));
}

TEST(HostPath, WithoutATwinPacketsForTheHostAreDropped) {
    WorkerBench bench({.twins = false});
    bench.add_usual_services();
    bench.put(wan, from_client(v4).icmp(8, 0).build());
    bench.put(wan, PacketBuilder().build());
    bench.put(wan, from_client(v4).udp(40000, 80).build());
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::no_twin), 2U);
    EXPECT_EQ(bench.all_dropped(), 2U);
    EXPECT_EQ(bench.sent(lan).size(), 1U);
}

TEST(HostPath, WhatTheHostSendsLeavesByItsPortAsItIs) {
    WorkerBench bench;
    bench.add_usual_services();
    // Even when it looks like a packet to a service, or is no packet at all.
    const Frame syn = from_client(v4).tcp(40000, 80, TcpHeader::syn).build();
    const Frame broken = from_client(v4).ihl(3).tcp(40000, 80).build();
    const Frame tagged = PacketBuilder().vlan(9).payload(50).build();
    bench.put_from_host(wan, syn);
    bench.put_from_host(wan, broken);
    bench.put_from_host(lan, tagged);
    bench.settle();
    EXPECT_EQ(bench.sent(wan), (std::vector<Frame>{syn, broken}));
    EXPECT_TRUE(same_frame(bench.one_sent(lan), tagged));
    EXPECT_EQ(bench.counters().from_twin.value(), 3U);
    EXPECT_EQ(bench.counters().from_host.value(), 3U);
    EXPECT_EQ(bench.counters().received.value(), 0U);
    EXPECT_EQ(bench.counters().forwarded.value(), 0U);
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bench.all_dropped(), 0U);
}

}  // namespace
}  // namespace shunt
