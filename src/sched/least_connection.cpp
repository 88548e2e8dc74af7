// SPDX-License-Identifier: BSD-3-Clause
#include "sched/least_connection.h"

#include <algorithm>
#include <bit>

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

/// The same where loads alone decide: the place of the smallest word of load and, for equals,
/// place. No branch on what the loads are, which nobody can guess. There is somebody.
std::size_t first_of_even(std::span<const DestId> ids, const Loads& loads) noexcept {
    static_assert(std::has_single_bit(LoadCache::least_servers));
    constexpr std::uint64_t places = LoadCache::least_servers;
    return loads.look_at_many([ids](auto load) {
        auto best = std::numeric_limits<std::uint64_t>::max();
        for (std::size_t i = 0; i < ids.size(); ++i)
            best = std::min(best, weigh(load(ids[i])) * places + i);
        return best % places;
    });
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
    if (table.even.empty()) return first_of(table.contenders, from.loads);
    return table.contenders[first_of_even(table.even, from.loads)].position;
}

std::optional<std::size_t> LeastConnection::of_many(const Candidates& from) const noexcept {
    if (weighting_ == Weighting::by_weight) return least_loaded_by_weight(from);
    return least_loaded(
        from, [&](const RealServer& server) { return load_of(server, from.loads); },
        [](const RealServer&) { return std::uint64_t{1}; });
}

}  // namespace shunt
