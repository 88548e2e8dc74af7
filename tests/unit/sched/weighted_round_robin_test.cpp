// SPDX-License-Identifier: BSD-3-Clause
#include "sched/weighted_round_robin.h"

#include <chrono>
#include <list>
#include <map>
#include <numeric>
#include <random>

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::repeat;
using test::SchedulerBench;

TEST(WeightedRoundRobin, GoldenVectorOfEqualWeights) {
    SchedulerBench wrr("wrr");
    wrr.add('A', 1).add('B', 1).add('C', 1);
    EXPECT_EQ(wrr.choose(30), repeat("CBA", 10));
}

TEST(WeightedRoundRobin, GoldenVector432) {
    SchedulerBench wrr("wrr");
    wrr.add('A', 4).add('B', 3).add('C', 2);
    EXPECT_EQ(wrr.choose(3 + 9 * 20), "CBA" + repeat("ABACBACBA", 20));
}

TEST(WeightedRoundRobin, GoldenVectorWithACommonDivisor) {
    SchedulerBench wrr("wrr");
    wrr.add('A', 30).add('B', 20).add('C', 10);
    EXPECT_EQ(wrr.choose(3 + 6 * 20), "CBA" + repeat("ABACBA", 20));
}

TEST(WeightedRoundRobin, NoneWhenNobodyIsEligible) {
    SchedulerBench wrr("wrr");
    EXPECT_EQ(wrr.choose(2), "--");
    wrr.add('A', 0).add('B', 0);
    EXPECT_EQ(wrr.choose(2), "--");
    wrr.edit('A', 3);
    EXPECT_EQ(wrr.choose(5), "AAAAA");
    wrr.edit('A', 0);
    EXPECT_EQ(wrr.choose(1), "-");
    wrr.edit('B', 65535);
    EXPECT_EQ(wrr.choose(3), "BBB");
    wrr.remove('B').remove('A');
    EXPECT_EQ(wrr.choose(1), "-");
}

TEST(WeightedRoundRobin, TakesTheLargestWeights) {
    SchedulerBench wrr("wrr");
    wrr.add('A', 2147483647).add('B', 2147483647);
    EXPECT_EQ(wrr.choose(4), "BABA");
    wrr.edit('A', 65535).edit('B', 1);
    std::map<char, int> count;
    for (const char name : wrr.choose(65536)) ++count[name];
    EXPECT_EQ(count['A'] + count['B'], 65536);
    EXPECT_LE(count['B'], 2);
}

/// The rules of the description word by word, on a list with a cursor.
class Reference {
  public:
    struct Server {
        char name;
        std::int64_t weight;
    };
    std::list<Server> servers;

    void changed() {
        current_ = servers.end();
        step_ = 0;
        std::int64_t heaviest = 0;
        for (const Server& s : servers) {
            if (s.weight > 0) step_ = std::gcd(step_, s.weight);
            heaviest = std::max(heaviest, s.weight);
        }
        if (step_ == 0) step_ = 1;
        highest_ = heaviest - (step_ - 1);
        if (threshold_ > highest_ || threshold_ == 0)
            threshold_ = highest_;
        else if (step_ > 1)
            threshold_ = threshold_ / step_ * step_ + 1;
    }
    char choose() {
        if (highest_ <= 0) return '-';
        for (;;) {
            auto s = current_ == servers.end() ? servers.begin() : std::next(current_);
            for (; s != servers.end(); ++s)
                if (s->weight > 0 && s->weight >= threshold_) {
                    current_ = s;
                    return s->name;
                }
            current_ = servers.end();
            threshold_ -= step_;
            if (threshold_ <= 0) threshold_ = highest_;
        }
    }

  private:
    std::list<Server>::iterator current_ = servers.end();
    std::int64_t step_ = 1;
    std::int64_t highest_ = 0;
    std::int64_t threshold_ = 0;
};

