// SPDX-License-Identifier: BSD-3-Clause
#include "sched/round_robin.h"

#include "sched/sequence.h"

namespace shunt {

namespace {

/// The first eligible server at or behind position `begin`, cyclic.
std::optional<std::size_t> next(const Candidates& from, std::size_t begin) noexcept {
    for (std::size_t i = begin; i < from.servers.size(); ++i)
        if (from.eligible(i)) return i;
    for (std::size_t i = 0; i < begin; ++i)
        if (from.eligible(i)) return i;
    return {};
}

}  // namespace

std::optional<std::size_t> RoundRobin::choose(const Candidates& from,
                                              const SchedulingKey& /*key*/) const noexcept {
    std::atomic<std::uint64_t>& word = from.state.word;
    std::uint64_t last = word.load(std::memory_order_relaxed);
    for (;;) {
        const auto choice = next(from, last == 0 ? 0 : behind(from.servers, last));
        if (!choice || word.compare_exchange_weak(last, from.servers[*choice].sequence,
                                                  std::memory_order_relaxed))
            return choice;
    }
}

}  // namespace shunt
