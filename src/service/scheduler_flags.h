// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Flags of a service that mean something to its scheduler only.
#include <cstdint>

namespace shunt {

/// Values of IPVS, which also travel in its sync protocol (ipvs-behaviour 4.10).
enum class SchedulerFlag : std::uint8_t { first = 0x08, second = 0x10, third = 0x20 };

// What the first two mean to sh and mh, and the second to conhash; other schedulers take no notice
// of any.
/// When the hashed server takes no connections, another one is looked for.
inline constexpr SchedulerFlag flag_fallback = SchedulerFlag::first;
/// The client's port is hashed too.
inline constexpr SchedulerFlag flag_port = SchedulerFlag::second;

class SchedulerFlags {
  public:
    [[nodiscard]] constexpr bool has(SchedulerFlag flag) const noexcept {
        return (bits_ & static_cast<std::uint8_t>(flag)) != 0;
    }
    constexpr void set(SchedulerFlag flag) noexcept { bits_ |= static_cast<std::uint8_t>(flag); }
    constexpr bool operator==(const SchedulerFlags&) const noexcept = default;

  private:
    std::uint8_t bits_ = 0;
};

}  // namespace shunt
