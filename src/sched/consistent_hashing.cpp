// SPDX-License-Identifier: BSD-3-Clause
#include "sched/consistent_hashing.h"

#include "sched/buckets.h"
#include "sched/least_loaded.h"
#include "sched/maglev_table.h"

namespace shunt {

namespace {

/// Of servers that take connections by their weight.
std::uint32_t count_connections(const Candidates& from) noexcept {
    std::uint32_t sum = 0;
    for (const RealServer& server : from.servers)
        if (server.weight > 0) sum += from.loads.total(server.id);
    return sum;
}

/// How many there are with the new one, as the state knows it.
std::uint32_t count_in(const Candidates& from) noexcept {
    constexpr std::size_t counts_a_choice = 8;
    std::uint64_t seen = from.state.word.load(std::memory_order_relaxed);
    for (;;) {
        auto connections = static_cast<std::uint32_t>(seen >> 32);
        auto choices_left = static_cast<std::uint32_t>(seen);
        if (choices_left == 0) {
            connections = count_connections(from);
            choices_left = static_cast<std::uint32_t>(from.servers.size() / counts_a_choice) + 1;
        }
        const std::uint64_t next = std::uint64_t{++connections} << 32 | --choices_left;
        if (from.state.word.compare_exchange_weak(seen, next, std::memory_order_relaxed))
            return connections;
    }
}

/// What a server may have for each of its weight.
double most_per_weight(const Candidates& from) noexcept {
    return from.options.load_bound / 100.0 * count_in(from) /
           static_cast<double>(from.table->weight);
}

}  // namespace

std::optional<std::size_t> ConsistentHashing::choose(const Candidates& from,
                                                     const SchedulingKey& key) const noexcept {
    if (!has_buckets(from) || from.table->weight == 0) return {};
    const double most = most_per_weight(from);
    const auto size = static_cast<std::uint32_t>(from.table->buckets.size());
    const std::uint32_t client = client_word(from, key);
    const std::uint32_t skip = maglev_skip(client, size);
    std::uint32_t bucket = maglev_place(client) % size;
    // With the bound at 125 percent a bucket has no room in four of five cases at worst.
    constexpr int most_jumps = 64;
    for (int i = 0; i < most_jumps; ++i, bucket = (bucket + skip) % size) {
        const auto choice = eligible_of(from, bucket);
        if (!choice) continue;
        const RealServer& server = from.servers[*choice];
        if (from.loads.total(server.id) < most * server.weight) return choice;
    }
    // Some server has no more than its fair share; or those that have less are overloaded.
    return least_loaded(
        from, [&](const RealServer& s) { return std::uint64_t{from.loads.total(s.id)}; },
        [](const RealServer& s) { return std::uint64_t{s.weight}; });
}

std::size_t ConsistentHashing::most_servers(const SchedulerOptions& options) const noexcept {
    return maglev_most_servers(options);
}

std::shared_ptr<const SchedulerTable> ConsistentHashing::build(
    std::span<const RealServer> servers, const SchedulerOptions& options) const {
    auto table = std::make_shared<SchedulerTable>();
    table->buckets = maglev_buckets(servers, options.mh_size, MaglevOrder::address);
    for (const RealServer& server : servers) table->weight += server.weight;
    return table;
}

/// So that the next choice counts.
void ConsistentHashing::reconfigure(std::span<const RealServer> /*servers*/,
                                    SchedulerState& state) const noexcept {
    state.word.store(0, std::memory_order_relaxed);
}

}  // namespace shunt
