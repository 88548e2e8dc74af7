// SPDX-License-Identifier: BSD-3-Clause
#include "sched/round_robin.h"

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::repeat;
using test::SchedulerBench;

TEST(RoundRobin, GoldenVector) {
    SchedulerBench rr("rr");
    rr.add('A', 1).add('B', 1).add('C', 1);
    EXPECT_EQ(rr.choose(30), repeat("CBA", 10));
}

TEST(RoundRobin, WeightsCountOnlyAsZeroOrNot) {
    SchedulerBench rr("rr");
    rr.add('A', 65535).add('B', 1).add('C', 7).add('D', 0);
    EXPECT_EQ(rr.choose(9), repeat("CBA", 3));
    rr.edit('B', 0);
    EXPECT_EQ(rr.choose(6), repeat("CA", 3));
    rr.edit('B', 1).edit('D', 1);
    EXPECT_EQ(rr.choose(8), repeat("DCBA", 2));
}

TEST(RoundRobin, NoneWhenNobodyIsEligible) {
    SchedulerBench rr("rr");
    EXPECT_EQ(rr.choose(2), "--");
    rr.add('A', 0).add('B', 0);
    EXPECT_EQ(rr.choose(2), "--");
    rr.edit('A', 1);
    EXPECT_EQ(rr.choose(2), "AA");
}

TEST(RoundRobin, ANewServerStandsInFrontAndWaitsForItsTurn) {
    SchedulerBench rr("rr");
    rr.add('A', 1).add('B', 1).add('C', 1);
    EXPECT_EQ(rr.choose(1), "C");
    rr.add('D', 1);
    EXPECT_EQ(rr.choose(6), "BADCBA");
}

TEST(RoundRobin, DeletingTheCurrentServerStepsBackToItsPredecessor) {
    SchedulerBench rr("rr");
    rr.add('A', 1).add('B', 1).add('C', 1).add('D', 1);
    EXPECT_EQ(rr.choose(2), "DC");
    rr.remove('C');
    EXPECT_EQ(rr.choose(4), "BADB");
    rr.remove('B').remove('A');
    EXPECT_EQ(rr.choose(2), "DD");
    rr.remove('D');
    EXPECT_EQ(rr.choose(1), "-");
}

TEST(RoundRobin, DeletingTheFirstServerWhileItIsCurrent) {
    SchedulerBench rr("rr");
    rr.add('A', 1).add('B', 1).add('C', 1);
    EXPECT_EQ(rr.choose(1), "C");
    rr.remove('C');
    EXPECT_EQ(rr.choose(3), "BAB");
}

TEST(RoundRobin, DeletingAnotherServerMovesNothing) {
    SchedulerBench rr("rr");
    rr.add('A', 1).add('B', 1).add('C', 1).add('D', 1);
    EXPECT_EQ(rr.choose(2), "DC");
    rr.remove('D');
    EXPECT_EQ(rr.choose(3), "BAC");
    rr.remove('B');
    EXPECT_EQ(rr.choose(3), "ACA");
}

}  // namespace
}  // namespace shunt
