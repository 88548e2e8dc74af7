// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/health/check_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

constexpr CheckSchedule::Clock::time_point start{1000s};

TEST(CheckSchedule, FirstChecksAreSpreadOverTheInterval) {
    CheckSchedule schedule(7);
    constexpr std::size_t targets = 50'000;
    for (std::size_t i = 0; i < targets; ++i) schedule.begin(i, 0, start, 10s);
    std::array<std::size_t, 10> in_second{};
    for (auto passed = 0s; passed < 10s; ++passed)
        while (schedule.take(start + passed + 1s)) ++in_second[std::size_t(passed.count())];
    EXPECT_EQ(schedule.size(), 0U) << "none later than an interval";
    for (const auto count : in_second) EXPECT_NEAR(double(count), 5000, 400);
}

TEST(CheckSchedule, LaterOnesComeUpToATenthEarly) {
    CheckSchedule schedule(7);
    for (std::uint64_t i = 0; i < 1000; ++i) schedule.next(i, 0, start, start + 1s, 10s);
    EXPECT_FALSE(schedule.take(start + 9s - 1ns));
    auto last = start;
    std::size_t count = 0;
    while (const auto due = schedule.take(start + 10s)) {
        EXPECT_GE(due->at, last) << "in the order of time";
        last = due->at;
        ++count;
    }
    EXPECT_EQ(count, 1000U);
    EXPECT_GT(last, start + 9900ms) << "they do not stay together";
}

TEST(CheckSchedule, OneThatTookLongerThanTheIntervalIsDueAtOnce) {
    CheckSchedule schedule(7);
    schedule.next(1, 5, start, start + 60s, 10s);
    const auto due = schedule.take(start + 60s);
    ASSERT_TRUE(due);
    EXPECT_EQ(due->at, start + 60s);
    EXPECT_EQ(due->target, 1U);
    EXPECT_EQ(due->version, 5U);
}

}  // namespace
}  // namespace shunt::ctl
