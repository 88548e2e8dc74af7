// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What hash schedulers have in common.
#include "service/scheduler.h"

namespace shunt {

/// Buckets of dh and sh.
inline constexpr std::size_t hash_buckets = 256;

/// The bucket that a word falls into (ipvs-behaviour 4.4).
[[nodiscard]] constexpr std::uint32_t hash_bucket(std::uint32_t word) noexcept {
    static_assert(hash_buckets == 1 << 8);
    return word * 0x61C88647U >> (32 - 8);
}

[[nodiscard]] inline bool has_buckets(const Candidates& from) noexcept {
    return from.table != nullptr && !from.table->buckets.empty();
}

/// The server of a bucket, if a new connection may go there.
[[nodiscard]] inline std::optional<std::size_t> eligible_of(const Candidates& from,
                                                            std::size_t bucket) noexcept {
    const std::size_t server = from.table->buckets[bucket];
    if (!from.eligible(server)) return {};
    return server;
}

/// What a hash scheduler takes for the client.
[[nodiscard]] inline std::uint32_t client_word(const Candidates& from,
                                               const SchedulingKey& key) noexcept {
    return from.flags.has(flag_port) ? key.client + key.client_port.value() : key.client;
}

}  // namespace shunt
