// SPDX-License-Identifier: BSD-3-Clause
#include "sched/source_hashing.h"

#include <algorithm>

#include "sched/buckets.h"

namespace shunt {

std::optional<std::size_t> SourceHashing::choose(const Candidates& from,
                                                 const SchedulingKey& key) const noexcept {
    if (!has_buckets(from)) return {};
    const std::size_t hashed = hash_bucket(client_word(from, key));
    const auto choice = eligible_of(from, hashed);
    if (choice || !from.flags.has(flag_fallback)) return choice;
    for (std::size_t k = 0; k < hash_buckets; ++k) {
        const std::size_t bucket = (hashed + (k + hashed) % hash_buckets) % hash_buckets;
        if (const auto other = eligible_of(from, bucket)) return other;
    }
    return {};
}

std::shared_ptr<const SchedulerTable> SourceHashing::build(
    std::span<const RealServer> servers, const SchedulerOptions& /*options*/) const {
    auto table = std::make_shared<SchedulerTable>();
    if (servers.empty()) return table;
    for (std::size_t i = 0; table->buckets.size() < hash_buckets; i = (i + 1) % servers.size()) {
        const std::size_t turn = std::max(servers[i].weight, 1U);
        const std::size_t left = hash_buckets - table->buckets.size();
        table->buckets.insert(table->buckets.end(), std::min(turn, left),
                              static_cast<std::uint16_t>(i));
    }
    return table;
}

}  // namespace shunt
