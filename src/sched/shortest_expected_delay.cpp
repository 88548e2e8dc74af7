// SPDX-License-Identifier: BSD-3-Clause
#include "sched/shortest_expected_delay.h"

#include "sched/least_loaded.h"

namespace shunt {

std::optional<std::size_t> ShortestExpectedDelay::choose(
    const Candidates& from, const SchedulingKey& /*key*/) const noexcept {
    return least_loaded(
        from,
        [&](const RealServer& server) { return std::uint64_t{from.loads.active(server.id)} + 1; },
        [](const RealServer& server) { return std::uint64_t{server.weight}; });
}

}  // namespace shunt
