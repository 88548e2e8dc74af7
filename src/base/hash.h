// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The hash of keys in tables: XXH3 with a seed. It is not linear, so that keys that collide under
// one seed do not under another, as all keys of a CRC or of Toeplitz do.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace shunt {

template <class T>
requires std::has_unique_object_representations_v<T>
[[nodiscard]] inline std::uint64_t hash_of(const T& value, std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(&value, sizeof(value), seed);
}

[[nodiscard]] inline std::uint64_t hash_of(std::span<const std::byte> bytes,
                                           std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace shunt
