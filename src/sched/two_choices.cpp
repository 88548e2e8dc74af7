// SPDX-License-Identifier: BSD-3-Clause
#include "sched/two_choices.h"

#include "sched/least_loaded.h"

namespace shunt {

namespace {

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
std::uint64_t random_word(std::atomic<std::uint64_t>& state) noexcept {
    constexpr std::uint64_t step = 0x9E3779B97F4A7C15U;
    std::uint64_t z = state.fetch_add(step, std::memory_order_relaxed) + step;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
}

std::uint64_t total_weight(const Candidates& from) noexcept {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < from.servers.size(); ++i)
        if (from.eligible(i)) total += from.servers[i].weight;
    return total;
}

/// The eligible server at which the weights reach `share`; nothing when they do not any more.
std::optional<std::size_t> server_at(const Candidates& from, std::uint64_t share) noexcept {
    for (std::size_t i = 0; i < from.servers.size(); ++i) {
        if (!from.eligible(i)) continue;
        const std::uint64_t weight = from.servers[i].weight;
        if (share <= weight) return i;
        share -= weight;
    }
    return {};
}

}  // namespace

std::optional<std::size_t> TwoChoices::choose(const Candidates& from,
                                              const SchedulingKey& /*key*/) const noexcept {
    const std::uint64_t total = total_weight(from);
    if (total == 0) return {};
    // 0 is among the shares, and the first server's
    const auto draw = [&] { return server_at(from, random_word(from.state.word) % (total + 1)); };
    const auto first = draw();
    const auto second = draw();
    if (!first || !second) return first ? first : second;
    const RealServer& a = from.servers[*first];
    const RealServer& b = from.servers[*second];
    return b.weight * load_of(a, from.loads) > a.weight * load_of(b, from.loads) ? second : first;
}

}  // namespace shunt
