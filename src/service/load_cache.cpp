// SPDX-License-Identifier: BSD-3-Clause
#include "service/load_cache.h"

#include <algorithm>
#include <numeric>

namespace shunt {

LoadCache::LoadCache(std::span<const RealServer> servers, std::size_t workers)
    : positions_(servers.size()), known_(workers) {
    const auto group_of = [&](std::uint32_t position) { return load_group(servers[position].id); };
    std::iota(positions_.begin(), positions_.end(), 0);
    std::ranges::stable_sort(positions_, {}, group_of);
    for (auto at = positions_.begin(); at != positions_.end();) {
        const auto end = std::find_if(
            at, positions_.end(), [&](std::uint32_t p) { return group_of(p) != group_of(*at); });
        groups_.push_back({.id = group_of(*at), .positions = {at, end}});
        at = end;
    }
    for (Worker& worker : known_) worker.groups.resize(groups_.size());
}

std::size_t LoadCache::bytes() const noexcept {
    return sizeof(*this) + positions_.size() * sizeof(positions_[0]) +
           groups_.size() * sizeof(Group) +
           known_.size() * (sizeof(Worker) + groups_.size() * sizeof(Known));
}

}  // namespace shunt
