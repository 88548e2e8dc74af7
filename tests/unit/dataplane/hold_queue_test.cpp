// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/hold_queue.h"

#include <gtest/gtest.h>

namespace shunt {
namespace {

std::vector<std::uint32_t> hashes_in(HoldQueue& queue) {
    std::vector<std::uint32_t> seen;
    queue.retry([&](const HoldQueue::Item& item) noexcept {
        seen.push_back(item.flow_hash);
        return false;
    });
    return seen;
}

HoldQueue::Item item(std::uint32_t flow_hash) {
    return {.packet = nullptr, .target = {}, .flow_hash = flow_hash, .until = {}};
}

TEST(HoldQueue, IsFullAtItsLimit) {
    HoldQueue queue(2);
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.full());
    queue.push(item(1));
    EXPECT_FALSE(queue.empty());
    EXPECT_FALSE(queue.full());
    queue.push(item(2));
    EXPECT_TRUE(queue.full());
}

TEST(HoldQueue, OfNothingIsFullAtOnce) {
    const HoldQueue queue(0);
    EXPECT_TRUE(queue.full());
    EXPECT_TRUE(queue.empty());
}

TEST(HoldQueue, RetryVisitsInOrderAndKeepsWhatIsNotTaken) {
    HoldQueue queue(8);
    for (std::uint32_t i = 1; i <= 6; ++i) queue.push(item(i));
    queue.retry([](const HoldQueue::Item& i) noexcept { return i.flow_hash % 2 == 0; });
    EXPECT_EQ(hashes_in(queue), (std::vector<std::uint32_t>{1, 3, 5}));
    queue.push(item(7));
    EXPECT_EQ(hashes_in(queue), (std::vector<std::uint32_t>{1, 3, 5, 7}));
}

TEST(HoldQueue, HasRoomAgainWhenSomethingIsTaken) {
    HoldQueue queue(1);
    queue.push(item(1));
    queue.retry([](const HoldQueue::Item&) noexcept { return true; });
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.full());
    queue.push(item(2));
    EXPECT_EQ(hashes_in(queue), std::vector<std::uint32_t>{2});
}

}  // namespace
}  // namespace shunt
