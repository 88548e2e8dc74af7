// SPDX-License-Identifier: BSD-3-Clause
#include "base/hash.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <set>

namespace shunt {
namespace {

using Key = std::array<std::uint8_t, 40>;

TEST(HashOf, DependsOnKeyAndSeedAlone) {
    const Key key{1, 2, 3};
    const Key same = key;
    EXPECT_EQ(hash_of(key, 7), hash_of(same, 7));
    EXPECT_NE(hash_of(key, 7), hash_of(key, 8));
}

TEST(HashOf, EveryBitOfTheKeyMovesAboutHalfOfTheHash) {
    for (std::size_t bit = 0; bit < sizeof(Key) * 8; ++bit) {
        int moved = 0;
        for (std::uint64_t seed = 0; seed < 64; ++seed) {
            Key key{};
            const std::uint64_t before = hash_of(key, seed);
            key[bit / 8] = static_cast<std::uint8_t>(1U << bit % 8);
            moved += std::popcount(before ^ hash_of(key, seed));
        }
        EXPECT_GT(moved, 64 * 24) << "bit " << bit;
        EXPECT_LT(moved, 64 * 40) << "bit " << bit;
    }
}

TEST(HashOf, KeysOfOneBucketSpreadUnderAnotherSeed) {
    std::set<std::uint64_t> buckets;
    int found = 0;
    for (std::uint32_t i = 0; found < 100; ++i) {
        if ((hash_of(i, 1) & 0xFF) != 0) continue;
        ++found;
        buckets.insert(hash_of(i, 2) & 0xFF);
    }
    EXPECT_GT(buckets.size(), 50U);
}

}  // namespace
}  // namespace shunt
