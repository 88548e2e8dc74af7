// SPDX-License-Identifier: BSD-3-Clause
#include "sched/least_connection.h"

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::repeat;
using test::SchedulerBench;

TEST(LeastConnection, GoldenVectors) {
    SchedulerBench equal("wlc");
    equal.add('A', 1).add('B', 1).add('C', 1);
    EXPECT_EQ(equal.choose(12), repeat("CBA", 4));
    SchedulerBench weighted("wlc");
    weighted.add('A', 4).add('B', 3).add('C', 2);
    EXPECT_EQ(weighted.choose(18), "CBAABCABACBAABCABA");
}

TEST(LeastConnection, LcIgnoresHowLargeAWeightIs) {
    SchedulerBench lc("lc");
    lc.add('A', 100).add('B', 1).add('C', 7).add('D', 0);
    EXPECT_EQ(lc.choose(9), repeat("CBA", 3));
}

TEST(LeastConnection, OneActiveConnectionWeighs257Inactive) {
    for (const char* const name : {"lc", "wlc"}) {
        SchedulerBench bench(name);
        bench.add('A', 1).add('B', 1);
        bench.load('B', 1, 0);
        bench.load('A', 0, 256);
        EXPECT_EQ(bench.peek(), 'A') << name;
        bench.load('A', 0, 1);  // 257 against 257: the first of the list
        EXPECT_EQ(bench.peek(), 'B') << name;
        bench.load('B', 0, 1);
        EXPECT_EQ(bench.peek(), 'A') << name;
    }
}

TEST(LeastConnection, OfEqualsTheNewestWins) {
    SchedulerBench lc("lc");
    lc.add('A', 9).add('B', 1).add('C', 1);
    for (const char name : {'A', 'B', 'C'}) lc.load(name, 5, 5);
    EXPECT_EQ(lc.choose(3), "CBA");
    SchedulerBench wlc("wlc");
    wlc.add('A', 4).add('B', 2).add('C', 2);
    wlc.load('A', 6, 2);
    wlc.load('B', 3, 1);
    wlc.load('C', 3, 1);
    EXPECT_EQ(wlc.choose(2), "CB") << "equal for their weights";
    EXPECT_EQ(wlc.choose(2), "AA");
}

TEST(LeastConnection, LoadIsThatOfAllWorkers) {
    SchedulerBench lc("lc");
    lc.add('A', 1).add('B', 1);
    lc.load('B', 9, 0);  // four on one worker, five on the other
    lc.load('A', 8, 0);
    EXPECT_EQ(lc.peek(), 'A');
}

TEST(LeastConnection, WeightZeroIsNeverChosen) {
    for (const char* const name : {"lc", "wlc"}) {
        SchedulerBench bench(name);
        EXPECT_EQ(bench.choose(1), "-");
        bench.add('A', 0).add('B', 0);
        EXPECT_EQ(bench.choose(1), "-");
        bench.edit('A', 1);
        EXPECT_EQ(bench.choose(5), "AAAAA");
        bench.edit('A', 0);
        EXPECT_EQ(bench.choose(1), "-");
    }
}

TEST(LeastConnection, LargeLoadsAndWeightsDoNotOverflow) {
    SchedulerBench wlc("wlc");
    wlc.add('A', 2147483647).add('B', 2147483646);
    wlc.load('A', 20'000'000, 0);
    wlc.load('B', 20'000'000, 0);
    EXPECT_EQ(wlc.peek(), 'A');
    wlc.load('A', 1, 0);
    EXPECT_EQ(wlc.peek(), 'B');
}

}  // namespace
}  // namespace shunt
