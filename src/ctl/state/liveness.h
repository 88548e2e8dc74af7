// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Do the workers' loops turn? Thread: control.
#include <cstdint>
#include <vector>

#include "base/id.h"
#include "dataplane/counters.h"

namespace shunt::ctl {

/// A worker without packets counts as alive: it sleeps for half a millisecond at most between two
/// turns of its loop.
class Liveness {
  public:
    /// The counters, by worker, outlive this.
    explicit Liveness(const std::vector<const WorkerCounters*>& workers);

    /// To be called once a second. Did every worker's loop turn since the last call?
    bool check();

    /// Those that did not turn in the last so many calls, but did in the one before.
    [[nodiscard]] std::vector<WorkerId> still_for(unsigned checks) const;

  private:
    struct Seen {
        const WorkerCounters* counters;
        std::uint64_t iterations;
        unsigned still = 0;  ///< calls of check() without a turn
    };
    std::vector<Seen> workers_;
};

}  // namespace shunt::ctl
