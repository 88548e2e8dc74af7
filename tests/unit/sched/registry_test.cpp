// SPDX-License-Identifier: BSD-3-Clause
#include "sched/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

TEST(Registry, FindsEverySchedulerByItsName) {
    const std::vector<std::string> names = scheduler_names();
    for (const std::string& name : names) {
        ASSERT_NE(find_scheduler(name), nullptr) << name;
        EXPECT_EQ(find_scheduler(name)->name(), name);
    }
    EXPECT_TRUE(std::ranges::is_sorted(names));
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
    EXPECT_EQ(names,
              (std::vector<std::string>{"conhash", "dh", "fo", "lblc", "lblcr", "lc", "mh", "nq",
                                        "ovf", "rr", "sed", "sh", "twos", "wlc", "wrr"}));
}

TEST(Registry, OtherNamesAreNone) {
    for (const char* const name : {"", "r", "rrr", "RR", "rr ", "none"})
        EXPECT_EQ(find_scheduler(name), nullptr) << name;
}

TEST(Registry, NoSchedulerChoosesAnOverloadedServer) {
    for (const std::string& name : scheduler_names()) {
        test::SchedulerBench bench(name.c_str());
        bench.add('A', 2).add('B', 1).overload('A').overload('B');
        EXPECT_EQ(bench.peek(), '-') << name;
        bench.overload('A', false).overload('B', false);
        EXPECT_NE(bench.peek(), '-') << name;
    }
}

TEST(Registry, ChoicesOfSeveralWorkersAreOneSequence) {
    // Whole cycles, shared by threads in any way, must give every server its exact share.
    for (const auto& [name, cycle] : std::map<std::string, int>{{"rr", 3}, {"wrr", 9}}) {
        test::SchedulerBench bench(name.c_str());
        bench.add('A', 4).add('B', 3).add('C', 2);
        bench.choose(3);  // what the wrr's making leaves behind
        std::mutex mutex;
        std::map<char, int> total;
        const auto work = [&] {
            const Loads loads{{}};
            std::map<char, int> mine;
            for (int i = 0; i < 9'000; ++i) {
                const auto choice =
                    bench.scheduler().choose({bench.servers(), loads, bench.state()}, {});
                ++mine[static_cast<char>('C' - static_cast<int>(choice.value()))];
            }
            const std::lock_guard lock(mutex);
            for (const auto& [server, n] : mine) total[server] += n;
        };
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) threads.emplace_back(work);
        for (std::thread& t : threads) t.join();
        const int cycles = 36'000 / cycle;
        EXPECT_EQ(total['A'], name == "rr" ? cycles : 4 * cycles) << name;
        EXPECT_EQ(total['B'], name == "rr" ? cycles : 3 * cycles) << name;
        EXPECT_EQ(total['C'], name == "rr" ? cycles : 2 * cycles) << name;
    }
}

}  // namespace
}  // namespace shunt
