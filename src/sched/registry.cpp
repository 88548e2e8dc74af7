// SPDX-License-Identifier: BSD-3-Clause
#include "sched/registry.h"

#include <algorithm>
#include <array>

#include "sched/consistent_hashing.h"
#include "sched/destination_hashing.h"
#include "sched/failover.h"
#include "sched/least_connection.h"
#include "sched/locality_based.h"
#include "sched/locality_replicated.h"
#include "sched/maglev.h"
#include "sched/never_queue.h"
#include "sched/overflow.h"
#include "sched/round_robin.h"
#include "sched/shortest_expected_delay.h"
#include "sched/source_hashing.h"
#include "sched/two_choices.h"
#include "sched/weighted_round_robin.h"

namespace shunt {

namespace {

std::span<const Scheduler* const> schedulers() noexcept {
    static const ConsistentHashing conhash;
    static const DestinationHashing dh;
    static const Failover fo;
    static const LeastConnection lc(LeastConnection::Weighting::none);
    static const LocalityBased lblc;
    static const LocalityReplicated lblcr;
    static const Maglev mh;
    static const NeverQueue nq;
    static const Overflow ovf;
    static const RoundRobin rr;
    static const ShortestExpectedDelay sed;
    static const SourceHashing sh;
    static const TwoChoices twos;
    static const LeastConnection wlc(LeastConnection::Weighting::by_weight);
    static const WeightedRoundRobin wrr;
    static const std::array<const Scheduler*, 15> all{
        &conhash, &dh, &fo, &lblc, &lblcr, &lc, &mh, &nq, &ovf, &rr, &sed, &sh, &twos, &wlc, &wrr};
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
