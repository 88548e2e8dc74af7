// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How busy each worker was over the last sampling period. Thread: control.
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/id.h"
#include "dataplane/counters.h"

namespace shunt::ctl {

class BusyMeter {
  public:
    static constexpr std::chrono::seconds period{1};

    /// The counters, by worker, outlive this. `tsc`: rte_rdtsc().
    BusyMeter(std::vector<const WorkerCounters*> workers, std::uint64_t tsc);

    /// To be called every period.
    void sample(std::uint64_t tsc);
    /// 0 to 1: the share of time in iterations that found work.
    [[nodiscard]] double share(WorkerId worker) const noexcept {
        return samples_[worker.value()].share;
    }

  private:
    struct Sample {
        const WorkerCounters* counters;
        std::uint64_t busy_cycles;
        double share;
    };
    std::vector<Sample> samples_;
    std::uint64_t last_tsc_;
};

}  // namespace shunt::ctl