TEST(WeightedRoundRobin, AgreesWithTheRulesWhileServersComeAndGo) {
    std::mt19937 random(1);
    for (int round = 0; round < 300; ++round) {
        SchedulerBench wrr("wrr");
        Reference reference;
        reference.changed();
        const std::uint32_t unit = 1 + static_cast<std::uint32_t>(random() % 3) * 5;
        std::string history;
        for (int step = 0; step < 40; ++step) {
            const char name = static_cast<char>('A' + random() % 5);
            const std::uint32_t weight = unit * static_cast<std::uint32_t>(random() % 6);
            const auto known = std::ranges::find(reference.servers, name, &Reference::Server::name);
            if (known == reference.servers.end()) {
                reference.servers.push_front({name, weight});
                wrr.add(name, weight);
                history += std::string(" +") + name + std::to_string(weight);
            } else if (random() % 2 == 0) {
                reference.servers.erase(known);
                wrr.remove(name);
                history += std::string(" -") + name;
            } else {
                known->weight = weight;
                wrr.edit(name, weight);
                history += std::string(" =") + name + std::to_string(weight);
            }
            reference.changed();
            std::string expected;
            for (auto i = random() % 12; i > 0; --i) expected += reference.choose();
            ASSERT_EQ(wrr.choose(static_cast<int>(expected.size())), expected) << history;
            history += ' ' + expected;
        }
    }
}

/// How far a server may be from its share of the choices of any window: by the rules it takes part
/// in the last of the passes of a cycle, and once in each.
double largest_error(const std::vector<std::uint32_t>& weights, std::size_t server) {
    const std::uint32_t highest = std::ranges::max(weights);
    const double sum = std::accumulate(weights.begin(), weights.end(), 0U);
    double least = 0;
    double most = 0;
    for (std::uint32_t passes = 0; passes <= highest; ++passes) {
        const auto taken = [&](std::uint32_t w) {
            return static_cast<double>(w + passes > highest ? w + passes - highest : 0);
        };
        double all = 0;
        for (const std::uint32_t w : weights) all += taken(w);
        const double error = taken(weights[server]) - all * weights[server] / sum;
        least = std::min(least, error);
        most = std::max(most, error);
    }
    return most - least + 2;  // and parts of a pass at both ends of the window
}

TEST(WeightedRoundRobin, InAnyWindowEveryServerHasItsShare) {
    std::mt19937 random(11);
    for (int round = 0; round < 40; ++round) {
        SchedulerBench wrr("wrr");
        std::vector<std::uint32_t> weights{1};  // so that the step is 1
        for (auto n = 1 + random() % 5; n > 0; --n)
            weights.push_back(1 + static_cast<std::uint32_t>(random() % 12));
        for (std::size_t i = 0; i < weights.size(); ++i)
            wrr.add(static_cast<char>('A' + i), weights[i]);
        const auto sum = std::accumulate(weights.begin(), weights.end(), 0U);
        wrr.choose(static_cast<int>(3 * sum));  // what is left of making it
        const std::string choices = wrr.choose(static_cast<int>(3 * sum));
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const double bound = largest_error(weights, i);
            for (std::size_t begin = 0; begin < sum; ++begin) {
                std::uint32_t taken = 0;
                for (std::size_t n = 1; n <= 2 * sum; ++n) {
                    taken += choices[begin + n - 1] == static_cast<char>('A' + i) ? 1U : 0U;
                    const double fair = static_cast<double>(n) * weights[i] / sum;
                    ASSERT_LE(std::abs(taken - fair), bound) << choices << begin << ' ' << n;
                    if (n != sum) continue;
                    ASSERT_EQ(taken, weights[i]) << "a whole cycle is exact";
                }
            }
        }
    }
}

TEST(WeightedRoundRobin, WeightsThatAreScaledDownLeaveNoIdlePasses) {
    // The weights of a slow start, without a word to the scheduler.
    SchedulerBench wrr("wrr");
    wrr.add('A', 20).add('B', 19);
    wrr.state().word.store(std::uint64_t{2147483647} << 32, std::memory_order_relaxed);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(wrr.choose(5), "ABABA");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2))
        << "two thousand million passes take longer";
}

}  // namespace
}  // namespace shunt
