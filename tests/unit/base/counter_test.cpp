// SPDX-License-Identifier: BSD-3-Clause
#include "base/counter.h"

#include <gtest/gtest.h>

#include <thread>

namespace shunt {
namespace {

TEST(Counter, AddsAndSubtracts) {
    Gauge gauge;
    EXPECT_EQ(gauge.value(), 0U);
    gauge.add();
    gauge.add(9);
    gauge.sub(4);
    EXPECT_EQ(gauge.value(), 6U);
}

TEST(Counter, HoldsMoreThan32Bits) {
    Counter counter;
    counter.add(0xFFFFFFFFULL);
    counter.add(2);
    EXPECT_EQ(counter.value(), 0x100000001ULL);
}

TEST(Counter, AReaderSeesItGrowAndNeverShrink) {
    constexpr std::uint64_t last = 1'000'000;
    Counter counter;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < last; ++i) counter.add();
    });
    std::uint64_t seen = 0;
    while (seen < last) {
        const std::uint64_t now = counter.value();
        ASSERT_GE(now, seen);
        seen = now;
    }
    writer.join();
    EXPECT_EQ(counter.value(), last);
}

}  // namespace
}  // namespace shunt
