// SPDX-License-Identifier: BSD-3-Clause
#include "service/overload.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "service/dest_counters.h"

namespace shunt {
namespace {

const DestId server(1);

class Overload : public testing::Test {
  protected:
    /// Is the server overloaded once it has so many connections?
    bool with(std::uint32_t total) {
        table_.update(server, [total] { return total; });
        return table_.overloaded(server);
    }
    void limit(std::uint32_t upper, std::uint32_t lower) { table_.set(server, {upper, lower}); }

    OverloadTable table_{2};
};

TEST_F(Overload, IsSetAtTheUpperAndEndsBelowTheLowerThreshold) {
    limit(10, 4);
    EXPECT_FALSE(with(9));
    EXPECT_TRUE(with(10));
    EXPECT_TRUE(with(11));
    EXPECT_TRUE(with(9));
    EXPECT_TRUE(with(4));
    EXPECT_FALSE(with(3));
    EXPECT_FALSE(with(9));
    EXPECT_TRUE(with(10));
    EXPECT_FALSE(table_.overloaded(DestId(0)));
}

TEST_F(Overload, TheLowerThresholdIsThreeQuartersUnlessGiven) {
    EXPECT_EQ((Thresholds{100, 0}.below()), 75U);
    EXPECT_EQ((Thresholds{100, 20}.below()), 20U);
    EXPECT_EQ((Thresholds{10, 0}.below()), 8U);
    EXPECT_EQ((Thresholds{2, 0}.below()), 2U);
    EXPECT_EQ((Thresholds{1, 0}.below()), 1U);
    limit(100, 0);
    EXPECT_TRUE(with(100));
    EXPECT_TRUE(with(75));
    EXPECT_FALSE(with(74));
}

TEST_F(Overload, FollowsAnEditedThreshold) {
    limit(10, 4);
    EXPECT_TRUE(with(10));
    limit(10, 9);
    EXPECT_TRUE(with(9)) << "between the two it stays";
    limit(9, 8);
    EXPECT_TRUE(with(8)) << "between the two it stays";
    limit(9, 9);
    EXPECT_FALSE(with(8));
    limit(8, 0);
    EXPECT_TRUE(with(8));
    limit(10, 4);
    EXPECT_FALSE(with(8)) << "the upper one rises";
    limit(12, 4);
    EXPECT_TRUE(with(12));
    limit(13, 4);
    EXPECT_TRUE(with(13)) << "the new one is reached too";
    limit(0, 0);
    EXPECT_FALSE(with(10));
}

TEST_F(Overload, WithoutThresholdsNobodyIsOverloaded) {
    EXPECT_FALSE(with(0xFFFF'FFFF));
    OverloadTable of_nobody;
    of_nobody.set(server, {1, 1});
    of_nobody.update(server, [] { return 5U; });
    EXPECT_FALSE(of_nobody.overloaded(server));
    EXPECT_FALSE(Loads({}).overloaded(server));
    EXPECT_FALSE(Loads({}, &of_nobody).overloaded(server));
    limit(1, 1);
    EXPECT_TRUE(with(1));
    EXPECT_TRUE(Loads({}, &table_).overloaded(server));
}

TEST_F(Overload, DoesNotOutliveTheLastConnection) {
    constexpr int rounds = 1000;
    limit(2, 1);
    std::array<DestCounters, 2> first;
    std::array<DestCounters, 2> second;
    const std::array<DestCounters* const, 2> workers{first.data(), second.data()};
    const auto total = [&] { return Loads(workers).total(server); };
    bool stuck = false;
    // One connection each comes and goes; between two rounds nobody has any.
    std::atomic<int> phase[2]{};
    const auto run = [&](std::size_t self, Gauge& gauge) {
        const auto meet = [&](int at) {
            phase[self] = at;
            while (phase[1 - self] < at) std::this_thread::yield();
        };
        for (int round = 0; round < rounds; ++round) {
            meet(2 * round + 1);
            gauge.add();
            table_.update(server, total);
            gauge.sub();
            table_.update(server, total);
            meet(2 * round + 2);
            if (self == 0) stuck |= table_.overloaded(server);
        }
    };
    std::thread other(run, 1, std::ref(second[1].total));
    run(0, first[1].total);
    other.join();
    EXPECT_FALSE(stuck);
}

}  // namespace
}  // namespace shunt
