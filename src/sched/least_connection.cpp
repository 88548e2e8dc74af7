// SPDX-License-Identifier: BSD-3-Clause
#include "sched/least_connection.h"

#include "sched/least_loaded.h"

namespace shunt {

namespace {

/// What least_loaded_by_weight() chooses, from as few bytes as that takes.
std::optional<std::size_t> first_of(std::span<const SchedulerTable::Contender> contenders,
                                    const Loads loads) noexcept {
    LeastLoaded best;
    for (const auto& it : contenders) {
        if (it.limited && loads.overloaded(it.id)) continue;
        const LeastLoaded next{load_of(it.id, loads), it.weight, it.position};
        if (next.is_less_than(best)) best = next;
    }
    if (best.position == LeastLoaded::nobody) return {};
    return best.position;
}

}  // namespace

std::shared_ptr<const SchedulerTable> LeastConnection::build(
    std::span<const RealServer> servers, const SchedulerOptions& /*options*/) const {
    if (weighting_ == Weighting::none || servers.size() >= LoadCache::least_servers) return nullptr;
    auto table = std::make_shared<SchedulerTable>();
    for (std::uint32_t i = 0; i < servers.size(); ++i)
        if (servers[i].weight > 0)
            table->contenders.push_back({.id = servers[i].id,
                                         .weight = servers[i].weight,
                                         .position = i,
                                         .limited = servers[i].thresholds.upper != 0});
    return table;
}

std::optional<std::size_t> LeastConnection::choose(const Candidates& from,
                                                   const SchedulingKey& /*key*/) const noexcept {
    if (from.table != nullptr) return first_of(from.table->contenders, from.loads);
    if (weighting_ == Weighting::by_weight) return least_loaded_by_weight(from);
    return least_loaded(
        from, [&](const RealServer& server) { return load_of(server, from.loads); },
        [](const RealServer&) { return std::uint64_t{1}; });
}

}  // namespace shunt
