// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What schedulers that weigh connections have in common.
#include "service/scheduler.h"

namespace shunt {

/// The eligible server with the smallest load(server) / weight(server), the first of equals
/// (ipvs-behaviour 4.1). Both are functions of a RealServer to std::uint64_t.
template <class Load, class Weight>
std::optional<std::size_t> least_loaded(const Candidates& from, Load load, Weight weight) noexcept {
    std::optional<std::size_t> best;
    std::uint64_t best_load = 0;
    std::uint64_t best_weight = 1;
    for (std::size_t i = 0; i < from.servers.size(); ++i) {
        if (!from.eligible(i)) continue;
        const std::uint64_t its_load = load(from.servers[i]);
        const std::uint64_t its_weight = weight(from.servers[i]);
        // its_load / its_weight < best_load / best_weight, without a division
        if (best && best_load * its_weight <= its_load * best_weight) continue;
        best = i;
        best_load = its_load;
        best_weight = its_weight;
    }
    return best;
}

/// 256 * active + all connections (ipvs-behaviour 4.1): what lc, wlc and twos weigh.
[[nodiscard]] inline std::uint64_t load_of(const RealServer& server, const Loads& loads) noexcept {
    return std::uint64_t{loads.active(server.id)} * 256 + loads.total(server.id);
}

/// Active connections, and the one to come, per weight: what sed and nq weigh (ipvs-behaviour 4.2).
[[nodiscard]] inline std::optional<std::size_t> least_delay(const Candidates& from) noexcept {
    return least_loaded(
        from,
        [&](const RealServer& server) { return std::uint64_t{from.loads.active(server.id)} + 1; },
        [](const RealServer& server) { return std::uint64_t{server.weight}; });
}

}  // namespace shunt
