// SPDX-License-Identifier: BSD-3-Clause
#include "sched/overflow.h"

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::repeat;
using test::SchedulerBench;

TEST(Overflow, EachGetsItsWeightAndOneMoreFromTheHeaviestOn) {
    SchedulerBench ovf("ovf");
    EXPECT_EQ(ovf.choose(1), "-");
    ovf.add('A', 2).add('B', 4).add('C', 3);
    EXPECT_EQ(ovf.choose(14), repeat("B", 5) + repeat("C", 4) + repeat("A", 3) + "--");
}

TEST(Overflow, OnlyActiveConnectionsCount) {
    SchedulerBench ovf("ovf");
    ovf.add('A', 1).add('B', 2);
    ovf.load('B', 0, 1000);
    EXPECT_EQ(ovf.choose(3), "BBB");
}

TEST(Overflow, TheFirstOfEquals) {
    SchedulerBench ovf("ovf");
    ovf.add('A', 1).add('B', 1);
    EXPECT_EQ(ovf.choose(5), "BBAA-");
}

TEST(Overflow, SkipsWhoTakesNoConnections) {
    SchedulerBench ovf("ovf");
    ovf.add('A', 2).add('B', 4).add('C', 0);
    EXPECT_EQ(ovf.overload('B').choose(1), "A");
    EXPECT_EQ(ovf.edit('A', 0).choose(1), "-");
}

}  // namespace
}  // namespace shunt
