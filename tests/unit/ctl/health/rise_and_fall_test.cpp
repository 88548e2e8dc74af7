// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/health/rise_and_fall.h"

#include <gtest/gtest.h>

#include <string_view>

namespace shunt::ctl {
namespace {

HealthCheck counts(std::uint32_t rise, std::uint32_t fall) {
    HealthCheck check;
    check.rise = rise;
    check.fall = fall;
    return check;
}

/// What a server is after each of some checks: "+" passed, "-" failed; upper case where it changed.
std::string life(RiseAndFall& state, const HealthCheck& check, std::string_view ends) {
    std::string all;
    for (const char end : ends) {
        const bool changed = state.take(end == '+', check);
        const bool up = state.health() == Health::up;
        all += changed ? (up ? 'U' : 'D') : (up ? 'u' : 'd');
    }
    return all;
}

TEST(RiseAndFall, TakesSoManyInARow) {
    RiseAndFall state(Health::up);
    EXPECT_EQ(life(state, counts(2, 3), "+--+---+-++---"), "uuuuuuDdddUuuD");
}

TEST(RiseAndFall, OneIsEnoughIfItIsSaid) {
    RiseAndFall state(Health::up);
    EXPECT_EQ(life(state, counts(1, 1), "-+-+"), "DUDU");
}

TEST(RiseAndFall, WhatBeginsDownComesUpAfterRise) {
    RiseAndFall state(Health::down);
    EXPECT_EQ(life(state, counts(3, 1), "++-+++-"), "dddddUD");
}

TEST(RiseAndFall, ALowerFallHoldsFromTheNextCheckOn) {
    RiseAndFall state(Health::up);
    EXPECT_EQ(life(state, counts(2, 10), "----"), "uuuu");
    EXPECT_EQ(life(state, counts(2, 2), "-"), "D");
}

TEST(RiseAndFall, TellsOfTheLastChecks) {
    RiseAndFall state(Health::up);
    EXPECT_EQ(state.in_a_row(), 0U);
    EXPECT_FALSE(state.passed());
    life(state, counts(2, 9), "--");
    EXPECT_EQ(state.in_a_row(), 2U);
    EXPECT_FALSE(state.passed());
    life(state, counts(2, 9), "+++");
    EXPECT_EQ(state.in_a_row(), 3U);
    EXPECT_TRUE(state.passed());
}

}  // namespace
}  // namespace shunt::ctl
