// SPDX-License-Identifier: BSD-3-Clause
#include "sched/least_connection.h"

#include <algorithm>

#include "sched/least_loaded.h"

namespace shunt {

namespace {

using Contenders = std::span<const SchedulerTable::Contender>;

/// What least_loaded_by_weight() chooses, from as few bytes as that takes.
[[gnu::noinline]] std::optional<std::size_t> first_of(Contenders contenders,
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

/// Have all the same weight, and nobody a limit?
bool are_even(Contenders contenders) noexcept {
    return std::ranges::all_of(contenders, [&](const SchedulerTable::Contender& it) {
        return !it.limited && it.weight == contenders.front().weight;
    });
}

}  // namespace

std::shared_ptr<const SchedulerTable> LeastConnection::build(
    std::span<const RealServer> servers, const SchedulerOptions& /*options*/) const {
    if (servers.size() >= LoadCache::least_servers) return nullptr;
    auto table = std::make_shared<SchedulerTable>();
    for (std::uint32_t i = 0; i < servers.size(); ++i)
        if (servers[i].weight > 0)
            table->contenders.push_back(
                {.id = servers[i].id,
                 .weight = weighting_ == Weighting::by_weight ? servers[i].weight : 1,
                 .position = i,
                 .limited = servers[i].thresholds.upper != 0});
    if (are_even(table->contenders))
        for (const auto& contender : table->contenders) table->even.push_back(contender.id);
    return table;
}

std::optional<std::size_t> LeastConnection::choose(const Candidates& from,
                                                   const SchedulingKey& /*key*/) const noexcept {
    if (from.table == nullptr) return of_many(from);
    const SchedulerTable& table = *from.table;
    return table.even.empty() ? first_of(table.contenders, from.loads)
                              : least_of_even(table, from.loads);
}

std::optional<std::size_t> LeastConnection::of_many(const Candidates& from) const noexcept {
    if (weighting_ == Weighting::by_weight) return least_loaded_by_weight(from);
    return least_loaded(
        from, [&](const RealServer& server) { return load_of(server, from.loads); },
        [](const RealServer&) { return std::uint64_t{1}; });
}

}  // namespace shunt
