// SPDX-License-Identifier: BSD-3-Clause
#include "sched/destination_hashing.h"

#include "sched/buckets.h"

namespace shunt {

std::optional<std::size_t> DestinationHashing::choose(const Candidates& from,
                                                      const SchedulingKey& key) const noexcept {
    if (!has_buckets(from)) return {};
    return eligible_of(from, hash_bucket(key.destination));
}

std::shared_ptr<const SchedulerTable> DestinationHashing::build(
    std::span<const RealServer> servers, const SchedulerOptions& /*options*/) const {
    auto table = std::make_shared<SchedulerTable>();
    if (servers.empty()) return table;
    for (std::size_t i = 0; i < hash_buckets; ++i)
        table->buckets.push_back(static_cast<std::uint16_t>(i % servers.size()));
    return table;
}

}  // namespace shunt
