// SPDX-License-Identifier: BSD-3-Clause
#include "bench/iteration_times.h"

#include <rte_cycles.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "bench/stopwatch.h"

namespace shunt::bench {

namespace {

std::size_t class_of(std::chrono::nanoseconds time) noexcept {
    const auto us = static_cast<std::uint64_t>(time.count()) / 1000;
    return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(us)),
                                 IterationTimes::class_count - 1);
}

}  // namespace

void IterationTimes::add(const Iteration& iteration) noexcept {
    ++classes_[class_of(iteration.elapsed)].elapsed;
    Class& own = classes_[class_of(iteration.own)];
    ++own.own;
    if (iteration.page_faults > 0) ++own.with_faults;
    ++count_;
    if (iteration.elapsed > limit) ++beyond_limit_;
    if (iteration.own > limit) ++own_beyond_limit_;
    if (iteration.elapsed > longest_.elapsed) longest_ = iteration;
    if (iteration.own > longest_own_.own) longest_own_ = iteration;
    if (iteration.interruptions > 0) {
        ++interrupted_;
    } else {
        if (iteration.own > limit) ++uninterrupted_beyond_limit_;
        if (iteration.own > longest_uninterrupted_.own) longest_uninterrupted_ = iteration;
    }
    own_total_ += iteration.own;
    elapsed_total_ += iteration.elapsed;
}

IterationWatch::IterationWatch()
    : ns_per_cycle_(1e9 / static_cast<double>(rte_get_tsc_hz())), before_(usage()) {}

IterationWatch::Usage IterationWatch::usage() noexcept {
    rusage r{};
    getrusage(RUSAGE_THREAD, &r);
    return {.cpu = thread_cpu_time(),
            .page_faults = static_cast<std::uint64_t>(r.ru_minflt + r.ru_majflt),
            .interruptions = static_cast<std::uint64_t>(r.ru_nivcsw)};
}

std::uint64_t IterationWatch::now() noexcept {
    return rte_rdtsc_precise();
}

Iteration IterationWatch::finish(std::uint64_t cycles) noexcept {
    const Usage after = usage();
    const Usage before = std::exchange(before_, after);
    const std::chrono::nanoseconds elapsed(
        static_cast<std::int64_t>(static_cast<double>(cycles) * ns_per_cycle_));
    // The CPU time covers the questions to the kernel, too.
    return {.elapsed = elapsed,
            .own = std::min(elapsed, after.cpu - before.cpu),
            .page_faults = after.page_faults - before.page_faults,
            .interruptions = after.interruptions - before.interruptions};
}

}  // namespace shunt::bench
