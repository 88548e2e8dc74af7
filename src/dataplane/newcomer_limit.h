// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Holds new connections back while a worker has more to do than it can, for the sake of those that
// are being served.
//
// Theory of operation. A worker is behind while its receive bursts come full. When it has been
// behind for a second, each tenth of a second gets an allowance of new connections: a share of the
// packets that belong to connections, and two for each connection that came to life in the tenth
// before. So clients that mean it double what they get with every round trip, and a flood, of which
// nothing comes to life, stays a small part of the work. The limit ends five seconds after the
// worker was last behind; if that was too soon, it is back after a tenth.
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace shunt {

/// Thread: its worker.
class NewcomerLimit {
  public:
    /// To be called once an iteration: was there a full burst in it? `forwarded`: packets so far.
    /// `share`: percent of the packets of connections that new connections may be; 100: no limit.
    void iterated(bool full_burst, TickTime now, std::uint64_t forwarded,
                  std::int64_t share) noexcept {
        ++iterations_;
        behind_ += full_burst ? 1 : 0;
        if (now != window_) [[unlikely]]
            begin_window(now, forwarded, share);
    }

    /// May one more connection begin? If so, it is counted.
    [[nodiscard]] bool admits() noexcept {
        if (left_ == 0) return false;
        --left_;
        return true;
    }

    /// A connection came to life.
    void completed() noexcept { ++completed_; }

  private:
    static constexpr std::uint32_t unlimited = 0xFFFFFFFF;

    void begin_window(TickTime now, std::uint64_t forwarded, std::int64_t share) noexcept;
    /// Does the limit hold, after a window in which the worker was behind, or was not?
    bool holds(bool behind, TickTime now) noexcept;

    TickTime window_;
    std::uint32_t left_ = unlimited;
    std::uint32_t allowed_ = unlimited;  ///< what `left_` was at first
    std::uint32_t completed_ = 0;
    std::uint32_t iterations_ = 0;
    std::uint32_t behind_ = 0;          ///< of these, those with a full burst
    std::uint32_t behind_windows_ = 0;  ///< in a row
    std::uint64_t forwarded_ = 0;       ///< when the window began
    std::optional<TickTime> until_;     ///< the limit holds, or last held
    std::optional<TickTime> last_served_;
};

}  // namespace shunt
