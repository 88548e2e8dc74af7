// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Integers in network byte order as types of their own. There is no conversion operator on purpose:
// whoever wants the number says value(), whoever wants the wire bytes says raw().
#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>

namespace shunt {

template <std::unsigned_integral T>
constexpr T byteswap(T v) noexcept {
    if constexpr (sizeof(T) == 2)
        return __builtin_bswap16(v);
    else if constexpr (sizeof(T) == 4)
        return __builtin_bswap32(v);
    else if constexpr (sizeof(T) == 8)
        return __builtin_bswap64(v);
    else
        return v;
}

template <std::unsigned_integral T>
class [[gnu::packed]] BigEndian {
  public:
    constexpr BigEndian() noexcept = default;
    constexpr explicit BigEndian(T host) noexcept : raw_(swap(host)) {}
    [[nodiscard]] static constexpr BigEndian from_raw(T wire) noexcept {
        BigEndian b;
        b.raw_ = wire;
        return b;
    }
    [[nodiscard]] constexpr T value() const noexcept { return swap(raw_); }
    [[nodiscard]] constexpr T raw() const noexcept { return raw_; }
    constexpr bool operator==(const BigEndian& o) const noexcept { return raw_ == o.raw_; }
    constexpr auto operator<=>(const BigEndian& o) const noexcept { return value() <=> o.value(); }

  private:
    static constexpr T swap(T v) noexcept {
        return std::endian::native == std::endian::little ? byteswap(v) : v;
    }
    T raw_ = 0;
};

using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;
static_assert(sizeof(Be16) == 2 && alignof(Be16) == 1);
static_assert(sizeof(Be32) == 4 && alignof(Be32) == 1);

}  // namespace shunt
