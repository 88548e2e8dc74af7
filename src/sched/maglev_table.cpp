// SPDX-License-Identifier: BSD-3-Clause
#include "sched/maglev_table.h"

#include <bit>
#include <numeric>

namespace shunt {

namespace {

/// A server's order of the buckets, and how many it takes in a turn.
struct Turns {
    std::uint16_t server;
    std::uint32_t next;
    std::uint32_t skip;
    std::uint32_t count;

    Turns(std::uint16_t position, const Endpoint& endpoint, std::uint32_t size,
          std::uint32_t turns) noexcept
        : server(position), count(turns) {
        const std::uint32_t word =
            endpoint.port.value() + endpoint.address.visit([](const auto& a) { return fold(a); });
        next = maglev_place(word) % size;
        skip = maglev_skip(word, size);
    }
    void move_on(std::uint32_t size) noexcept { next = (next + skip) % size; }
};

/// The positions of the servers in the order in which they take buckets.
std::vector<std::uint16_t> in_order(std::span<const RealServer> servers, MaglevOrder order) {
    std::vector<std::uint16_t> positions(servers.size());
    std::iota(positions.begin(), positions.end(), std::uint16_t{0});
    if (order == MaglevOrder::address)
        std::ranges::sort(positions, {}, [&](std::uint16_t i) { return servers[i].endpoint; });
    return positions;
}

/// In larger tables weights are told apart more finely.
constexpr int weight_bits(std::uint32_t size) noexcept {
    return static_cast<int>(std::bit_width(size)) / 2;
}

std::vector<Turns> turns_of(std::span<const RealServer> servers, std::uint32_t size,
                            MaglevOrder order) {
    std::uint32_t divisor = 0;
    std::uint32_t heaviest = 0;
    for (const RealServer& s : servers) {
        divisor = std::gcd(divisor, s.last_weight);
        heaviest = std::max(heaviest, s.last_weight);
    }
    std::vector<Turns> turns;
    if (divisor == 0) return turns;
    const int shift =
        std::max(0, static_cast<int>(std::bit_width(heaviest / divisor)) - weight_bits(size));
    for (const std::uint16_t i : in_order(servers, order)) {
        const std::uint32_t weight = servers[i].last_weight;
        const std::uint32_t share = weight / divisor >> shift;
        turns.emplace_back(i, servers[i].endpoint, size, weight == 0 ? 0 : std::max(share, 1U));
    }
    return turns;
}

}  // namespace

std::vector<std::uint16_t> maglev_buckets(std::span<const RealServer> servers, std::uint32_t size,
                                          MaglevOrder order) {
    constexpr std::uint16_t nobody = 0xFFFF;
    auto turns = turns_of(servers, size, order);
    if (turns.empty()) return {};
    std::vector<std::uint16_t> buckets(size, nobody);
    std::uint32_t taken = 0;
    for (std::size_t i = 0; taken < size; i = (i + 1) % turns.size()) {
        Turns& its = turns[i];
        for (std::uint32_t n = 0; n < its.count && taken < size; ++n, ++taken) {
            while (buckets[its.next] != nobody) its.move_on(size);
            buckets[its.next] = its.server;
        }
    }
    return buckets;
}

}  // namespace shunt
