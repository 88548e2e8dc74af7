// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/liveness.h"

#include <gtest/gtest.h>

#include <array>

namespace shunt::ctl {
namespace {

class LivenessTest : public ::testing::Test {
  protected:
    void turn(std::size_t worker, std::uint64_t times = 1) {
        counters[worker].iterations.add(times);
    }

    std::array<WorkerCounters, 2> counters;
    Liveness liveness{{&counters[0], &counters[1]}};
    const std::vector<WorkerId> none{};
};

TEST_F(LivenessTest, OneTurnIsEnoughHoweverManyThereWere) {
    for (const std::uint64_t times : {1U, 2U, 1'000'000U}) {
        turn(0);
        turn(1, times);
        EXPECT_TRUE(liveness.check());
    }
}

TEST_F(LivenessTest, EveryWorkerHasToTurn) {
    turn(1);
    EXPECT_FALSE(liveness.check());
    turn(0);
    EXPECT_FALSE(liveness.check());
    turn(0);
    turn(1);
    EXPECT_TRUE(liveness.check());
}

TEST_F(LivenessTest, WhatTurnedBeforeTheStartDoesNotCount) {
    turn(0);
    turn(1, 1'000'000);
    Liveness fresh({&counters[0], &counters[1]});
    EXPECT_FALSE(fresh.check());
}

TEST_F(LivenessTest, TellsOnceWhoStandsStillForSoLong) {
    for (int second = 0; second < 2; ++second) {
        turn(0);
        EXPECT_FALSE(liveness.check());
        EXPECT_EQ(liveness.still_for(3), none);
    }
    turn(0);
    liveness.check();
    EXPECT_EQ(liveness.still_for(3), std::vector{WorkerId(1)});
    liveness.check();
    EXPECT_EQ(liveness.still_for(3), none);
    EXPECT_EQ(liveness.still_for(1), std::vector{WorkerId(0)});
    turn(1);
    turn(0);
    EXPECT_TRUE(liveness.check());
}

}  // namespace
}  // namespace shunt::ctl
