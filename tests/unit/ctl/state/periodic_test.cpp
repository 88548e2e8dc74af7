// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/periodic.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(Periodic, WorksFromOnePeriodAfterConstructionOn) {
    boost::asio::io_context io;
    int calls = 0;
    const auto begin = Clock::now();
    const Periodic timer(io, 20ms, [&] {
        ++calls;
        EXPECT_GE(Clock::now() - begin, calls * 20ms);
        if (calls == 3) io.stop();
    });
    EXPECT_EQ(io.poll(), 0U);
    EXPECT_EQ(calls, 0);
    io.restart();
    io.run_for(5s);
    EXPECT_EQ(calls, 3);
}

TEST(Periodic, WhatTheWorkTakesDoesNotLengthenThePeriods) {
    boost::asio::io_context io;
    int calls = 0;
    const auto begin = Clock::now();
    const Periodic timer(io, 40ms, [&] {
        std::this_thread::sleep_for(30ms);
        if (++calls == 5) io.stop();
    });
    io.run_for(5s);
    EXPECT_EQ(calls, 5);
    // 5 x 40 + 30; with the work added it would be 350.
    EXPECT_LT(Clock::now() - begin, 320ms);
}

TEST(Periodic, EndsWithItsObject) {
    boost::asio::io_context io;
    int calls = 0;
    std::optional<Periodic> timer;
    timer.emplace(io, 1ms, [&] { ++calls; });
    while (calls < 2) io.run_one_for(5s);
    timer.reset();
    const int then = calls;
    io.restart();
    io.run_for(50ms);
    EXPECT_EQ(calls, then);
}

}  // namespace
}  // namespace shunt::ctl
