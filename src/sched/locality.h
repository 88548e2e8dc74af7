// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What lblc and lblcr have in common.
#include <algorithm>

#include "sched/locality_table.h"

namespace shunt {

/// Where a remembered server stands in its service; nothing when it was removed. What is
/// remembered of it becomes what it is now.
[[nodiscard]] inline std::optional<std::size_t> position_of(
    LocalityTable::Member& member, std::span<const RealServer> servers) noexcept {
    // Most often it was not added anew since: servers stand by descending sequence.
    auto at = std::ranges::lower_bound(servers, member.sequence, std::ranges::greater(),
                                       &RealServer::sequence);
    if (at == servers.end() || at->id != member.id)
        at = std::ranges::find(servers, member.id, &RealServer::id);
    if (at == servers.end()) return {};
    member = {at->id, at->sequence, at->weight};
    return static_cast<std::size_t>(at - servers.begin());
}

/// Has the server more active connections than its weight, while another one has less than half of
/// its own (ipvs-behaviour 4.7)?
[[nodiscard]] inline bool should_share(const Candidates& from, std::size_t server) noexcept {
    const auto active = [&](const RealServer& s) { return std::uint64_t{from.loads.active(s.id)}; };
    const RealServer& busy = from.servers[server];
    return active(busy) > busy.weight &&
           std::ranges::any_of(from.servers,
                               [&](const RealServer& s) { return active(s) * 2 < s.weight; });
}

}  // namespace shunt
