// SPDX-License-Identifier: BSD-3-Clause
#include "base/shared_tree.h"

#include <gtest/gtest.h>

#include <set>

namespace shunt {
namespace {

using Tree = SharedTree<int>;

std::set<std::size_t> differences(const Tree& a, const Tree& b) {
    std::set<std::size_t> places;
    a.compare(b, [&](std::size_t i, const int*, const int*) { places.insert(i); });
    return places;
}

TEST(SharedTree, HasNoPartsAtFirst) {
    const Tree tree;
    EXPECT_EQ(tree.find(0), nullptr);
    EXPECT_EQ(tree.find(1'000'000), nullptr);
}

TEST(SharedTree, ACopyKeepsWhatTheOtherChanges) {
    Tree first;
    first.edit(3) = 30;
    first.edit(500) = 5000;
    Tree second = first;
    EXPECT_TRUE(differences(first, second).empty());
    second.edit(3) = 31;
    second.edit(70) = 700;
    EXPECT_EQ(first[3], 30);
    EXPECT_EQ(first.find(70), nullptr);
    EXPECT_EQ(second[3], 31);
    EXPECT_EQ(second[500], 5000);
    EXPECT_EQ(differences(first, second), (std::set<std::size_t>{3, 70}));
    EXPECT_EQ(first.find(500), second.find(500)) << "one and the same";
    second.drop(500);
    EXPECT_EQ(second.find(500), nullptr);
    EXPECT_EQ(first[500], 5000);
    second.drop(499);
    second.drop(1'000'000);
}

TEST(SharedTree, AnEditedPartIsCopiedOnceAVersion) {
    Tree first;
    first.edit(1) = 1;
    Tree second = first;
    const int* copy = &second.edit(1);
    EXPECT_NE(copy, first.find(1));
    EXPECT_EQ(&second.edit(1), copy);
    first = {};
    EXPECT_EQ(&second.edit(1), copy) << "nobody else has it";
}

TEST(SharedTree, MeasuresWhatIsShared) {
    Tree first;
    for (std::size_t i = 0; i < 200; ++i) first.edit(i) = 1;
    Tree second = first;
    second.edit(7) = 2;
    Footprint sum;
    second.measure(first, sum, [](int) { return std::size_t{1000}; });
    EXPECT_EQ(sum.own_parts, 2U) << "the part and the way to it";
    EXPECT_GE(sum.shared, 199'000U);
    EXPECT_LT(sum.own, 4'000U);
    EXPECT_GE(sum.own, 1'000U);
}

TEST(SharedArray, GrowsShrinksAndIsWalkedThrough) {
    SharedArray<int> first;
    EXPECT_TRUE(first.empty());
    for (int i = 0; i < 1000; ++i) first.push_back(i);
    SharedArray<int> second = first;
    second.pop_back();
    second.edit(500) = -1;
    EXPECT_EQ(first.size(), 1000U);
    EXPECT_EQ(first[500], 500);
    EXPECT_EQ(second.size(), 999U);
    EXPECT_EQ(second[500], -1);
    const std::vector<int> all(first.begin(), first.end());
    ASSERT_EQ(all.size(), 1000U);
    EXPECT_EQ(all[999], 999);
    int seen = 0;
    for (const int value : second) seen += value;
    EXPECT_EQ(seen, 999 * 998 / 2 - 501);
    std::set<std::size_t> places;
    second.compare(first, [&](std::size_t i, int mine, int its) {
        if (mine != its) places.insert(i);
    });
    EXPECT_EQ(places, (std::set<std::size_t>{500, 999}));
}

}  // namespace
}  // namespace shunt
