// SPDX-License-Identifier: BSD-3-Clause
#include "sched/locality_based.h"

#include "sched/least_loaded.h"
#include "sched/locality.h"

namespace shunt {

std::optional<std::size_t> LocalityBased::choose(const Candidates& from,
                                                 const SchedulingKey& key) const noexcept {
    auto* table = static_cast<LocalityTable*>(from.state.memory.get());
    if (table == nullptr) return least_loaded_by_weight(from);
    LocalityTable::Place place(*table, key.destination_address, from.now);
    if (place.known()) {
        const auto server = position_of(place.members().front(), from.servers);
        if (server && from.servers[*server].weight > 0 && !should_share(from, *server))
            return server;
    }
    const auto choice = least_loaded_by_weight(from);
    if (choice) place.replace(from.servers[*choice]);
    return choice;
}

std::unique_ptr<SchedulerMemory> LocalityBased::make_memory(std::uint64_t seed) const {
    return std::make_unique<LocalityTable>(1, &Tunables::lblc_expiration, seed);
}

}  // namespace shunt
