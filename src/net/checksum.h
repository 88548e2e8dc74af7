// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624, equation 3).
// Sums are one's complement and byte-order neutral: they are computed over raw wire words.
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace shunt {

/// Folds a 32-bit one's complement sum to 16 bits.
constexpr std::uint16_t fold(std::uint32_t sum) noexcept {
    // The halves and, with the carry, their sum in the upper one.
    return static_cast<std::uint16_t>((sum + std::rotl(sum, 16)) >> 16);
}

/// A change to a checksummed region, as one 16-bit one's complement number. Changes add up, the
/// reverse change is the complement, and zero (either form) means that nothing changed.
class ChecksumDelta {
  public:
    constexpr ChecksumDelta() noexcept = default;

    /// The change from `before` to `after`; both have the same even size.
    template <class T>
    [[nodiscard]] static constexpr ChecksumDelta replace(const T& before, const T& after) noexcept {
        static_assert(sizeof(T) % 2 == 0 && sizeof(T) <= 64);
        using Words = std::array<std::uint16_t, sizeof(T) / 2>;
        const auto was = std::bit_cast<Words>(before);
        const auto is = std::bit_cast<Words>(after);
        std::uint32_t sum = 0;
        for (std::size_t i = 0; i < was.size(); ++i)
            sum += static_cast<std::uint16_t>(~was[i]) + std::uint32_t{is[i]};
        return ChecksumDelta(fold(sum));
    }

    [[nodiscard]] constexpr ChecksumDelta operator+(ChecksumDelta o) const noexcept {
        return ChecksumDelta(fold(std::uint32_t{sum_} + o.sum_));
    }
    [[nodiscard]] constexpr ChecksumDelta reversed() const noexcept {
        return ChecksumDelta(static_cast<std::uint16_t>(~sum_));
    }
    /// reversed(), or the same, without a branch.
    [[nodiscard]] constexpr ChecksumDelta reversed_if(bool reverse) const noexcept {
        return ChecksumDelta(static_cast<std::uint16_t>(sum_ ^ (reverse ? 0xFFFF : 0)));
    }
    /// The checksum field after this change.
    [[nodiscard]] constexpr std::uint16_t apply(std::uint16_t checksum) const noexcept {
        return apply_both(checksum, {});
    }
    /// The checksum field after this change and another one.
    [[nodiscard]] constexpr std::uint16_t apply_both(std::uint16_t checksum,
                                                     ChecksumDelta other) const noexcept {
        return static_cast<std::uint16_t>(
            ~fold(static_cast<std::uint16_t>(~checksum) + std::uint32_t{sum_} + other.sum_));
    }

  private:
    constexpr explicit ChecksumDelta(std::uint16_t sum) noexcept : sum_(sum) {}
    std::uint16_t sum_ = 0;
};

/// The one's complement sum of `bytes` added to `sum`; an odd last byte is padded with zero, so
/// only the last piece of a region may be odd.
std::uint32_t checksum_add(std::uint32_t sum, std::span<const std::byte> bytes) noexcept;

/// The sum of an object's words, to be folded; its size, a small one, is a multiple of four.
template <class T>
[[nodiscard]] std::uint64_t wide_sum(const T& object) noexcept {
    static_assert(sizeof(T) % 4 == 0 && sizeof(T) <= 64);
    std::uint64_t wide = 0;
    for (std::size_t i = 0; i < sizeof(T); i += 4) {
        std::uint32_t word;
        std::memcpy(&word, reinterpret_cast<const char*>(&object) + i, 4);
        wide += word;
    }
    return wide;
}

/// Folds a sum of up to 2^32 words of 32 bits to 16 bits.
constexpr std::uint16_t fold_wide(std::uint64_t sum) noexcept {
    // As fold() does.
    const auto half = static_cast<std::uint32_t>((sum + std::rotl(sum, 32)) >> 32);
    return fold(half);
}

/// The one's complement sum of an object whose size, a small one, is a multiple of four.
template <class T>
[[nodiscard]] std::uint32_t checksum_of(const T& object) noexcept {
    return fold_wide(wide_sum(object));
}

/// The checksum field over `bytes`, whose own checksum field must be zero; zero when `bytes`
/// includes a right checksum.
std::uint16_t checksum(std::span<const std::byte> bytes) noexcept;

}  // namespace shunt
