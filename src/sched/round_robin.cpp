// SPDX-License-Identifier: BSD-3-Clause
#include "sched/round_robin.h"

namespace shunt {

namespace {

/// The first eligible server after the one with sequence number `last`; 0: from the front.
std::optional<std::size_t> next(std::span<const RealServer> servers, std::uint64_t last) noexcept {
    std::optional<std::size_t> first;
    for (std::size_t i = 0; i < servers.size(); ++i) {
        if (!servers[i].eligible()) continue;
        if (last != 0 && servers[i].sequence < last) return i;
        if (!first) first = i;
    }
    return first;
}

}  // namespace

std::optional<std::size_t> RoundRobin::choose(std::span<const RealServer> servers,
                                              const Loads& /*loads*/,
                                              SchedulerState& state) const noexcept {
    std::uint64_t last = state.word.load(std::memory_order_relaxed);
    for (;;) {
        const auto choice = next(servers, last);
        if (!choice || state.word.compare_exchange_weak(last, servers[*choice].sequence,
                                                        std::memory_order_relaxed))
            return choice;
    }
}

}  // namespace shunt
