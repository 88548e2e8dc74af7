// SPDX-License-Identifier: BSD-3-Clause
#include "sched/never_queue.h"

#include "sched/least_loaded.h"

namespace shunt {

std::optional<std::size_t> NeverQueue::choose(const Candidates& from,
                                              const SchedulingKey& /*key*/) const noexcept {
    for (std::size_t i = 0; i < from.servers.size(); ++i)
        if (from.eligible(i) && from.loads.active(from.servers[i].id) == 0) return i;
    return least_delay(from);
}

}  // namespace shunt
