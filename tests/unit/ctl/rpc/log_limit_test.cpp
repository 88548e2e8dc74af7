// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/log_limit.h"

#include <gtest/gtest.h>

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

TEST(LogLimit, WritesABurstThenOneASecondAndCountsTheRest) {
    LogLimit limit;
    const LogLimit::Clock::time_point start{1000s};
    for (int i = 0; i < 10; ++i) EXPECT_EQ(limit.pass(start), 0U) << i;
    for (int i = 0; i < 500; ++i) EXPECT_FALSE(limit.pass(start + 500ms));
    EXPECT_EQ(limit.pass(start + 1s), 500U);
    EXPECT_FALSE(limit.pass(start + 1s));
    EXPECT_EQ(limit.pass(start + 2s), 1U);
    EXPECT_EQ(limit.pass(start + 3s), 0U);
}

}  // namespace
}  // namespace shunt::ctl
