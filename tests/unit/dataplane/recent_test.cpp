// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/recent.h"

#include <gtest/gtest.h>

namespace shunt {
namespace {

constexpr WayAhead way_one{.kind = WayAhead::Kind::via, .next_hop = 1, .fits = 1500};
constexpr WayAhead way_two{.kind = WayAhead::Kind::via, .next_hop = 2, .fits = 1400};

TEST(Recent, AnAnswerHoldsForItsQuestionAndSnapshot) {
    Memo<DestId, int> memo;
    EXPECT_EQ(memo.find(DestId(), 0), nullptr) << "nothing was ever asked";
    memo.keep(DestId(7), 3, 42);
    ASSERT_NE(memo.find(DestId(7), 3), nullptr);
    EXPECT_EQ(*memo.find(DestId(7), 3), 42);
    EXPECT_EQ(memo.find(DestId(8), 3), nullptr);
    EXPECT_EQ(memo.find(DestId(7), 4), nullptr);
    EXPECT_EQ(memo.find(DestId(7), 2), nullptr);
}

TEST(Recent, AWayIsLookedUpOnceASnapshot) {
    Memo<DestId, WayAhead> memo;
    int looked_up = 0;
    const auto recall = [&](std::uint32_t generation, const WayAhead& way) {
        return recall_way(memo, DestId(1), generation, [&] { return ++looked_up, way; });
    };
    EXPECT_EQ(recall(1, way_one).next_hop, way_one.next_hop);
    EXPECT_EQ(recall(1, way_two).next_hop, way_one.next_hop);
    EXPECT_EQ(looked_up, 1);
    EXPECT_EQ(recall(2, way_two).next_hop, way_two.next_hop);
    EXPECT_EQ(looked_up, 2);
}

TEST(Recent, AWayOfOneFlowIsNotKept) {
    Memo<DestId, WayAhead> memo;
    WayAhead by_flow = way_one;
    by_flow.by_flow = true;
    EXPECT_EQ(recall_way(memo, DestId(1), 1, [&] { return by_flow; }).next_hop, by_flow.next_hop);
    EXPECT_EQ(recall_way(memo, DestId(1), 1, [] { return way_two; }).next_hop, way_two.next_hop);
}

TEST(Recent, ServersHavePlacesOfTheirOwn) {
    RecentServers servers;
    for (std::uint32_t i = 0; i < 256; ++i)
        servers.of(DestId(i)).keep(DestId(i), 1, {.next_hop = static_cast<NextHopIndex>(i)});
    for (std::uint32_t i = 0; i < 256; ++i)
        EXPECT_EQ(servers.of(DestId(i)).find(DestId(i), 1)->next_hop, i);
    EXPECT_EQ(servers.of(DestId(256)).find(DestId(256), 1), nullptr);
}

}  // namespace
}  // namespace shunt
