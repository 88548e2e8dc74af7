// SPDX-License-Identifier: BSD-3-Clause
#include "sched/least_connection.h"

#include "sched/least_loaded.h"

namespace shunt {

std::optional<std::size_t> LeastConnection::choose(const Candidates& from,
                                                   const SchedulingKey& /*key*/) const noexcept {
    if (weighting_ == Weighting::by_weight) return least_loaded_by_weight(from);
    return least_loaded(
        from, [&](const RealServer& server) { return load_of(server, from.loads); },
        [](const RealServer&) { return std::uint64_t{1}; });
}

}  // namespace shunt
