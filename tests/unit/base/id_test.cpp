// SPDX-License-Identifier: BSD-3-Clause
#include "base/id.h"

#include <gtest/gtest.h>

#include <limits>
#include <type_traits>

namespace shunt {
namespace {

TEST(Id, HoldsItsNumberAndStartsAtZero) {
    EXPECT_EQ(DestId().value(), 0U);
    EXPECT_EQ(DestId(std::numeric_limits<std::uint32_t>::max()).value(), 0xFFFFFFFFU);
}

TEST(Id, ComparesByNumber) {
    EXPECT_EQ(PortId(3), PortId(3));
    EXPECT_NE(PortId(3), PortId(4));
    EXPECT_LT(PortId(3), PortId(4));
    EXPECT_GT(PortId(300), PortId(255));
}

TEST(Id, MixesWithNothing) {
    EXPECT_FALSE((std::is_convertible_v<std::uint32_t, DestId>));
    EXPECT_FALSE((std::is_convertible_v<DestId, std::uint32_t>));
    EXPECT_FALSE((std::is_constructible_v<WorkerId, PortId>));
    EXPECT_FALSE((std::equality_comparable_with<WorkerId, PortId>));
}

}  // namespace
}  // namespace shunt
