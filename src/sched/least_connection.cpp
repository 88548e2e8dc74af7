// SPDX-License-Identifier: BSD-3-Clause
#include "sched/least_connection.h"

namespace shunt {

std::optional<std::size_t> LeastConnection::choose(std::span<const RealServer> servers,
                                                   const Loads& loads,
                                                   SchedulerState& /*state*/) const noexcept {
    std::optional<std::size_t> best;
    std::uint64_t best_load = 0;
    std::uint64_t best_weight = 1;
    for (std::size_t i = 0; i < servers.size(); ++i) {
        const RealServer& server = servers[i];
        if (!server.eligible()) continue;
        const std::uint64_t load =
            std::uint64_t{loads.active(server.id)} * 256 + loads.total(server.id);
        const std::uint64_t weight = weighting_ == Weighting::none ? 1 : server.weight;
        // load / weight < best_load / best_weight, without a division
        if (best && best_load * weight <= load * best_weight) continue;
        best = i;
        best_load = load;
        best_weight = weight;
    }
    return best;
}

}  // namespace shunt
