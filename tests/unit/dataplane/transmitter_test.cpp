// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/transmitter.h"

#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

/// A packet that says where it comes from, so that a bench can account for it.
rte_mbuf* made_here(WorkerBench& bench, std::uint16_t worker, int number = 0) {
    bench.counters(worker).generated.add();
    Frame frame(60);
    poke(frame, 0, {number});
    return bench.packet(frame);
}

TEST(Transmitter, KnowsWhichDevicesThereAre) {
    WorkerBench with({.twins = true});
    WorkerBench without({.twins = false});
    EXPECT_TRUE(with.worker().transmitter.has(DeviceIndex::of_port(lan)));
    EXPECT_TRUE(with.worker().transmitter.has(DeviceIndex::of_twin(lan)));
    EXPECT_TRUE(without.worker().transmitter.has(DeviceIndex::of_port(lan)));
    EXPECT_FALSE(without.worker().transmitter.has(DeviceIndex::of_twin(lan)));
    EXPECT_FALSE(with.worker().transmitter.has(DeviceIndex::of_port(PortId(2))));
    with.publish();
    without.publish();
}

TEST(Transmitter, APacketIsCountedWhenItIsSentAndByItsKind) {
    WorkerBench bench;
    bench.publish();
    auto& out = bench.worker().transmitter;
    const auto& counters = bench.counters();
    out.send(DeviceIndex::of_port(wan), made_here(bench, 0), SendKind::forwarded);
    out.send(DeviceIndex::of_port(wan), made_here(bench, 0), SendKind::from_host);
    out.send(DeviceIndex::of_twin(wan), made_here(bench, 0), SendKind::to_host);
    out.send(DeviceIndex::of_port(lan), made_here(bench, 0), SendKind::forwarded);
    EXPECT_EQ(counters.forwarded.value(), 0U);
    EXPECT_TRUE(bench.sent(wan).empty());
    EXPECT_EQ(out.flush(), 4U);
    EXPECT_EQ(counters.forwarded.value(), 2U);
    EXPECT_EQ(counters.from_host.value(), 1U);
    EXPECT_EQ(counters.to_host.value(), 1U);
    EXPECT_EQ(bench.sent(wan).size(), 2U);
    EXPECT_EQ(bench.sent(lan).size(), 1U);
    EXPECT_EQ(bench.to_host(wan).size(), 1U);
    EXPECT_EQ(out.flush(), 0U);
}

TEST(Transmitter, AFullBurstDoesNotWaitForTheFlush) {
    WorkerBench bench;
    bench.publish();
    for (int i = 0; i < 33; ++i)
        bench.worker().transmitter.send(DeviceIndex::of_port(wan), made_here(bench, 0, i),
                                        SendKind::forwarded);
    EXPECT_EQ(bench.counters().forwarded.value(), 32U);
    EXPECT_EQ(bench.worker().transmitter.flush(), 1U);
    const auto sent = bench.sent(wan);
    ASSERT_EQ(sent.size(), 33U);
    for (std::size_t i = 0; i < 33; ++i) EXPECT_EQ(sent[i][0], static_cast<std::byte>(i));
}

TEST(Transmitter, WhatADeviceDoesNotTakeIsDroppedByItsKind) {
    WorkerBench bench({.device_depth = 8});
    bench.publish();
    for (int i = 0; i < 10; ++i) {
        bench.worker().transmitter.send(DeviceIndex::of_port(wan), made_here(bench, 0),
                                        i % 2 == 0 ? SendKind::forwarded : SendKind::from_host);
        bench.worker().transmitter.send(DeviceIndex::of_twin(wan), made_here(bench, 0),
                                        SendKind::to_host);
    }
    bench.worker().transmitter.flush();
    EXPECT_EQ(bench.counters().forwarded.value(), 4U);
    EXPECT_EQ(bench.counters().from_host.value(), 3U);
    EXPECT_EQ(bench.counters().to_host.value(), 7U);
    EXPECT_EQ(bench.dropped(DropReason::transmit_full), 3U);
    EXPECT_EQ(bench.dropped(DropReason::host_full), 3U);
    EXPECT_TRUE(bench.counters().conserved());
    EXPECT_EQ(bench.free_buffers(), WorkerBench::buffers - 14);
}

