// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What schedulers that weigh connections have in common.
#include "service/scheduler.h"

namespace shunt {

/// The eligible server with the smallest load(server) / weight(server), the first of equals
/// (ipvs-behaviour 4.1). Both are functions of a RealServer to std::uint64_t that follow from the
/// server and its loads alone; weights are not 0.
template <class Load, class Weight>
std::optional<std::size_t> least_loaded(const Candidates& from, Load load, Weight weight) noexcept {
    // In the order of the list, so that of equals the one that is best already stays.
    // Copied, so that the compiler keeps it in registers.
    const std::span<const RealServer> servers = from.servers;
    const auto consider = [&](LeastLoaded& among, std::size_t i) {
        const RealServer& server = servers[i];
        if (!from.eligible(server)) return;
        const LeastLoaded it{load(server), weight(server), i};
        if (it.is_less_than(among)) among = it;
    };
    LeastLoaded best;
    if (from.cache) {
        for (std::size_t g = 0; g < from.cache->groups.size(); ++g) {
            const LoadCache::Group& group = from.cache->groups[g];
            LoadCache::Known& known = from.cache->known[g];
            if (const auto changes = from.loads.changes(group.id); known.changes != changes) {
                known = {.changes = changes, .best = {}};
                for (const std::uint32_t i : group.positions) consider(known.best, i);
            }
            if (known.best.goes_before(best)) best = known.best;
        }
    } else {
        for (std::size_t i = 0; i < servers.size(); ++i) consider(best, i);
    }
    if (best.position == LeastLoaded::nobody) return {};
    return best.position;
}

[[nodiscard]] inline std::uint64_t load_of(DestId id, const Loads& loads) noexcept {
    return loads.of(id).weight();
}
[[nodiscard]] inline std::uint64_t load_of(const RealServer& server, const Loads& loads) noexcept {
    return load_of(server.id, loads);
}

/// What wlc chooses.
[[nodiscard]] inline std::optional<std::size_t> least_loaded_by_weight(
    const Candidates& from) noexcept {
    return least_loaded(
        from, [loads = from.loads](const RealServer& server) { return load_of(server, loads); },
        [](const RealServer& server) { return std::uint64_t{server.weight}; });
}

/// Has the first of these eligible candidates less load per weight?
[[nodiscard]] inline bool is_less_loaded(const Candidates& from, std::size_t first,
                                         std::size_t second) noexcept {
    const RealServer& a = from.servers[first];
    const RealServer& b = from.servers[second];
    return load_of(a, from.loads) * b.weight < load_of(b, from.loads) * a.weight;
}

}  // namespace shunt
