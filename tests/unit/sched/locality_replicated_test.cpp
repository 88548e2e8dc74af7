// SPDX-License-Identifier: BSD-3-Clause
#include "sched/locality_replicated.h"

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using namespace std::chrono_literals;
using test::SchedulerBench;

constexpr Ticks an_hour = 1h;

class LocalityReplicatedTest : public testing::Test {
  protected:
    LocalityReplicatedTest() {
        lblcr.tunables().lblcr_expiration = 3600;
        lblcr.to("203.0.113.1");
    }
    /// Makes the destination's set A, then also B, then also C; each has `active` then.
    void grow_to_three(std::uint32_t active = 4) {
        lblcr.add('C', 2).add('B', 2).add('A', 2);
        EXPECT_EQ(lblcr.peek(), 'A');
        lblcr.load('A', active);
        EXPECT_EQ(lblcr.peek(), 'B');
        lblcr.load('B', active);
        EXPECT_EQ(lblcr.peek(), 'C');
        lblcr.load('C', active);
    }
    SchedulerBench lblcr{"lblcr"};
};

TEST_F(LocalityReplicatedTest, ADestinationStaysWhileItsServerIsNotBusy) {
    lblcr.add('A', 9).add('B', 9);
    EXPECT_EQ(lblcr.choose(10), "BBBBBBBBBB") << "up to one more than the weight";
    EXPECT_EQ(lblcr.choose(4), "AAAA") << "one joins, and has the lesser load";
    EXPECT_EQ(lblcr.to("203.0.113.2").choose(1), "A");
}

TEST_F(LocalityReplicatedTest, TheLeastLoadedOfTheSetIsChosen) {
    grow_to_three();
    lblcr.add('D', 2);
    lblcr.load('D', 1);  // not idle: nobody shares with it
    EXPECT_EQ(lblcr.peek(), 'C') << "of equals the newest in the set";
    lblcr.load('C', 0, 1);
    EXPECT_EQ(lblcr.peek(), 'B');
    lblcr.edit('A', 3);
    EXPECT_EQ(lblcr.peek(), 'A') << "by weight";
    lblcr.overload('A');
    EXPECT_EQ(lblcr.peek(), 'B') << "unlike in lblc the threshold counts";
    lblcr.edit('B', 0);
    EXPECT_EQ(lblcr.peek(), 'C');
}

TEST_F(LocalityReplicatedTest, OneJoinsWhenTheBestIsBusyAndAnotherIdle) {
    grow_to_three();
    lblcr.add('D', 2);
    EXPECT_EQ(lblcr.peek(), 'D');
    lblcr.load('D', 3);
    EXPECT_EQ(lblcr.peek(), 'D') << "it has joined";
}

TEST_F(LocalityReplicatedTest, OneJoinsWhenNobodyOfTheSetTakesConnections) {
    lblcr.add('A', 1).add('B', 1);
    EXPECT_EQ(lblcr.choose(1), "B");
    lblcr.edit('B', 0);
    EXPECT_EQ(lblcr.choose(1), "A");
    lblcr.edit('B', 5);
    EXPECT_EQ(lblcr.peek(), 'B') << "it never left";
    lblcr.edit('A', 0).edit('B', 0);
    EXPECT_EQ(lblcr.peek(), '-');
}

TEST_F(LocalityReplicatedTest, TheMostLoadedLeavesWhenNothingChangedForLong) {
    grow_to_three();
    lblcr.load('B', 2);
    lblcr.wait(an_hour);
    EXPECT_EQ(lblcr.peek(), 'C');
    lblcr.wait(Ticks(1));
    EXPECT_EQ(lblcr.peek(), 'C') << "B leaves now";
    lblcr.load('A', 9);
    lblcr.load('C', 9);
    lblcr.load('D', 1);
    lblcr.add('D', 2);
    EXPECT_EQ(lblcr.peek(), 'C') << "B has the least load, but is not in the set";
    lblcr.wait(an_hour);
    EXPECT_EQ(lblcr.peek(), 'C') << "that B left was a change";
    lblcr.wait(Ticks(1));
    EXPECT_EQ(lblcr.peek(), 'C') << "of equals the newest leaves, which is chosen once more";
    EXPECT_EQ(lblcr.peek(), 'A');
    lblcr.wait(2 * an_hour);
    EXPECT_EQ(lblcr.peek(), 'A') << "the last one stays";
    EXPECT_EQ(lblcr.peek(), 'A');
}

TEST_F(LocalityReplicatedTest, WhoHasNoWeightDoesNotLeave) {
    grow_to_three();
    lblcr.load('B', 50);
    lblcr.load('A', 1);
    lblcr.edit('B', 0);
    lblcr.wait(an_hour + Ticks(1));
    EXPECT_EQ(lblcr.peek(), 'C') << "A leaves now";
    lblcr.unload('A');
    lblcr.load('A', 1);
    lblcr.unload('B');
    lblcr.load('B', 2);
    lblcr.edit('B', 2);
    EXPECT_EQ(lblcr.peek(), 'B') << "A, though it has less, does not share: it is not idle";
}

TEST_F(LocalityReplicatedTest, ARemovedServerIsNotChosenButKeepsItsPlace) {
    grow_to_three();
    lblcr.remove('C');
    EXPECT_EQ(lblcr.peek(), 'B');
    lblcr.load('C', 9);
    lblcr.wait(an_hour + Ticks(1));
    EXPECT_EQ(lblcr.peek(), 'B') << "C leaves now, the most loaded";
    lblcr.unload('C');
    lblcr.load('C', 1);
    lblcr.add('C', 2);
    EXPECT_EQ(lblcr.peek(), 'B');
    lblcr.remove('B');
    EXPECT_EQ(lblcr.peek(), 'A');
    lblcr.add('B', 2);
    EXPECT_EQ(lblcr.peek(), 'B') << "it came back before somebody else left";
}

TEST_F(LocalityReplicatedTest, ASetHasSixteenServersAtMost) {
    for (char name = 'A'; name <= 'R'; ++name) lblcr.add(name, 1);
    // 18 servers; each joins when all those before are busy.
    EXPECT_EQ(lblcr.choose(32), "RRQQPPOONNMMLLKKJJIIHHGGFFEEDDCC");
    lblcr.load('P', 3);
    EXPECT_EQ(lblcr.choose(2), "BB") << "P leaves for it";
    lblcr.unload('P');
    lblcr.load('P', 1);  // not idle, and less than all others
    lblcr.load('A', 1);
    EXPECT_NE(lblcr.peek(), 'P');
    lblcr.unload('Q');
    EXPECT_EQ(lblcr.peek(), 'Q') << "it has stayed";
}

TEST_F(LocalityReplicatedTest, EndsAfterItsTunable) {
    lblcr.tunables().lblc_expiration = 1;
    lblcr.add('A', 1).add('B', 1);
    EXPECT_EQ(lblcr.choose(1), "B");
    lblcr.wait(an_hour).collect(30);
    EXPECT_EQ(lblcr.peek(), 'B');
    lblcr.wait(an_hour + Ticks(1)).collect(30);
    EXPECT_EQ(lblcr.peek(), 'A');
}

TEST_F(LocalityReplicatedTest, WhatIsForgottenLeavesTheSet) {
    grow_to_three();
    lblcr.state().memory->forget(DestId(2));
    EXPECT_EQ(lblcr.peek(), 'B');
    lblcr.state().memory->forget(DestId(1));
    EXPECT_EQ(lblcr.peek(), 'A');
}

}  // namespace
}  // namespace shunt
