// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/liveness.h"

namespace shunt::ctl {

Liveness::Liveness(const std::vector<const WorkerCounters*>& workers) {
    for (const WorkerCounters* counters : workers)
        workers_.push_back({.counters = counters, .iterations = counters->iterations.value()});
}

bool Liveness::check() {
    bool all_turn = true;
    for (Seen& worker : workers_) {
        const std::uint64_t iterations = worker.counters->iterations.value();
        worker.still = iterations == worker.iterations ? worker.still + 1 : 0;
        worker.iterations = iterations;
        all_turn = all_turn && worker.still == 0;
    }
    return all_turn;
}

std::vector<WorkerId> Liveness::still_for(unsigned checks) const {
    std::vector<WorkerId> still;
    for (std::size_t w = 0; w < workers_.size(); ++w)
        if (workers_[w].still == checks) still.emplace_back(static_cast<std::uint16_t>(w));
    return still;
}

}  // namespace shunt::ctl
