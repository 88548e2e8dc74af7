// SPDX-License-Identifier: BSD-3-Clause
#include "service/dest_counters.h"

#include <gtest/gtest.h>

#include <array>

namespace shunt {
namespace {

TEST(Loads, AreTheSumOverWorkersServerByServer) {
    std::array<DestCounters, 3> first;
    std::array<DestCounters, 3> second;
    const std::array<DestCounters* const, 2> workers{first.data(), second.data()};
    const Loads loads(workers);
    first[1].active.add(2);
    first[1].total.add(5);
    second[1].active.add(1);
    second[1].total.add(7);
    second[2].total.add(100);
    EXPECT_EQ(loads.active(DestId(0)), 0U);
    EXPECT_EQ(loads.total(DestId(0)), 0U);
    EXPECT_EQ(loads.active(DestId(1)), 3U);
    EXPECT_EQ(loads.total(DestId(1)), 12U);
    EXPECT_EQ(loads.active(DestId(2)), 0U);
    EXPECT_EQ(loads.total(DestId(2)), 100U);
    first[1].active.sub(2);
    EXPECT_EQ(loads.active(DestId(1)), 1U);
}

TEST(Loads, OfNoWorkersAreZero) {
    const Loads loads{{}};
    EXPECT_EQ(loads.active(DestId(7)), 0U);
    EXPECT_EQ(loads.total(DestId(7)), 0U);
}

}  // namespace
}  // namespace shunt
