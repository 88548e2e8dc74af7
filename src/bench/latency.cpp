// SPDX-License-Identifier: BSD-3-Clause
#include "bench/latency.h"

#include <sys/resource.h>

#include <cmath>
#include <map>

#include "bench/statistics.h"

namespace shunt::bench {

namespace {

/// The class's number: quarters of powers of two, by the ratio and not by the difference.
int class_of(double ns) noexcept {
    return static_cast<int>(std::floor(4 * std::log2(std::max(ns, 1.0))));
}

}  // namespace

Latency latency_of(std::vector<float>& cycles) {
    const double ns = 1e9 / static_cast<double>(rte_get_tsc_hz());
    std::map<int, std::uint64_t> counts;
    for (const float c : cycles) ++counts[class_of(c * ns)];
    Latency latency{.p50 = percentile(cycles, 0.5) * ns,
                    .p99 = percentile(cycles, 0.99) * ns,
                    .p999 = percentile(cycles, 0.999) * ns};
    for (const auto& [number, bursts] : counts)
        latency.classes.push_back({.from = std::exp2(number / 4.0), .bursts = bursts});
    return latency;
}

std::uint64_t latency_run_end(double seconds) noexcept {
    return rte_rdtsc() + static_cast<std::uint64_t>(std::min(seconds, longest_latency_run) *
                                                    static_cast<double>(rte_get_tsc_hz()));
}

std::uint64_t interruptions() noexcept {
    rusage r{};
    getrusage(RUSAGE_THREAD, &r);
    return static_cast<std::uint64_t>(r.ru_nivcsw);
}

}  // namespace shunt::bench
