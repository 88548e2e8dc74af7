// SPDX-License-Identifier: BSD-3-Clause
#include "sched/locality_based.h"

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using namespace std::chrono_literals;
using test::SchedulerBench;

TEST(LocalityBased, FirstWlcChoosesThenADestinationStays) {
    SchedulerBench lblc("lblc");
    lblc.add('A', 400).add('B', 300).add('C', 200);
    std::string first;
    for (const char* to : {"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"})
        first += lblc.to(to).choose(1);
    EXPECT_EQ(first, "CBAA") << "as wlc with 4, 3, 2";
    for (int i = 0; i < 3; ++i) {
        std::string again;
        for (const char* to : {"203.0.113.4", "203.0.113.3", "203.0.113.2", "203.0.113.1"})
            again += lblc.to(to).choose(1);
        EXPECT_EQ(again, "AABC");
    }
}

TEST(LocalityBased, AllOfAnIpv6DestinationCounts) {
    SchedulerBench lblc("lblc");
    lblc.add('A', 1).add('B', 1);
    // The same when folded to a word.
    EXPECT_EQ(lblc.to("2001:db8::1").choose(1), "B");
    EXPECT_EQ(lblc.to("2001:db8::1:0:1:0:1").choose(1), "A");
    EXPECT_EQ(lblc.to("2001:db8::1").peek(), 'B');
}

TEST(LocalityBased, AServerOfWeightZeroIsLeftForGood) {
    SchedulerBench lblc("lblc");
    lblc.add('A', 1).add('B', 1);
    EXPECT_EQ(lblc.to("203.0.113.1").choose(1), "B");
    lblc.edit('B', 0);
    EXPECT_EQ(lblc.choose(1), "A");
    lblc.edit('B', 1);
    EXPECT_EQ(lblc.choose(1), "A") << "the destination has moved";
    lblc.edit('A', 0).edit('B', 0);
    EXPECT_EQ(lblc.choose(1), "-");
    lblc.edit('A', 1).edit('B', 1);
    EXPECT_EQ(lblc.peek(), 'A') << "nobody took it over meanwhile";
}

TEST(LocalityBased, ARememberedServerMayHaveReachedItsThreshold) {
    SchedulerBench lblc("lblc");
    lblc.add('A', 1).add('B', 1);
    EXPECT_EQ(lblc.to("203.0.113.1").choose(1), "B");
    lblc.overload('B');
    EXPECT_EQ(lblc.peek(), 'B');
    EXPECT_EQ(lblc.to("203.0.113.2").peek(), 'A');
}

TEST(LocalityBased, ABusyServerIsLeftWhileAnotherHasLessThanHalfOfItsWeight) {
    SchedulerBench lblc("lblc");
    lblc.add('A', 4).add('B', 4).to("203.0.113.1");
    lblc.load('A', 2);
    EXPECT_EQ(lblc.peek(), 'B');
    lblc.load('B', 4);
    EXPECT_EQ(lblc.peek(), 'B') << "as many as the weight";
    lblc.load('B', 1);
    EXPECT_EQ(lblc.peek(), 'B') << "A has half of its weight";
    lblc.load('A', 0, 50);
    lblc.edit('A', 5);
    EXPECT_EQ(lblc.peek(), 'A') << "2 of 5, whatever inactive ones";
    lblc.unload('B');
    EXPECT_EQ(lblc.peek(), 'A') << "the destination has moved";
}

TEST(LocalityBased, AnIdleServerThatTakesNothingMovesABusyOneToo) {
    SchedulerBench lblc("lblc");
    lblc.add('A', 4).add('B', 1).add('C', 1).overload('A').to("203.0.113.1");
    EXPECT_EQ(lblc.choose(2), "CC");
    EXPECT_EQ(lblc.choose(1), "B") << "A is idle; of the eligible ones B has the least load";
}

TEST(LocalityBased, ARemovedServerIsNeverChosenAndStaysKnown) {
    SchedulerBench lblc("lblc");
    lblc.add('A', 1).add('B', 1).to("203.0.113.1");
    EXPECT_EQ(lblc.choose(1), "B");
    lblc.remove('B').add('B', 1).add('C', 1);
    EXPECT_EQ(lblc.peek(), 'B') << "nobody asked meanwhile";
    lblc.remove('B');
    EXPECT_EQ(lblc.peek(), 'C');
    lblc.add('B', 1);
    EXPECT_EQ(lblc.peek(), 'C');
}

TEST(LocalityBased, WhatIsForgottenIsChosenAnew) {
    SchedulerBench lblc("lblc");
    lblc.add('A', 1).add('B', 1);
    EXPECT_EQ(lblc.to("203.0.113.1").choose(1), "B");
    EXPECT_EQ(lblc.to("203.0.113.2").choose(1), "A");
    lblc.load('A', 1);
    lblc.state().memory->forget(DestId(1));
    EXPECT_EQ(lblc.peek(), 'A') << "another server's destination";
    lblc.load('B', 9);
    EXPECT_EQ(lblc.to("203.0.113.1").peek(), 'A');
}

TEST(LocalityBased, EndsAfterItsTunable) {
    SchedulerBench lblc("lblc");
    lblc.tunables().lblc_expiration = 100;
    lblc.tunables().lblcr_expiration = 1;
    lblc.add('A', 1).add('B', 1).to("203.0.113.1");
    EXPECT_EQ(lblc.choose(1), "B");
    lblc.wait(100s).collect(30);
    EXPECT_EQ(lblc.peek(), 'B');
    lblc.wait(1001 * Ticks(1)).collect(30);
    EXPECT_EQ(lblc.peek(), 'A');
}

}  // namespace
}  // namespace shunt
