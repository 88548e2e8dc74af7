// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Slow start: the weight of a server that is new to its service, or whose weight was 0, grows to
// what is configured, so that a scheduler that weighs connections does not give it all new ones.
//
// Worked example: with a slow start of 40 s a server of weight 3 that joins others of weight 3 has
// a twentieth of its weight for the first 4 s, two twentieths until 6 s have passed, and so on: 20
// seconds after it came its weight is 30 where that of the others is 60; from 40 s on all have 3.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace shunt::ctl {

/// The way of one server to its whole weight. Thread: control.
class Ramp {
  public:
    using Clock = std::chrono::steady_clock;
    /// Into so many equal parts the weight is divided.
    static constexpr std::uint32_t parts = 20;

    /// To `now`, which never goes back, on a way that takes `whole`, more than 0. The way begins
    /// with the first call. Returns whether the share has changed.
    bool move_on(Clock::time_point now, std::chrono::seconds whole) noexcept;

    /// The parts of the weight that count, 1 to `parts`.
    [[nodiscard]] std::uint32_t share() const noexcept { return share_; }
    [[nodiscard]] std::uint32_t percent() const noexcept { return share_ * 100 / parts; }
    [[nodiscard]] bool at_end() const noexcept { return share_ == parts; }

  private:
    std::optional<Clock::time_point> begin_;
    std::uint32_t share_ = 1;
};

/// The weights of a service's servers while one of them is on its way. All are multiplied by one
/// factor, so that a share of a small weight is a whole number, too.
class RampedWeights {
  public:
    /// `heaviest`: the greatest configured weight of the service, at most 2^31 - 1, which no weight
    /// exceeds here either.
    explicit RampedWeights(std::uint32_t heaviest) noexcept
        : factor_(std::clamp(most / std::max(heaviest, 1U), 1U, Ramp::parts)) {}

    /// Of a server with `share` parts of its weight; 0 only when the weight is.
    [[nodiscard]] std::uint32_t of(std::uint32_t weight, std::uint32_t share) const noexcept {
        const std::uint64_t whole = std::uint64_t{weight} * factor_;
        const auto part = static_cast<std::uint32_t>(whole * share / Ramp::parts);
        return weight == 0 ? 0 : std::max(part, 1U);
    }

  private:
    static constexpr std::uint32_t most = 0x7FFFFFFF;
    std::uint32_t factor_;
};

}  // namespace shunt::ctl
