// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/handoff.h"

#include <gtest/gtest.h>

#include <set>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

/// Hand-off ends of their own on rings of 63 packets; the bench only has the packet buffers.
class HandoffTest : public ::testing::Test {
  protected:
    struct Taken {
        std::uint16_t port;
        std::vector<rte_mbuf*> packets;
        bool from_host;
    };

    std::vector<rte_mbuf*> give(Handoff& end, std::uint16_t owner, PortId port, int count,
                                bool from_host = false) {
        std::vector<rte_mbuf*> given;
        for (; count > 0; --count) {
            given.push_back(bench.packet(Frame(60)));
            end.give(WorkerId(owner), given.back(), {port, from_host});
        }
        return given;
    }
    std::vector<Taken> take(Handoff& end) {
        std::vector<Taken> bursts;
        returned = end.take([&](Handoff::Arrival from, std::span<rte_mbuf*> packets) {
            bursts.push_back({from.port.value(), {packets.begin(), packets.end()}, from.from_host});
            rte_pktmbuf_free_bulk(packets.data(), static_cast<unsigned>(packets.size()));
        });
        return bursts;
    }

    WorkerBench bench;
    std::array<WorkerCounters, 3> counters;
    HandoffRings rings{3, 64};
    Handoff zero{WorkerId(0), rings, counters[0]};
    Handoff one{WorkerId(1), rings, counters[1]};
    Handoff two{WorkerId(2), rings, counters[2]};
    std::uint32_t returned = 0;
};

TEST_F(HandoffTest, HasOneRingForEachOrderedPair) {
    EXPECT_TRUE(rings.complete());
    std::set<rte_ring*> all;
    for (std::uint16_t from = 0; from < 3; ++from)
        for (std::uint16_t to = 0; to < 3; ++to)
            if (from != to)
                all.insert(rings.between(WorkerId(from), WorkerId(to)));
            else
                EXPECT_EQ(rings.between(WorkerId(from), WorkerId(to)), nullptr);
    EXPECT_EQ(all.size(), 6U);
    EXPECT_FALSE(all.contains(nullptr));
}

TEST_F(HandoffTest, OneWorkerNeedsNoRing) {
    const HandoffRings alone(1, 64);
    EXPECT_TRUE(alone.complete());
    WorkerCounters none;
    Handoff end(WorkerId(0), alone, none);
    end.flush();
    EXPECT_EQ(end.take([](Handoff::Arrival, std::span<rte_mbuf*>) { FAIL(); }), 0U);
}

TEST_F(HandoffTest, IncompleteRingsSaySo) {
    // No memory for so much.
    EXPECT_FALSE(HandoffRings(2, 1U << 28).complete());
}

TEST_F(HandoffTest, PacketsArriveInOrderAtTheirOwnerAlone) {
    const auto given = give(zero, 1, wan, 5);
    EXPECT_TRUE(take(one).empty());  // still being collected
    EXPECT_EQ(counters[0].handed_off.value(), 0U);
    zero.flush();
    EXPECT_EQ(counters[0].handed_off.value(), 5U);
    EXPECT_TRUE(take(two).empty());
    const auto bursts = take(one);
    ASSERT_EQ(bursts.size(), 1U);
    EXPECT_EQ(bursts[0].port, wan.value());
    EXPECT_EQ(bursts[0].packets, given);
    EXPECT_EQ(returned, 5U);
    EXPECT_EQ(counters[1].taken_over.value(), 5U);
    EXPECT_TRUE(take(one).empty());
    EXPECT_EQ(counters[1].taken_over.value(), 5U);
}

TEST_F(HandoffTest, AFullBurstDoesNotWaitForTheFlush) {
    give(zero, 1, wan, 33);
    EXPECT_EQ(counters[0].handed_off.value(), 32U);
    EXPECT_EQ(take(one)[0].packets.size(), 32U);
    zero.flush();
    EXPECT_EQ(take(one)[0].packets.size(), 1U);
}

TEST_F(HandoffTest, BurstsAreCutWhereThePortChanges) {
    auto given = give(zero, 1, wan, 2);
    for (auto* m : give(zero, 1, lan, 3)) given.push_back(m);
    for (auto* m : give(zero, 1, wan, 1)) given.push_back(m);
    zero.flush();
    const auto bursts = take(one);
    ASSERT_EQ(bursts.size(), 3U);
    EXPECT_EQ(bursts[0].port, wan.value());
    EXPECT_EQ(bursts[1].port, lan.value());
    EXPECT_EQ(bursts[2].port, wan.value());
    std::vector<rte_mbuf*> all;
    for (const auto& b : bursts) all.insert(all.end(), b.packets.begin(), b.packets.end());
    EXPECT_EQ(all, given);
    EXPECT_EQ(returned, 6U);
}

TEST_F(HandoffTest, TakesOneBurstFromEachOther) {
    give(zero, 2, wan, 40);
    give(one, 2, lan, 3);
    zero.flush();
    one.flush();
    const auto bursts = take(two);
    ASSERT_EQ(bursts.size(), 2U);
    EXPECT_EQ(bursts[0].packets.size(), 32U);
    EXPECT_EQ(bursts[1].packets.size(), 3U);
    EXPECT_EQ(take(two)[0].packets.size(), 8U);
    EXPECT_EQ(counters[2].taken_over.value(), 43U);
}

TEST_F(HandoffTest, WhatAFullRingDoesNotTakeIsDroppedAndCounted) {
    give(zero, 1, wan, 70);
    zero.flush();
    EXPECT_EQ(counters[0].handed_off.value(), 63U);
    EXPECT_EQ(counters[0].all_dropped(), 7U);
    EXPECT_EQ(counters[0].dropped[static_cast<std::size_t>(DropReason::handoff_full)].value(), 7U);
    EXPECT_EQ(bench.free_buffers(), WorkerBench::buffers - 63);
    while (!take(one).empty()) continue;
    EXPECT_EQ(counters[1].taken_over.value(), 63U);
    give(zero, 1, wan, 1);
    zero.flush();
    EXPECT_EQ(take(one).size(), 1U);
}

TEST_F(HandoffTest, WhatTheHostSentStaysApart) {
    give(zero, 1, lan, 2);
    give(zero, 1, lan, 3, true);
    zero.flush();
    const auto bursts = take(one);
    ASSERT_EQ(bursts.size(), 2U);
    EXPECT_EQ(bursts[0].port, lan.value());
    EXPECT_FALSE(bursts[0].from_host);
    EXPECT_EQ(bursts[1].port, lan.value());
    EXPECT_TRUE(bursts[1].from_host);
    EXPECT_EQ(bursts[1].packets.size(), 3U);
}

}  // namespace
}  // namespace shunt
