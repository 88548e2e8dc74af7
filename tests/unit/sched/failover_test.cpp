// SPDX-License-Identifier: BSD-3-Clause
#include "sched/failover.h"

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::SchedulerBench;

TEST(Failover, TheHighestWeightTakesAll) {
    SchedulerBench fo("fo");
    EXPECT_EQ(fo.choose(1), "-");
    fo.add('A', 5).add('B', 7).add('C', 2);
    EXPECT_EQ(fo.choose(100), test::repeat("B", 100));
}

TEST(Failover, TheFirstOfEquals) {
    SchedulerBench fo("fo");
    fo.add('A', 5).add('B', 5).add('C', 2);
    EXPECT_EQ(fo.choose(2), "BB");
}

TEST(Failover, TheNextOneTakesOver) {
    SchedulerBench fo("fo");
    fo.add('A', 5).add('B', 7).add('C', 2);
    EXPECT_EQ(fo.overload('B').choose(1), "A");
    EXPECT_EQ(fo.edit('A', 0).choose(1), "C");
    EXPECT_EQ(fo.edit('C', 0).choose(1), "-");
    EXPECT_EQ(fo.overload('B', false).choose(1), "B");
}

}  // namespace
}  // namespace shunt
