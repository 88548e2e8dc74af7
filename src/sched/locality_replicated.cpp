// SPDX-License-Identifier: BSD-3-Clause
#include "sched/locality_replicated.h"

#include "sched/least_loaded.h"
#include "sched/locality.h"

namespace shunt {

namespace {

using Members = std::span<LocalityTable::Member>;

/// The position in the service of the least loaded eligible member, the newest of equals.
std::optional<std::size_t> least_loaded_of(const Candidates& from, Members members) noexcept {
    std::optional<std::size_t> best;
    for (auto member = members.rbegin(); member != members.rend(); ++member) {
        const auto server = position_of(*member, from.servers);
        if (!server || !from.eligible(*server)) continue;
        if (!best || is_less_loaded(from, *server, *best)) best = server;
    }
    return best;
}

/// The most loaded member that has a weight, the newest of equals, whether it takes connections or
/// was removed.
std::optional<std::size_t> most_loaded_of(const Loads& loads, Members members) noexcept {
    std::optional<std::size_t> most;
    std::uint64_t most_load = 0;
    for (std::size_t i = members.size(); i-- > 0;) {
        const std::uint64_t load = load_of(members[i].id, loads);
        if (members[i].weight == 0) continue;
        // most_load / its weight >= load / weight, without a division
        if (most && most_load * members[i].weight >= load * members[*most].weight) continue;
        most = i;
        most_load = load;
    }
    return most;
}

bool has_not_changed(LocalityTable::Place& place, const Candidates& from) noexcept {
    const std::int64_t since = ticks_between(place.last_change(), from.now);
    return since > from.lblcr_expiration * Ticks::period::den;
}

}  // namespace

std::optional<std::size_t> LocalityReplicated::choose(const Candidates& from,
                                                      const SchedulingKey& key) const noexcept {
    auto* table = static_cast<LocalityTable*>(from.state.memory.get());
    if (table == nullptr) return least_loaded_by_weight(from);
    LocalityTable::Place place(*table, key.destination_address, from.now);
    const auto known = least_loaded_of(from, place.members());
    const auto leave = [&] {
        if (const auto most = most_loaded_of(from.loads, place.members())) place.remove(*most);
    };
    if (place.members().size() > 1 && has_not_changed(place, from)) leave();
    if (known && !should_share(from, *known)) return known;
    const auto choice = least_loaded_by_weight(from);
    if (!choice || place.has(from.servers[*choice].id)) return choice;
    if (place.full()) leave();
    if (place.full()) place.remove(0);  // nobody has a weight
    place.add(from.servers[*choice]);
    return choice;
}

std::unique_ptr<SchedulerMemory> LocalityReplicated::make_memory(std::uint64_t seed) const {
    return std::make_unique<LocalityTable>(most_servers_of_destination, &Tunables::lblcr_expiration,
                                           seed);
}

}  // namespace shunt
