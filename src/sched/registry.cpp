// SPDX-License-Identifier: BSD-3-Clause
#include "sched/registry.h"

#include <algorithm>
#include <array>

#include "sched/least_connection.h"
#include "sched/round_robin.h"
#include "sched/weighted_round_robin.h"

namespace shunt {

namespace {

std::span<const Scheduler* const> schedulers() noexcept {
    static const RoundRobin rr;
    static const WeightedRoundRobin wrr;
    static const LeastConnection lc(LeastConnection::Weighting::none);
    static const LeastConnection wlc(LeastConnection::Weighting::by_weight);
    static const std::array<const Scheduler*, 4> all{&lc, &rr, &wlc, &wrr};
    return all;
}

}  // namespace

const Scheduler* find_scheduler(std::string_view name) noexcept {
    for (const Scheduler* s : schedulers())
        if (s->name() == name) return s;
    return nullptr;
}

std::vector<std::string> scheduler_names() {
    std::vector<std::string> names;
    for (const Scheduler* s : schedulers()) names.emplace_back(s->name());
    std::ranges::sort(names);
    return names;
}

}  // namespace shunt
