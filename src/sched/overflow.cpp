// SPDX-License-Identifier: BSD-3-Clause
#include "sched/overflow.h"

namespace shunt {

std::optional<std::size_t> Overflow::choose(const Candidates& from,
                                            const SchedulingKey& /*key*/) const noexcept {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < from.servers.size(); ++i) {
        const RealServer& server = from.servers[i];
        if (!from.eligible(i) || from.loads.active(server.id) > server.weight) continue;
        if (!best || server.weight > from.servers[*best].weight) best = i;
    }
    return best;
}

}  // namespace shunt
