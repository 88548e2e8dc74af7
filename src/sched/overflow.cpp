// SPDX-License-Identifier: BSD-3-Clause
#include "sched/overflow.h"

namespace shunt {

std::optional<std::size_t> Overflow::choose(const Candidates& from,
                                            const SchedulingKey& /*key*/) const noexcept {
    std::optional<std::size_t> best;
    std::uint32_t highest = 0;
    for (std::size_t i = 0; i < from.servers.size(); ++i) {
        const RealServer& server = from.servers[i];
        if (server.weight <= highest || !from.eligible(i)) continue;
        if (from.loads.active(server.id) > server.weight) continue;
        highest = server.weight;
        best = i;
    }
    return best;
}

}  // namespace shunt
