// SPDX-License-Identifier: BSD-3-Clause
#include "sched/maglev.h"

#include "sched/buckets.h"
#include "sched/maglev_table.h"

namespace shunt {

std::optional<std::size_t> Maglev::choose(const Candidates& from,
                                          const SchedulingKey& key) const noexcept {
    if (!has_buckets(from)) return {};
    const auto size = static_cast<std::uint32_t>(from.table->buckets.size());
    const std::uint32_t client = client_word(from, key);
    const std::uint32_t hashed = maglev_place(client) % size;
    const auto choice = eligible_of(from, hashed);
    if (choice || !from.flags.has(flag_fallback)) return choice;
    // Not a hash a bucket for each client that comes while no server takes any.
    std::size_t some = 0;
    while (some < from.servers.size() && !from.eligible(some)) ++some;
    if (some == from.servers.size()) return {};
    for (std::uint32_t k = 0; k < size; ++k) {
        const std::uint32_t offset = (k + hashed) % size;
        if (const auto other = eligible_of(from, maglev_place(offset + client) % size))
            return other;
    }
    return {};
}

std::size_t Maglev::most_servers(const SchedulerOptions& options) const noexcept {
    return maglev_most_servers(options);
}

std::shared_ptr<const SchedulerTable> Maglev::build(std::span<const RealServer> servers,
                                                    const SchedulerOptions& options) const {
    auto table = std::make_shared<SchedulerTable>();
    table->buckets = maglev_buckets(servers, options.mh_size, options.mh_order);
    return table;
}

}  // namespace shunt
