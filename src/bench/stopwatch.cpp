// SPDX-License-Identifier: BSD-3-Clause
#include "bench/stopwatch.h"

#include <time.h>

#include <algorithm>

#include "bench/statistics.h"

namespace shunt::bench {

namespace {
/// Not longer than the measurement itself.
constexpr double longest_warm_up = 0.3;
/// No packet is faster: bounds the number of chunks that are kept.
constexpr double least_cycles_per_chunk = 1024 * 10;
}  // namespace

std::chrono::nanoseconds thread_cpu_time() noexcept {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

Stopwatch::Stopwatch(double seconds) {
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    cycles_ = static_cast<std::uint64_t>(seconds * hz);
    warm_up_cycles_ = static_cast<std::uint64_t>(std::min(longest_warm_up, seconds) * hz);
    chunks_.reserve(static_cast<std::size_t>(seconds * hz / least_cycles_per_chunk) + 1);
}

Timing Stopwatch::finish(std::uint64_t cycles, std::chrono::nanoseconds cpu) noexcept {
    constexpr double packets_per_chunk = bursts * burst_size;
    const double seconds = static_cast<double>(cycles) / static_cast<double>(rte_get_tsc_hz());
    const double cpu_seconds = std::chrono::duration<double>(cpu).count();
    return {.cycles_per_packet = percentile(chunks_, 0.5) / packets_per_chunk,
            .mean_cycles = cpu_seconds * static_cast<double>(rte_get_tsc_hz()) /
                           (static_cast<double>(chunk_count_) * packets_per_chunk),
            .cpu_share = cpu_seconds / seconds,
            .packets = (warm_up_chunks_ + chunk_count_) * bursts * burst_size};
}

}  // namespace shunt::bench