TEST(Transmitter, ReceiveFlagsDoNotReachTheDevice) {
    WorkerBench bench;
    bench.publish();
    rte_mbuf* m = made_here(bench, 0);
    m->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_TX_TCP_SEG |
                  RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
    bench.worker().transmitter.send(DeviceIndex::of_port(wan), m, SendKind::forwarded);
    EXPECT_EQ(m->ol_flags, 0U);
    bench.worker().transmitter.flush();
    EXPECT_EQ(bench.sent(wan).size(), 1U);
}

TEST(Transmitter, EachWorkerHasItsOwnQueueWhereThereAreEnough) {
    WorkerBench bench({.workers = 3, .transmit_queues = 3});
    bench.publish();
    for (std::uint16_t w = 0; w < 3; ++w) {
        bench.worker(w).transmitter.send(DeviceIndex::of_port(wan), made_here(bench, w, w),
                                         SendKind::forwarded);
        bench.worker(w).transmitter.flush();
        EXPECT_EQ(bench.counters(w).forwarded.value(), 1U);
    }
    EXPECT_EQ(bench.sum(&WorkerCounters::handed_off), 0U);
    EXPECT_EQ(bench.sent(wan).size(), 3U);
}

TEST(Transmitter, OtherwiseTheQueuesWorkerSendsForTheOthers) {
    WorkerBench bench({.workers = 4, .transmit_queues = 2});
    bench.publish();
    for (std::uint16_t w = 0; w < 4; ++w)
        bench.worker(w).transmitter.send(DeviceIndex::of_port(wan), made_here(bench, w, w),
                                         SendKind::forwarded);
    // 2 and 3 have none of the two queues; theirs are those of 0 and 1.
    EXPECT_EQ(bench.worker(2).transmitter.flush(), 1U);
    EXPECT_EQ(bench.worker(3).transmitter.flush(), 1U);
    EXPECT_TRUE(bench.sent(wan).empty());
    EXPECT_EQ(bench.counters(2).handed_off.value(), 1U);
    EXPECT_EQ(bench.counters(3).handed_off.value(), 1U);
    EXPECT_EQ(bench.worker(0).transmitter.flush(), 2U);
    EXPECT_EQ(bench.worker(1).transmitter.flush(), 2U);
    for (const std::uint16_t w : {std::uint16_t{0}, std::uint16_t{1}}) {
        EXPECT_EQ(bench.counters(w).taken_over.value(), 1U);
        EXPECT_EQ(bench.counters(w).forwarded.value(), 2U);
    }
    const auto sent = bench.sent(wan);
    ASSERT_EQ(sent.size(), 4U);  // queue 0, then queue 1
    EXPECT_EQ(sent[1][0], std::byte{2});
    EXPECT_EQ(sent[3][0], std::byte{3});
}

TEST(Transmitter, TheKindTravelsOverTheRelay) {
    WorkerBench bench({.workers = 2, .transmit_queues = 1});
    bench.publish();
    auto& out = bench.worker(1).transmitter;
    out.send(DeviceIndex::of_port(wan), made_here(bench, 1), SendKind::from_host);
    out.send(DeviceIndex::of_twin(wan), made_here(bench, 1), SendKind::to_host);
    out.flush();
    bench.worker(0).transmitter.flush();
    EXPECT_EQ(bench.counters(0).from_host.value(), 1U);
    EXPECT_EQ(bench.counters(0).to_host.value(), 1U);
    EXPECT_EQ(bench.counters(0).forwarded.value(), 0U);
    EXPECT_EQ(bench.counters(1).handed_off.value(), 2U);
}

TEST(Transmitter, AFullRelayDropsAsHandoffFull) {
    WorkerBench bench({.workers = 2, .transmit_queues = 1, .ring_depth = 4});
    bench.publish();
    for (int i = 0; i < 5; ++i)
        bench.worker(1).transmitter.send(DeviceIndex::of_port(wan), made_here(bench, 1),
                                         SendKind::forwarded);
    bench.worker(1).transmitter.flush();
    EXPECT_EQ(bench.counters(1).handed_off.value(), 3U);
    EXPECT_EQ(bench.dropped(DropReason::handoff_full), 2U);
    EXPECT_EQ(bench.worker(0).transmitter.flush(), 3U);
    EXPECT_EQ(bench.counters(0).forwarded.value(), 3U);
}

}  // namespace
}  // namespace shunt
