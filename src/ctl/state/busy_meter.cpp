// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/busy_meter.h"

#include <algorithm>

namespace shunt::ctl {

BusyMeter::BusyMeter(std::vector<const WorkerCounters*> workers, std::uint64_t tsc)
    : last_tsc_(tsc) {
    for (const auto* counters : workers)
        samples_.push_back({counters, counters->busy_cycles.value(), 0});
}

void BusyMeter::sample(std::uint64_t tsc) {
    const auto passed = static_cast<double>(tsc - last_tsc_);
    if (passed <= 0) return;
    last_tsc_ = tsc;
    for (auto& s : samples_) {
        const auto busy = s.counters->busy_cycles.value();
        s.share = std::clamp(static_cast<double>(busy - s.busy_cycles) / passed, 0.0, 1.0);
        s.busy_cycles = busy;
    }
}

}  // namespace shunt::ctl
