// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Times a loop over bursts. Time is taken once for each chunk of 1024 packets, and the middle chunk
// counts: what another program on the same CPU does to some of them does not matter.
#include <rte_cycles.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "dataplane/batch.h"

namespace shunt::bench {

struct Timing {
    double cycles_per_packet = 0;  ///< of the middle chunk, in cycles of the time-stamp counter
    double mean_cycles = 0;        ///< of all packets by the thread's CPU time, the same unit
    double cpu_share = 0;          ///< the thread's CPU time by the time that passed
    std::uint64_t packets = 0;     ///< moved, warm-up included

    [[nodiscard]] double mpps() const noexcept {
        return static_cast<double>(rte_get_tsc_hz()) / cycles_per_packet / 1e6;
    }
    [[nodiscard]] double ns_per_packet() const noexcept { return 1e3 / mpps(); }
    /// Did the thread have its CPU to itself?
    [[nodiscard]] bool undisturbed() const noexcept { return cpu_share >= 0.95; }
};

/// The thread's CPU time so far.
std::chrono::nanoseconds thread_cpu_time() noexcept;

class Stopwatch {
  public:
    explicit Stopwatch(double seconds);

    /// Calls `burst()`, which moves burst_size packets, for a warm-up and then for the time given.
    template <class Fn>
    Timing run(Fn&& burst) {
        warm_up(burst);
        const auto cpu = thread_cpu_time();
        const std::uint64_t begin = rte_rdtsc();
        std::uint64_t now = begin;
        while (now - begin < cycles_) {
            const std::uint64_t chunk = now;
            for (unsigned i = 0; i < bursts; ++i) burst();
            now = rte_rdtsc();
            add(now - chunk);
        }
        return finish(now - begin, thread_cpu_time() - cpu);
    }

  private:
    static constexpr unsigned bursts = 1024 / burst_size;

    template <class Fn>
    void warm_up(Fn& burst) {
        const std::uint64_t begin = rte_rdtsc();
        while (rte_rdtsc() - begin < warm_up_cycles_) {
            for (unsigned i = 0; i < bursts; ++i) burst();
            ++warm_up_chunks_;
        }
    }
    void add(std::uint64_t cycles) noexcept {
        if (chunks_.size() < chunks_.capacity()) chunks_.push_back(static_cast<float>(cycles));
        ++chunk_count_;
    }
    Timing finish(std::uint64_t cycles, std::chrono::nanoseconds cpu) noexcept;

    std::uint64_t cycles_;
    std::uint64_t warm_up_cycles_;
    std::uint64_t warm_up_chunks_ = 0;
    std::uint64_t chunk_count_ = 0;
    std::vector<float> chunks_;
};

}  // namespace shunt::bench
