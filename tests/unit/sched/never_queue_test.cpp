// SPDX-License-Identifier: BSD-3-Clause
#include "sched/never_queue.h"

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::SchedulerBench;

TEST(NeverQueue, TheFirstIdleServerWinsWhateverItsWeight) {
    SchedulerBench nq("nq");
    nq.add('A', 4).add('B', 3).add('C', 2);
    EXPECT_EQ(nq.choose(3), "CBA");
}

TEST(NeverQueue, WithoutIdleServerItIsTheShortestExpectedDelay) {
    SchedulerBench nq("nq");
    nq.add('A', 4).add('B', 3).add('C', 2);
    // after one each as sed goes on after "ABC"
    EXPECT_EQ(nq.choose(18),
              "CBA"
              "ABACBAABCABACBA");
}

TEST(NeverQueue, InactiveConnectionsAreNone) {
    SchedulerBench nq("nq");
    nq.add('A', 4).add('B', 3);
    nq.load('B', 0, 1000);
    EXPECT_EQ(nq.peek(), 'B');
}

TEST(NeverQueue, OfEqualsTheNewestWins) {
    SchedulerBench nq("nq");
    nq.add('A', 4).add('B', 2).add('C', 2);
    EXPECT_EQ(nq.peek(), 'C') << "all idle";
    nq.load('A', 3, 0);
    nq.load('B', 1, 0);
    nq.load('C', 1, 0);
    EXPECT_EQ(nq.peek(), 'C') << "4/4, 2/2 and 2/2";
    nq.load('C', 1, 0);
    EXPECT_EQ(nq.peek(), 'B');
}

TEST(NeverQueue, SkipsWhoTakesNoConnections) {
    SchedulerBench nq("nq");
    EXPECT_EQ(nq.choose(1), "-");
    nq.add('A', 4).add('B', 3).add('C', 0);
    EXPECT_EQ(nq.overload('B').choose(2), "AA");
    EXPECT_EQ(nq.edit('A', 0).choose(1), "-");
    EXPECT_EQ(nq.overload('B', false).choose(1), "B");
}

}  // namespace
}  // namespace shunt
