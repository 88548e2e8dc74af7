// SPDX-License-Identifier: BSD-3-Clause
#include "sched/shortest_expected_delay.h"

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::SchedulerBench;

TEST(ShortestExpectedDelay, GoldenVector) {
    SchedulerBench sed("sed");
    sed.add('A', 4).add('B', 3).add('C', 2);
    EXPECT_EQ(sed.choose(18), "ABCABACBAABCABACBA");
}

TEST(ShortestExpectedDelay, OnlyActiveConnectionsCount) {
    SchedulerBench sed("sed");
    sed.add('A', 4).add('B', 3);
    sed.load('A', 0, 1'000'000);
    EXPECT_EQ(sed.choose(3), "ABA");
}

TEST(ShortestExpectedDelay, OfEqualsTheNewestWins) {
    SchedulerBench sed("sed");
    sed.add('A', 4).add('B', 2).add('C', 2);
    sed.load('A', 1, 0);
    EXPECT_EQ(sed.choose(3), "CBA") << "2/4, 1/2 and 1/2; then 2/4 is the least";
}

TEST(ShortestExpectedDelay, SkipsWhoTakesNoConnections) {
    SchedulerBench sed("sed");
    EXPECT_EQ(sed.choose(1), "-");
    sed.add('A', 4).add('B', 3).add('C', 0);
    EXPECT_EQ(sed.overload('A').choose(2), "BB");
    EXPECT_EQ(sed.edit('B', 0).choose(1), "-");
    EXPECT_EQ(sed.overload('A', false).choose(1), "A");
}

}  // namespace
}  // namespace shunt
