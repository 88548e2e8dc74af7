// SPDX-License-Identifier: BSD-3-Clause
#include "sched/least_connection.h"

#include "sched/least_loaded.h"

namespace shunt {

std::optional<std::size_t> LeastConnection::choose(const Candidates& from,
                                                   const SchedulingKey& /*key*/) const noexcept {
    return least_loaded(
        from, [&](const RealServer& server) { return load_of(server, from.loads); },
        [this](const RealServer& server) -> std::uint64_t {
            return weighting_ == Weighting::none ? 1 : server.weight;
        });
}

}  // namespace shunt
