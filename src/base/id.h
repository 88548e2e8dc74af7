// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Strong integer ids: two kinds never mix, none converts to a plain number by itself.
#include <compare>
#include <concepts>
#include <cstdint>
#include <functional>

namespace shunt {

template <class Tag, std::unsigned_integral Rep>
class Id {
  public:
    using rep = Rep;
    constexpr Id() noexcept = default;
    constexpr explicit Id(Rep value) noexcept : value_(value) {}
    [[nodiscard]] constexpr Rep value() const noexcept { return value_; }
    constexpr auto operator<=>(const Id&) const noexcept = default;

  private:
    Rep value_ = 0;
};

/// A worker's position, 0 .. workers-1. Not an EAL lcore number.
using WorkerId = Id<struct WorkerTag, std::uint16_t>;
/// A port's position in the configuration, 0 .. ports-1. Not an ethdev number.
using PortId = Id<struct PortTag, std::uint16_t>;
/// A real server's slot, stable for as long as a connection may name it (ipvs-behaviour 10.3).
using DestId = Id<struct DestTag, std::uint32_t>;

}  // namespace shunt
