// SPDX-License-Identifier: BSD-3-Clause
#include "sched/maglev.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "sched/buckets.h"
#include "sched/siphash.h"

namespace shunt {

namespace {

constexpr std::uint32_t table_size = 4093;
constexpr int weight_bits = 6;
constexpr std::uint64_t key_1 = 2654435761U;
constexpr std::uint64_t key_2 = 2654446892U;

/// A server's order of the buckets, and how many it takes in a turn.
struct Turns {
    std::uint32_t next;
    std::uint32_t skip;
    std::uint32_t count;

    Turns(const Endpoint& server, std::uint32_t turns) noexcept : count(turns) {
        const std::uint32_t word =
            server.port.value() + server.address.visit([](const auto& a) { return fold(a); });
        next = siphash13(word, key_1) % table_size;
        skip = siphash13(word, key_2) % (table_size - 1) + 1;
    }
    void move_on() noexcept { next = (next + skip) % table_size; }
};

std::vector<Turns> turns_of(std::span<const RealServer> servers) {
    std::uint32_t divisor = 0;
    std::uint32_t heaviest = 0;
    for (const RealServer& s : servers) {
        divisor = std::gcd(divisor, s.last_weight);
        heaviest = std::max(heaviest, s.last_weight);
    }
    std::vector<Turns> turns;
    if (divisor == 0) return turns;
    const int shift =
        std::max(0, static_cast<int>(std::bit_width(heaviest / divisor)) - weight_bits);
    for (const RealServer& s : servers) {
        const std::uint32_t share = s.last_weight / divisor >> shift;
        turns.emplace_back(s.endpoint, s.last_weight == 0 ? 0 : std::max(share, 1U));
    }
    return turns;
}

}  // namespace

std::optional<std::size_t> Maglev::choose(const Candidates& from,
                                          const SchedulingKey& key) const noexcept {
    if (!has_buckets(from)) return {};
    const std::uint32_t client = client_word(from, key);
    const std::uint32_t hashed = siphash13(client, key_1) % table_size;
    const auto choice = eligible_of(from, hashed);
    if (choice || !from.flags.has(flag_fallback)) return choice;
    // Not a hash a bucket for each client that comes while no server takes any.
    std::size_t some = 0;
    while (some < from.servers.size() && !from.eligible(some)) ++some;
    if (some == from.servers.size()) return {};
    for (std::uint32_t k = 0; k < table_size; ++k) {
        const std::uint32_t offset = (k + hashed) % table_size;
        if (const auto other = eligible_of(from, siphash13(offset + client, key_1) % table_size))
            return other;
    }
    return {};
}

std::size_t Maglev::most_servers() const noexcept {
    return table_size;
}

std::shared_ptr<const SchedulerTable> Maglev::build(std::span<const RealServer> servers) const {
    constexpr std::uint16_t nobody = 0xFFFF;
    auto table = std::make_shared<SchedulerTable>();
    auto turns = turns_of(servers);
    if (turns.empty()) return table;
    auto& buckets = table->buckets;
    buckets.assign(table_size, nobody);
    std::uint32_t taken = 0;
    for (std::size_t i = 0; taken < table_size; i = (i + 1) % servers.size())
        for (std::uint32_t n = 0; n < turns[i].count && taken < table_size; ++n, ++taken) {
            while (buckets[turns[i].next] != nobody) turns[i].move_on();
            buckets[turns[i].next] = static_cast<std::uint16_t>(i);
        }
    return table;
}

}  // namespace shunt
