// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Holds new connections back while a worker has more to do than it can, for the sake of those that
// are being served.
//
// Theory of operation. A worker is behind in a tenth of a second in which most of its iterations
// received a full burst, or the ring to another worker, through which it sends, was half full. When
// it has been behind for a second, each tenth of a second gets an allowance of new connections: a
// share of the packets that belonged to connections in the tenth before, and two for each
// connection that came to life in it. So clients that mean it double what they get with every round
// trip, and a flood, of which nothing comes to life, stays a small part of the work. The limit ends
// five seconds after the worker was last behind; if that was too soon, it is back after a tenth.
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "dataplane/counters.h"

namespace shunt {

/// Thread: its worker.
class NewcomerLimit {
  public:
    /// To be called once an iteration. `share`: percent of the packets of connections that new
    /// connections may be; 100: no limit.
    void follow(const WorkerCounters& counters, TickTime now, std::int64_t share) noexcept {
        if (now != window_) [[unlikely]]
            begin_window(counters, now, share);
    }

    /// May one more connection begin? If so, it is counted.
    [[nodiscard]] bool admits() noexcept {
        if (left_ == 0) return false;
        --left_;
        return true;
    }

    /// Would admits() say yes?
    [[nodiscard]] bool would_admit() const noexcept { return left_ != 0; }

    /// So many packets belong to connections, those that opened them included.
    void served(std::size_t packets) noexcept { served_ += packets; }
    /// A connection came to life.
    void completed() noexcept { ++completed_; }

  private:
    static constexpr std::uint32_t unlimited = 0xFFFFFFFF;
    /// Of the counters, since the daemon started.
    struct Signs {
        std::uint64_t iterations = 0;
        std::uint64_t full_iterations = 0;
        std::uint64_t crowded_rings = 0;
    };

    void begin_window(const WorkerCounters& counters, TickTime now, std::int64_t share) noexcept;
    [[nodiscard]] bool was_behind(const WorkerCounters& counters) noexcept;
    /// Does the limit hold, after a window in which the worker was behind, or was not?
    [[nodiscard]] bool holds(bool behind, TickTime now) noexcept;

    TickTime window_;
    std::uint32_t left_ = unlimited;
    std::uint32_t allowed_ = unlimited;  ///< what `left_` was at first
    std::uint64_t served_ = 0;           ///< in this window
    std::uint64_t completed_ = 0;
    Signs signs_;                       ///< when the window began
    std::uint32_t behind_windows_ = 0;  ///< in a row
    std::optional<TickTime> until_;     ///< the limit holds, or last held
    std::optional<TickTime> last_served_;
};

}  // namespace shunt
