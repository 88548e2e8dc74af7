// SPDX-License-Identifier: BSD-3-Clause
#include "service/load_cache.h"

#include <gtest/gtest.h>

#include <map>

namespace shunt {
namespace {

TEST(LeastLoaded, NobodyIsBehindEveryServerAndNotBeforeNobody) {
    const LeastLoaded nobody;
    const LeastLoaded idle{.load = 0, .weight = 1, .position = 5};
    const LeastLoaded busy{.load = 1ULL << 32, .weight = 1, .position = 0};
    EXPECT_TRUE(idle.goes_before(nobody));
    EXPECT_TRUE(busy.goes_before(nobody));
    EXPECT_FALSE(nobody.goes_before(idle));
    EXPECT_FALSE(nobody.goes_before(busy));
    EXPECT_FALSE(nobody.goes_before(nobody));
}

TEST(LeastLoaded, ByLoadPerWeightThenByPosition) {
    const LeastLoaded a{.load = 6, .weight = 3, .position = 1};
    const LeastLoaded b{.load = 4, .weight = 2, .position = 2};
    const LeastLoaded c{.load = 5, .weight = 3, .position = 9};
    EXPECT_TRUE(a.goes_before(b));
    EXPECT_FALSE(b.goes_before(a));
    EXPECT_TRUE(c.goes_before(a));
    EXPECT_FALSE(a.goes_before(a));
}

TEST(LoadCache, GroupsServersByIdInTheOrderOfTheList) {
    std::vector<RealServer> servers(5);
    for (std::size_t i = 0; const std::uint32_t id : {40U, 3U, 33U, 15U, 16U})
        servers[i++].id = DestId(id);
    LoadCache cache(servers, 2);
    std::map<std::uint32_t, std::vector<std::uint32_t>> groups;
    for (const auto& group : cache.of(WorkerId(0)).groups)
        groups[group.id] = {group.positions.begin(), group.positions.end()};
    EXPECT_EQ(groups, (std::map<std::uint32_t, std::vector<std::uint32_t>>{
                          {0, {1, 3}}, {1, {4}}, {2, {0, 2}}}));
    for (std::uint16_t w = 0; w < 2; ++w) {
        const auto part = cache.of(WorkerId(w));
        ASSERT_EQ(part.known.size(), 3U);
        for (const auto& known : part.known) EXPECT_EQ(known.changes, LoadCache::Known::never);
    }
    cache.of(WorkerId(0)).known[1].changes = 7;
    EXPECT_EQ(cache.of(WorkerId(1)).known[1].changes, LoadCache::Known::never);
    EXPECT_GT(cache.bytes(), sizeof(LoadCache));
}

}  // namespace
}  // namespace shunt
