// SPDX-License-Identifier: BSD-3-Clause
#include "sched/never_queue.h"

#include "sched/least_loaded.h"

namespace shunt {

std::optional<std::size_t> NeverQueue::choose(const Candidates& from,
                                              const SchedulingKey& /*key*/) const noexcept {
    // Load 0, which only a server without active connection has, goes before every other.
    return least_loaded(
        from,
        [&](const RealServer& server) -> std::uint64_t {
            const std::uint64_t active = from.loads.active(server.id);
            return active == 0 ? 0 : active + 1;
        },
        [](const RealServer& server) { return std::uint64_t{server.weight}; });
}

}  // namespace shunt
