// SPDX-License-Identifier: BSD-3-Clause
#include "sched/failover.h"

namespace shunt {

std::optional<std::size_t> Failover::choose(const Candidates& from,
                                            const SchedulingKey& /*key*/) const noexcept {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < from.servers.size(); ++i)
        if (from.eligible(i) && (!best || from.servers[i].weight > from.servers[*best].weight))
            best = i;
    return best;
}

}  // namespace shunt
