// SPDX-License-Identifier: BSD-3-Clause
#include "bench/iteration_times.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "bench/stopwatch.h"

namespace shunt::bench {
namespace {

using namespace std::chrono_literals;

/// The class that an iteration of this length is counted in.
std::size_t class_of(std::chrono::nanoseconds time) {
    IterationTimes times;
    times.add({.elapsed = time, .own = time});
    for (std::size_t i = 0; i < IterationTimes::class_count; ++i)
        if (times.classes()[i].elapsed == 1) return i;
    return IterationTimes::class_count;
}

TEST(IterationTimes, ClassesArePowersOfTwoOfAMicrosecond) {
    EXPECT_EQ(class_of(0ns), 0U);
    EXPECT_EQ(class_of(999ns), 0U);
    for (std::size_t i = 1; i + 1 < IterationTimes::class_count; ++i) {
        const std::chrono::microseconds begin(IterationTimes::begin_of(i));
        EXPECT_EQ(class_of(begin), i);
        EXPECT_EQ(class_of(2 * begin - 1ns), i);
    }
    EXPECT_EQ(IterationTimes::begin_of(1), 1U);
    EXPECT_EQ(IterationTimes::begin_of(11), 1024U);
    EXPECT_EQ(class_of(1h), IterationTimes::class_count - 1);
}

TEST(IterationTimes, TellsOwnTimeFromTimeThatPassed) {
    IterationTimes times;
    times.add({.elapsed = 8ms, .own = 10us, .interruptions = 2, .connections = 32});
    times.add({.elapsed = 1500us, .own = 1400us, .page_faults = 7, .connections = 64});
    times.add({.elapsed = 1ms, .own = 1ms});
    EXPECT_EQ(times.count(), 3U);
    EXPECT_EQ(times.interrupted(), 1U);
    EXPECT_EQ(times.beyond_limit(), 2U);
    EXPECT_EQ(times.own_beyond_limit(), 1U);
    EXPECT_EQ(times.uninterrupted_beyond_limit(), 1U);
    EXPECT_EQ(times.longest().connections, 32U);
    EXPECT_EQ(times.longest_own().connections, 64U);
    EXPECT_EQ(times.longest_uninterrupted().page_faults, 7U);
    EXPECT_EQ(times.own_total(), 2410us);
    EXPECT_EQ(times.elapsed_total(), 10500us);
    EXPECT_EQ(times.classes()[11].own, 1U);
    EXPECT_EQ(times.classes()[11].with_faults, 1U);
    EXPECT_EQ(times.classes()[13].elapsed, 1U);
    EXPECT_EQ(times.classes()[13].own, 0U);
}

TEST(IterationWatch, SeesWorkThatTheThreadDid) {
    IterationWatch watch;
    const Iteration busy = watch.run([] {
        const auto end = thread_cpu_time() + 3ms;
        while (thread_cpu_time() < end) {
        }
    });
    EXPECT_GE(busy.own, 2900us);
    EXPECT_GE(busy.elapsed, busy.own);
    const Iteration idle = watch.run([] {});
    EXPECT_LT(idle.own, busy.own);
    EXPECT_EQ(idle.page_faults, 0U);
}

TEST(IterationWatch, SleepIsNoOwnTime) {
    IterationWatch watch;
    const Iteration asleep = watch.run([] {
        const timespec pause{.tv_sec = 0, .tv_nsec = 20'000'000};
        nanosleep(&pause, nullptr);
    });
    EXPECT_GE(asleep.elapsed, 20ms);
    EXPECT_LT(asleep.own, 10ms);
}

TEST(IterationWatch, CountsPagesThatAreTouchedFirst) {
    constexpr std::size_t page = 4096;
    constexpr std::size_t pages = 16;
    void* memory =
        mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    madvise(memory, pages * page, MADV_NOHUGEPAGE);
    auto* bytes = static_cast<volatile char*>(memory);
    const auto touch = [&] {
        for (std::size_t i = 0; i < pages; ++i) bytes[i * page] = 1;
    };
    IterationWatch watch;
    EXPECT_GE(watch.run(touch).page_faults, pages);
    EXPECT_LT(watch.run(touch).page_faults, pages);
    munmap(memory, pages * page);
}

}  // namespace
}  // namespace shunt::bench
