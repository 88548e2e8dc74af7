// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/newcomer_limit.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace shunt {

namespace {

using namespace std::chrono_literals;

/// Windows in a row for which a worker has to be behind before the limit holds.
constexpr std::uint32_t patience = 10;
/// The same when the limit held not long ago.
constexpr std::uint32_t patience_again = 1;
constexpr Ticks not_long_ago = 60s;
constexpr Ticks hold = 5s;
/// Whoever is silent for so long is not being served.
constexpr Ticks silent = 10s;
/// New connections that are always allowed in a window.
constexpr std::uint64_t least = 100;
/// What the opening of a connection costs: its first packet and the answer to that.
constexpr std::uint64_t packets_to_open = 2;

}  // namespace

bool NewcomerLimit::holds(bool behind, TickTime now) noexcept {
    behind_windows_ = behind ? behind_windows_ + 1 : 0;
    const bool again = until_ && now < *until_ + not_long_ago;
    if (behind_windows_ >= (again ? patience_again : patience)) until_ = now + hold;
    return until_ && now < *until_;
}

bool NewcomerLimit::was_behind(const WorkerCounters& counters) noexcept {
    const Signs now{.iterations = counters.iterations.value(),
                    .full_iterations = counters.full_iterations.value(),
                    .crowded_rings = counters.crowded_rings.value()};
    const Signs before = std::exchange(signs_, now);
    const std::uint64_t iterations = now.iterations - before.iterations;
    return now.crowded_rings != before.crowded_rings ||
           (now.full_iterations - before.full_iterations) * 4 >=
               std::max<std::uint64_t>(iterations, 1) * 3;
}

void NewcomerLimit::begin_window(const WorkerCounters& counters, TickTime now,
                                 std::int64_t share) noexcept {
    const std::uint64_t opened = allowed_ - left_;
    const std::uint64_t packets = std::exchange(served_, 0);
    const std::uint64_t served = packets - std::min(packets, opened * packets_to_open);
    const std::uint64_t completed = std::exchange(completed_, 0);
    if (served + completed > 0) last_served_ = now;
    const bool somebody = last_served_ && now < *last_served_ + silent;
    allowed_ = unlimited;
    if (holds(was_behind(counters), now) && somebody && share < 100) {
        const std::uint64_t most =
            least + 2 * completed + served * static_cast<std::uint64_t>(share) / 100;
        allowed_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(most, unlimited - 1));
    }
    left_ = allowed_;
    window_ = now;
}

}  // namespace shunt
