// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How often something may be done: `rate` times a second in the long run, and `burst` times at once
// after a while of nothing. Thread: its owner's.
#include <algorithm>
#include <chrono>

namespace shunt::ctl {

class TokenBucket {
  public:
    using Clock = std::chrono::steady_clock;

    /// Full at first. Both are above 0.
    TokenBucket(double rate, double burst) noexcept : rate_(rate), burst_(burst), tokens_(burst) {}

    /// Takes one token if there is one, and returns 0; else how long it takes until there is one.
    /// `now` never goes back.
    [[nodiscard]] Clock::duration take(Clock::time_point now) noexcept {
        const std::chrono::duration<double> passed = now - last_;
        tokens_ = std::min(burst_, tokens_ + passed.count() * rate_);
        last_ = now;
        if (tokens_ >= 1) {
            tokens_ -= 1;
            return Clock::duration::zero();
        }
        const std::chrono::duration<double> wait((1 - tokens_) / rate_);
        return std::chrono::ceil<Clock::duration>(wait);
    }

  private:
    double rate_;
    double burst_;
    double tokens_;
    Clock::time_point last_{};
};

}  // namespace shunt::ctl
