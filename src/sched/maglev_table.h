// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The table of Maglev hashing (ipvs-behaviour 4.6; Eisenbud and others, "Maglev: A Fast and
// Reliable Software Network Load Balancer", 2016): servers take its buckets in turns, each in an
// order of its own.
#include <algorithm>

#include "sched/siphash.h"
#include "service/scheduler.h"

namespace shunt {

/// Where a word falls: a client into a bucket, a server's order of the buckets to its start.
[[nodiscard]] constexpr std::uint32_t maglev_place(std::uint32_t word) noexcept {
    return siphash13(word, 2654435761U);
}
/// By how much an order of the buckets goes on each time: 1 to `size` - 1.
[[nodiscard]] constexpr std::uint32_t maglev_skip(std::uint32_t word, std::uint32_t size) noexcept {
    return siphash13(word, 2654446892U) % (size - 1) + 1;
}

/// The most servers of a table: each has a bucket, and buckets name servers in 16 bits.
[[nodiscard]] constexpr std::size_t maglev_most_servers(const SchedulerOptions& options) noexcept {
    return std::min<std::size_t>(options.mh_size, 0xFFFF);
}

/// For each of `size` buckets the position of its server among `servers`, as many to each as its
/// last weight says; none when no server has had a weight. Throws std::bad_alloc.
[[nodiscard]] std::vector<std::uint16_t> maglev_buckets(std::span<const RealServer> servers,
                                                        std::uint32_t size, MaglevOrder order);

}  // namespace shunt
