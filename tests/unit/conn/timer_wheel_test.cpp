// SPDX-License-Identifier: BSD-3-Clause
#include "conn/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace shunt {
namespace {

constexpr std::size_t all = 400;  // more than any wheel here has

TickTime at(std::uint32_t tick) {
    return TickTime(Ticks(tick));
}

std::vector<std::uint32_t> advance(TimerWheel& wheel, TickTime now, std::size_t most = all) {
    std::vector<std::uint32_t> items(most);
    items.resize(wheel.take_due(now, items));
    return items;
}

using Items = std::vector<std::uint32_t>;

TEST(TimerWheel, ItemsComeDueAtTheirTickAndOnlyOnce) {
    TimerWheel wheel(10, at(1000));
    wheel.arm(3, at(1005));
    wheel.arm(4, at(1006));
    EXPECT_EQ(wheel.armed_for(3), at(1005));
    EXPECT_EQ(advance(wheel, at(1004)), Items{});
    EXPECT_EQ(advance(wheel, at(1005)), Items{3});
    EXPECT_EQ(advance(wheel, at(1005)), Items{});
    EXPECT_EQ(advance(wheel, at(1100)), Items{4});
    EXPECT_EQ(advance(wheel, at(9000)), Items{});
}

TEST(TimerWheel, ADisarmedItemNeverComesDue) {
    TimerWheel wheel(3, at(0));
    for (std::uint32_t item = 0; item < 3; ++item) wheel.arm(item, at(5));
    wheel.disarm(1);
    EXPECT_EQ(advance(wheel, at(5)), (Items{0, 2}));
    wheel.arm(1, at(7));
    EXPECT_EQ(advance(wheel, at(7)), Items{1});
}

TEST(TimerWheel, ATickThatIsPastComesDueAtTheNextAdvance) {
    TimerWheel wheel(2, at(500));
    EXPECT_EQ(advance(wheel, at(600)), Items{});
    wheel.arm(0, at(10));
    wheel.arm(1, at(600));
    EXPECT_EQ(advance(wheel, at(601)).size(), 2U);
}

TEST(TimerWheel, BeyondTheHorizonItComesEarlyAndIsFiledAgain) {
    TimerWheel wheel(1, at(0));
    const TickTime wanted = at(9000);  // 15 minutes
    wheel.arm(0, wanted);
    int visits = 0;
    bool done = false;
    for (std::uint32_t tick = 0; tick <= 9000 && !done; ++tick)
        for (const std::uint32_t item : advance(wheel, at(tick))) {
            ++visits;
            if (at(tick) < wanted)
                wheel.arm(item, wanted);
            else
                done = true;
        }
    EXPECT_TRUE(done);
    EXPECT_GE(visits, 2);
    EXPECT_LE(visits, 5);  // 6.8 minutes a turn
}

TEST(TimerWheel, TheBudgetIsKeptAndNothingIsLost) {
    TimerWheel wheel(100, at(0));
    for (std::uint32_t item = 0; item < 100; ++item) wheel.arm(item, at(1 + item / 50));
    EXPECT_EQ(advance(wheel, at(0), 7), Items{});
    std::map<std::uint32_t, int> seen;
    for (int turn = 0; turn < 14; ++turn)
        for (const std::uint32_t item : advance(wheel, at(2), 7)) ++seen[item];
    EXPECT_EQ(seen.size(), 98U);
    EXPECT_EQ(advance(wheel, at(2), 0), Items{});
    EXPECT_EQ(advance(wheel, at(2), 7).size(), 2U);
    EXPECT_EQ(advance(wheel, at(5000), 7), Items{});
}

TEST(TimerWheel, AnItemThatWasTakenOutIsNotArmed) {
    TimerWheel wheel(4, at(0));
    wheel.arm(0, at(5));
    wheel.arm(1, at(5));
    wheel.arm(2, at(6));
    EXPECT_EQ(advance(wheel, at(6), 2), (Items{0, 1}));
    wheel.disarm(1);      // nothing happens
    wheel.disarm(2);      // due, and not taken out yet
    wheel.arm(0, at(6));  // past already
    wheel.arm(3, at(7));
    wheel.disarm(3);
    EXPECT_EQ(advance(wheel, at(6)), Items{0});
    EXPECT_EQ(advance(wheel, at(9)), Items{});
}

/// Random steps against what a table of ticks says.
class TimerWheelModel {
  public:
    explicit TimerWheelModel(unsigned seed) : random_(seed), wheel_(items, at(start)) {}

    void run(int steps) {
        for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) step();
    }
    [[nodiscard]] std::uint64_t came_due() const { return came_due_; }

  private:
    static constexpr std::uint32_t items = 300;
    static constexpr std::uint32_t start = 123'456;

    std::uint32_t below(std::uint32_t limit) {
        return static_cast<std::uint32_t>(random_() % limit);
    }
    void step() {
        const std::uint32_t kind = below(100);
        if (kind < 60)
            arm(below(items));
        else if (kind < 75)
            disarm(below(items));
        else
            move_on();
    }
    void arm(std::uint32_t item) {
        if (armed_.contains(item)) return;
        const std::uint32_t span = below(4) == 0 ? 12'000 : 300;
        const TickTime when = now_ + Ticks(below(span));
        wheel_.arm(item, when);
        armed_[item] = wheel_.armed_for(item);
        // With nothing left over from earlier ticks the next 4000 ticks are exact.
        if (when <= now_) return;
        EXPECT_LE(armed_[item], when);
        if (!behind_ && when < now_ + Ticks(4000)) {
            EXPECT_EQ(armed_[item], when);
        }
    }
    void disarm(std::uint32_t item) {
        if (!armed_.contains(item)) return;
        wheel_.disarm(item);
        armed_.erase(item);
    }
    void move_on() {
        const std::uint32_t kind = below(20);
        now_ += Ticks(kind == 0 ? below(20'000) : below(40));
        const std::size_t most = below(3) == 0 ? below(20) : all;
        TickTime last{};
        const auto due = advance(wheel_, now_, most);
        for (const std::uint32_t item : due) {
            ASSERT_TRUE(armed_.contains(item)) << item << " is not armed";
            ASSERT_LE(armed_[item], now_) << item << " is early";
            ASSERT_GE(armed_[item], last) << "out of order";
            last = armed_[item];
            armed_.erase(item);
        }
        came_due_ += due.size();
        behind_ = due.size() == most;
        if (behind_) return;
        for (const auto& [item, when] : armed_)
            ASSERT_GT(when, now_) << "item " << item << " was forgotten";
    }

    std::mt19937 random_;
    TimerWheel wheel_;
    TickTime now_ = at(start);
    std::map<std::uint32_t, TickTime> armed_;
    bool behind_ = false;
    std::uint64_t came_due_ = 0;
};

TEST(TimerWheel, AgreesWithAPlainModelOverRandomSteps) {
    std::uint64_t total = 0;
    for (unsigned seed = 0; seed < 10; ++seed) {
        TimerWheelModel model(seed);
        model.run(20'000);
        ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
        total += model.came_due();
    }
    EXPECT_GT(total, 50'000U);
}

}  // namespace
}  // namespace shunt
