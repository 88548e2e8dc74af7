// SPDX-License-Identifier: BSD-3-Clause
// The ring against a plain list.
#include "conn/half_open.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <random>

namespace shunt {
namespace {

/// What the connections of a table keep.
struct Slots {
    explicit Slots(std::uint32_t capacity) : ring(capacity) {}

    auto stands() {
        return [this](std::uint32_t slot, HalfOpenPlace place) {
            const auto found = places.find(slot);
            return found != places.end() && found->second == place;
        };
    }

    void begin(std::uint32_t slot) {
        places[slot] = ring.add(slot, stands(), [this](std::uint32_t moved, HalfOpenPlace place) {
            places[moved] = place;
        });
    }
    void end(std::uint32_t slot) {
        places.erase(slot);
        ring.remove();
    }
    std::uint32_t oldest() { return ring.oldest(stands()); }

    HalfOpenRing ring;
    std::map<std::uint32_t, HalfOpenPlace> places;
};

TEST(HalfOpenRing, TheOldestIsTheOneThatBeganFirst) {
    Slots slots(4);
    for (const std::uint32_t slot : {2U, 0U, 1U}) slots.begin(slot);
    EXPECT_EQ(slots.ring.count(), 3U);
    EXPECT_EQ(slots.oldest(), 2U);
    EXPECT_EQ(slots.oldest(), 2U) << "it stays";
    slots.end(0);
    slots.end(2);
    EXPECT_EQ(slots.oldest(), 1U);
    slots.begin(2);
    EXPECT_EQ(slots.oldest(), 1U);
    slots.end(1);
    EXPECT_EQ(slots.oldest(), 2U) << "its new place, not its old one";
}

TEST(HalfOpenRing, OneThatAWholeRingOvertookCountsAsNew) {
    Slots slots(3);
    slots.begin(0);
    for (int i = 0; i < 3; ++i) {
        slots.begin(1);
        slots.end(1);
    }
    EXPECT_EQ(slots.oldest(), 0U);
    slots.begin(2);
    EXPECT_EQ(slots.ring.count(), 2U);
    EXPECT_EQ(slots.oldest(), 0U) << "it moved just before the new one";
    slots.end(0);
    EXPECT_EQ(slots.oldest(), 2U);
}

TEST(HalfOpenRing, AgreesWithAListUntilTheRingIsFull) {
    constexpr std::uint32_t capacity = 1000;
    std::mt19937 random(1);
    for (int round = 0; round < 20; ++round) {
        Slots slots(capacity);
        std::list<std::uint32_t> order;
        for (std::uint32_t i = 0; i < capacity; ++i) {
            const auto slot = static_cast<std::uint32_t>(random() % capacity);
            if (const auto found = std::ranges::find(order, slot); found != order.end()) {
                slots.end(slot);
                order.erase(found);
            } else {
                slots.begin(slot);
                order.push_back(slot);
            }
            ASSERT_EQ(slots.ring.count(), order.size());
            if (!order.empty()) {
                ASSERT_EQ(slots.oldest(), order.front());
            }
        }
    }
}

/// For long, through many turns of the ring: whatever is half-open is found in the end.
TEST(HalfOpenRing, LosesNoneAndInventsNone) {
    constexpr std::uint32_t capacity = 100;
    std::mt19937 random(2);
    Slots slots(capacity);
    for (int i = 0; i < 100'000; ++i) {
        const auto slot = static_cast<std::uint32_t>(random() % capacity);
        slots.places.contains(slot) ? slots.end(slot) : slots.begin(slot);
        ASSERT_EQ(slots.ring.count(), slots.places.size());
    }
    while (slots.ring.count() != 0) {
        const std::uint32_t oldest = slots.oldest();
        ASSERT_TRUE(slots.places.contains(oldest));
        slots.end(oldest);
    }
    EXPECT_TRUE(slots.places.empty());
}

}  // namespace
}  // namespace shunt
