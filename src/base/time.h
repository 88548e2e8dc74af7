// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The data plane's clock: ticks of 100 ms since the daemon started, kept in 32 bits (13 years).
// Connection timers and expiry stamps are TickTime; configuration uses std::chrono::seconds.
#include <chrono>
#include <cstdint>

namespace shunt {

using Ticks = std::chrono::duration<std::uint32_t, std::deci>;

struct TickClock {
    using duration = Ticks;
    using rep = Ticks::rep;
    using period = Ticks::period;
    using time_point = std::chrono::time_point<TickClock, Ticks>;
    static constexpr bool is_steady = true;
};

using TickTime = TickClock::time_point;

/// Ticks from `then` to `now`, over the wrap of the clock; below 0 when `then` is still to come, or
/// comes from a thread whose clock is a little ahead.
[[nodiscard]] constexpr std::int32_t ticks_between(TickTime then, TickTime now) noexcept {
    return static_cast<std::int32_t>((now - then).count());
}

}  // namespace shunt
