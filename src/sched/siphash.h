// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// SipHash-1-3 of one 32-bit word (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
#include <bit>
#include <cstdint>

namespace shunt {

/// The lower half of the hash of the word's four bytes, the lowest first, under a key of two equal
/// words (ipvs-behaviour 4.6).
[[nodiscard]] constexpr std::uint32_t siphash13(std::uint32_t word, std::uint64_t key) noexcept {
    std::uint64_t v0 = key ^ 0x736F6D6570736575U;
    std::uint64_t v1 = key ^ 0x646F72616E646F6DU;
    std::uint64_t v2 = key ^ 0x6C7967656E657261U;
    std::uint64_t v3 = key ^ 0x7465646279746573U;
    const auto round = [&] {
        v0 += v1;
        v2 += v3;
        v1 = std::rotl(v1, 13) ^ v0;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 = std::rotl(v0, 32);
        v2 += v1;
        v0 += v3;
        v1 = std::rotl(v1, 17) ^ v2;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 = std::rotl(v2, 32);
    };
    const std::uint64_t only_block = std::uint64_t{sizeof(word)} << 56 | word;
    v3 ^= only_block;
    round();
    v0 ^= only_block;
    v2 ^= 0xFF;
    for (int i = 0; i < 3; ++i) round();
    return static_cast<std::uint32_t>(v0 ^ v1 ^ v2 ^ v3);
}

}  // namespace shunt
