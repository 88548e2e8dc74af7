// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Traffic counts and their rates, estimated as IPVS does (ipvs-behaviour 8): every two seconds the
// average moves a quarter of the way to the rate of the last period, in fixed point.
#include <chrono>
#include <cstdint>

namespace shunt::ctl {

/// The five things counted for a server, a service and in total; also their rates a second.
struct Traffic {
    std::uint64_t connections = 0;
    std::uint64_t packets_in = 0;
    std::uint64_t packets_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;

    bool operator==(const Traffic&) const noexcept = default;
    Traffic& operator+=(const Traffic& o) noexcept;
    Traffic& operator-=(const Traffic& o) noexcept;
};
Traffic operator+(Traffic a, const Traffic& b) noexcept;
Traffic operator-(Traffic a, const Traffic& b) noexcept;

class RateEstimator {
  public:
    /// Time between two calls of sample(): the caller keeps it.
    static constexpr std::chrono::seconds period{2};

    RateEstimator() = default;
    /// `counted`: what the counters show at the start.
    explicit RateEstimator(const Traffic& counted) noexcept : last_(counted) {}

    /// One period has passed and the counters show `counted`, which never falls.
    void sample(const Traffic& counted) noexcept;
    /// The same while rates are not to be estimated: they stand still.
    void pass_over(const Traffic& counted) noexcept { last_ = counted; }
    /// Forgets the rates, not the counts.
    void clear() noexcept { average_ = {}; }

    [[nodiscard]] Traffic per_second() const noexcept;

  private:
    Traffic last_;
    Traffic average_;  ///< connections and packets times 2^10, bytes times 2^5
};

}  // namespace shunt::ctl
