// SPDX-License-Identifier: BSD-3-Clause
#include "sched/two_choices.h"

#include <map>

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::SchedulerBench;

std::map<char, int> draw(SchedulerBench& twos, int times) {
    std::map<char, int> count;
    for (; times > 0; --times) ++count[twos.peek()];
    return count;
}

TEST(TwoChoices, WithoutLoadEachIsChosenByItsWeight) {
    SchedulerBench twos("twos");
    twos.add('A', 4).add('B', 3).add('C', 2);
    auto count = draw(twos, 100'000);
    // C is first and has the share 0 too: C 3, B 3, A 4 of 10
    EXPECT_NEAR(count['A'], 40'000, 800);
    EXPECT_NEAR(count['B'], 30'000, 800);
    EXPECT_NEAR(count['C'], 30'000, 800);
}

TEST(TwoChoices, TheLessLoadedOfTheTwoWins) {
    SchedulerBench twos("twos");
    twos.add('A', 1).add('B', 1);
    twos.load('B', 1, 0);
    // B, with the shares 0 and 1 of 3, only when it is drawn twice
    EXPECT_NEAR(draw(twos, 90'000)['B'], 40'000, 800);
    twos.load('A', 0, 258);
    EXPECT_NEAR(draw(twos, 90'000)['B'], 80'000, 800);
}

TEST(TwoChoices, LoadIsMeasuredByWeight) {
    SchedulerBench twos("twos");
    twos.add('A', 1).add('B', 100);
    twos.load('B', 10, 0);
    twos.load('A', 1, 0);
    EXPECT_GT(draw(twos, 10'000)['B'], 9'990) << "ten of a hundred are less than one of one";
}

TEST(TwoChoices, SkipsWhoTakesNoConnections) {
    SchedulerBench twos("twos");
    EXPECT_EQ(twos.choose(1), "-");
    twos.add('A', 1).add('B', 1).add('C', 0);
    EXPECT_EQ(draw(twos.overload('B'), 1000)['A'], 1000);
    EXPECT_EQ(draw(twos.edit('A', 0), 10)['-'], 10);
    EXPECT_EQ(draw(twos.overload('B', false), 1000)['B'], 1000);
}

TEST(TwoChoices, TakesTheLargestWeights) {
    SchedulerBench twos("twos");
    twos.add('A', 2147483647).add('B', 2147483647).add('C', 2147483647);
    for (const auto& [name, n] : draw(twos, 30'000)) EXPECT_NEAR(n, 10'000, 500) << name;
}

}  // namespace
}  // namespace shunt
