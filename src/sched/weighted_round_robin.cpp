// SPDX-License-Identifier: BSD-3-Clause
#include "sched/weighted_round_robin.h"

#include <algorithm>
#include <numeric>

#include "sched/sequence.h"

namespace shunt {

namespace {

struct Position {
    std::int64_t threshold = 0;
    std::uint32_t current = 0;  ///< sequence number; 0: the head of the list

    static Position from(std::uint64_t word) noexcept {
        return {static_cast<std::int64_t>(word >> 32), static_cast<std::uint32_t>(word)};
    }
    [[nodiscard]] std::uint64_t word() const noexcept {
        return static_cast<std::uint64_t>(threshold) << 32 | current;
    }
};

using Steps = SchedulerTable::Steps;

Steps steps_of(std::span<const RealServer> servers) noexcept {
    std::int64_t step = 0;
    std::int64_t heaviest = 0;
    for (const auto& s : servers) {
        if (step != 1) step = std::gcd(step, std::int64_t{s.weight});
        heaviest = std::max(heaviest, std::int64_t{s.weight});
    }
    if (step == 0) step = 1;
    return {.step = step, .highest = heaviest - (step - 1)};
}

/// One choice from `position`, which moves on.
std::optional<std::size_t> step_on(const Candidates& from, const Steps& steps,
                                   Position& position) noexcept {
    if (steps.highest <= 0) return {};
    const auto servers = from.servers;
    std::size_t i = position.current == 0 ? 0 : behind(servers, position.current);
    for (;;) {
        const bool whole_list = i == 0;
        for (; i < servers.size(); ++i) {
            if (!from.eligible(i) || servers[i].weight < position.threshold) continue;
            position.current = servers[i].sequence;
            return i;
        }
        if (whole_list && position.threshold <= steps.step) return {};
        position.threshold -= steps.step;
        if (position.threshold <= 0) position.threshold = steps.highest;
        i = 0;
    }
}

}  // namespace

std::optional<std::size_t> WeightedRoundRobin::choose(const Candidates& from,
                                                      const SchedulingKey& /*key*/) const noexcept {
    const Steps steps = from.table != nullptr ? from.table->steps : steps_of(from.servers);
    std::uint64_t seen = from.state.word.load(std::memory_order_relaxed);
    for (;;) {
        Position position = Position::from(seen);
        // Weights that were scaled down since it was kept (slow start) leave it too high.
        position.threshold = std::min(position.threshold, steps.highest);
        const auto choice = step_on(from, steps, position);
        if (!choice ||
            from.state.word.compare_exchange_weak(seen, position.word(), std::memory_order_relaxed))
            return choice;
    }
}

std::shared_ptr<const SchedulerTable> WeightedRoundRobin::build(
    std::span<const RealServer> servers, const SchedulerOptions& /*options*/) const {
    auto table = std::make_shared<SchedulerTable>();
    table->steps = steps_of(servers);
    return table;
}

void WeightedRoundRobin::reconfigure(std::span<const RealServer> servers,
                                     SchedulerState& state) const noexcept {
    const Steps steps = steps_of(servers);
    std::uint64_t seen = state.word.load(std::memory_order_relaxed);
    for (;;) {
        Position position = Position::from(seen);
        position.current = 0;
        if (position.threshold > steps.highest || position.threshold == 0)
            position.threshold = steps.highest;
        else if (steps.step > 1)
            position.threshold = position.threshold / steps.step * steps.step + 1;
        if (state.word.compare_exchange_weak(seen, position.word(), std::memory_order_relaxed))
            return;
    }
}

}  // namespace shunt
