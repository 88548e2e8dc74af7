// SPDX-License-Identifier: BSD-3-Clause
#include "sched/failover.h"

namespace shunt {

std::optional<std::size_t> Failover::choose(const Candidates& from,
                                            const SchedulingKey& /*key*/) const noexcept {
    std::optional<std::size_t> best;
    std::uint32_t highest = 0;
    for (std::size_t i = 0; i < from.servers.size(); ++i) {
        const std::uint32_t weight = from.servers[i].weight;
        if (weight <= highest || !from.eligible(i)) continue;
        highest = weight;
        best = i;
    }
    return best;
}

}  // namespace shunt
