// SPDX-License-Identifier: BSD-3-Clause
#include "bench/statistics.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

namespace shunt::bench {
namespace {

TEST(Percentile, IsTheSmallestValueThatTheShareDoesNotExceed) {
    std::array<float, 1000> values;
    std::iota(values.rbegin(), values.rend(), 1.0F);
    EXPECT_EQ(percentile(values, 0.5), 500.0F);
    EXPECT_EQ(percentile(values, 0.99), 990.0F);
    EXPECT_EQ(percentile(values, 0.999), 999.0F);
    EXPECT_EQ(percentile(values, 1.0), 1000.0F);
    EXPECT_EQ(percentile(values, 0.0), 1.0F);
}

TEST(Percentile, OfFewValuesIsOneOfThem) {
    std::array<float, 1> one{7};
    EXPECT_EQ(percentile(one, 0.999), 7.0F);
    EXPECT_EQ(percentile(std::span<float>(), 0.5), 0.0F);
}

TEST(Median, TakesTheMiddleOrTheMeanOfTwo) {
    EXPECT_EQ(median({3, 1, 2}), 2.0);
    EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
    EXPECT_EQ(median({5}), 5.0);
    EXPECT_EQ(median({}), 0.0);
}

}  // namespace
}  // namespace shunt::bench
