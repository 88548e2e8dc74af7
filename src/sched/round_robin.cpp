// SPDX-License-Identifier: BSD-3-Clause
#include "sched/round_robin.h"

namespace shunt {

namespace {

/// The first eligible server after the one with sequence number `last`; 0: from the front.
std::optional<std::size_t> next(const Candidates& from, std::uint64_t last) noexcept {
    std::optional<std::size_t> first;
    for (std::size_t i = 0; i < from.servers.size(); ++i) {
        if (!from.eligible(i)) continue;
        if (last != 0 && from.servers[i].sequence < last) return i;
        if (!first) first = i;
    }
    return first;
}

}  // namespace

std::optional<std::size_t> RoundRobin::choose(const Candidates& from,
                                              const SchedulingKey& /*key*/) const noexcept {
    std::atomic<std::uint64_t>& word = from.state.word;
    std::uint64_t last = word.load(std::memory_order_relaxed);
    for (;;) {
        const auto choice = next(from, last);
        if (!choice || word.compare_exchange_weak(last, from.servers[*choice].sequence,
                                                  std::memory_order_relaxed))
            return choice;
    }
}

}  // namespace shunt
