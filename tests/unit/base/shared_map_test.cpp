// SPDX-License-Identifier: BSD-3-Clause
#include "base/shared_map.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

namespace shunt {
namespace {

using Map = SharedMap<std::uint32_t, int>;

TEST(SharedMap, FindsWhatWasPutIn) {
    Map map;
    EXPECT_TRUE(map.empty());
    EXPECT_EQ(map.find(1), nullptr);
    map.edit(1) = 10;
    map.edit(1) += 1;
    ASSERT_NE(map.find(1), nullptr);
    EXPECT_EQ(*map.find(1), 11);
    EXPECT_EQ(map.size(), 1U);
    EXPECT_FALSE(map.contains(2));
    map.erase(2);
    EXPECT_EQ(map.size(), 1U);
    map.erase(1);
    EXPECT_TRUE(map.empty());
    EXPECT_FALSE(map.contains(1));
}

TEST(SharedMap, EachVersionStaysAsItWas) {
    constexpr std::uint32_t keys = 3000;
    struct Version {
        Map map;
        std::map<std::uint32_t, int> model;
    };
    std::mt19937 random(11);
    std::deque<Version> versions(1);
    for (int round = 0; round < 300; ++round) {
        versions.push_back(versions.back());
        Version& now = versions.back();
        for (int i = 0; i < 40; ++i) {
            const auto key = static_cast<std::uint32_t>(random() % keys);
            if (random() % 3 == 0) {
                now.map.erase(key);
                now.model.erase(key);
            } else {
                now.map.edit(key) = now.model[key] = static_cast<int>(random() % 1000);
            }
        }
        if (versions.size() > 5) versions.pop_front();
    }
    for (const Version& version : versions) {
        EXPECT_EQ(version.map.size(), version.model.size());
        for (std::uint32_t key = 0; key < keys; ++key) {
            const auto at = version.model.find(key);
            const int* found = version.map.find(key);
            ASSERT_EQ(found != nullptr, at != version.model.end()) << key;
            if (found != nullptr) {
                ASSERT_EQ(*found, at->second) << key;
            }
        }
    }
}

TEST(SharedMap, AChangeCopiesOneShard) {
    Map first;
    for (std::uint32_t key = 0; key < 50'000; ++key) first.edit(key) = 1;
    Map second = first;
    second.edit(777) = 2;
    Footprint sum;
    second.measure(first, sum);
    EXPECT_EQ(sum.own_parts, 2U);
    EXPECT_LT(sum.own, sum.shared / 100);
}

}  // namespace
}  // namespace shunt
