// SPDX-License-Identifier: BSD-3-Clause
#include "app/helper_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace shunt {
namespace {

struct State {
    std::uint64_t value = 5;
};

TEST(HelperPool, GivesEachKeyAFreshStateAndTakesItBack) {
    HelperPool<State> pool(2);
    EXPECT_EQ(pool.find(7), nullptr);
    State* seven = pool.add(7);
    ASSERT_NE(seven, nullptr);
    EXPECT_EQ(seven->value, 5U);
    seven->value = 6;
    EXPECT_EQ(pool.find(7), seven);
    ASSERT_NE(pool.add(8), nullptr);
    EXPECT_EQ(pool.add(9), nullptr) << "all are taken";
    EXPECT_EQ(pool.find(9), nullptr);
    pool.erase(7);
    EXPECT_EQ(pool.find(7), nullptr);
    State* nine = pool.add(9);
    ASSERT_NE(nine, nullptr);
    EXPECT_EQ(nine->value, 5U) << "nothing of the one before is left";
    EXPECT_EQ(pool.size(), 2U);
}

TEST(HelperPool, AgreesWithAMapHoweverItIsUsed) {
    std::mt19937 random(1);
    HelperPool<State> pool(40);
    std::map<std::uint32_t, std::uint64_t> model;
    for (std::uint32_t round = 0; round < 100'000; ++round) {
        const auto key = static_cast<std::uint32_t>(random() % 100);
        if (model.contains(key)) {
            pool.erase(key);
            model.erase(key);
        } else if (State* state = pool.add(key); state != nullptr) {
            state->value = model[key] = random();
        } else {
            ASSERT_EQ(model.size(), 40U);
        }
        for (std::uint32_t k = round % 10; k < 100; k += 10) {
            const State* found = pool.find(k);
            ASSERT_EQ(found != nullptr, model.contains(k)) << k;
            ASSERT_TRUE(found == nullptr || found->value == model[k]) << k;
        }
    }
}

}  // namespace
}  // namespace shunt
