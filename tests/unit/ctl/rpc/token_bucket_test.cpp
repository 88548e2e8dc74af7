// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/token_bucket.h"

#include <gtest/gtest.h>

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

TEST(TokenBucket, GivesABurstAndThenItsRate) {
    TokenBucket bucket(10, 3);
    const TokenBucket::Clock::time_point start{1000s};
    for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(start), 0s) << i;
    EXPECT_EQ(bucket.take(start), 100ms);
    EXPECT_EQ(bucket.take(start + 60ms), 40ms) << "asking in vain costs nothing";
    EXPECT_EQ(bucket.take(start + 100ms), 0s);
    EXPECT_EQ(bucket.take(start + 100ms), 100ms);
}

TEST(TokenBucket, FillsUpToTheBurstOnly) {
    TokenBucket bucket(1000, 2);
    const TokenBucket::Clock::time_point start{1000s};
    EXPECT_EQ(bucket.take(start), 0s);
    EXPECT_EQ(bucket.take(start + 1h), 0s);
    EXPECT_EQ(bucket.take(start + 1h), 0s);
    EXPECT_GT(bucket.take(start + 1h), 0s);
}

}  // namespace
}  // namespace shunt::ctl
