// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// wrr: round robin in which a server takes part while its weight reaches a falling threshold
/// (ipvs-behaviour 4.3).
///
/// The state word holds the current threshold (upper half) and the sequence number of the current
/// server (lower half; 0 is the list's head). The step and the highest threshold follow from the
/// servers and stand in the table.
class WeightedRoundRobin final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "wrr"; }
    [[nodiscard]] bool uses(SchedulerOption option) const noexcept override {
        return option == SchedulerOption::slow_start;
    }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
    [[nodiscard]] std::shared_ptr<const SchedulerTable> build(
        std::span<const RealServer> servers, const SchedulerOptions& options) const override;
    void reconfigure(std::span<const RealServer> servers,
                     SchedulerState& state) const noexcept override;
};

}  // namespace shunt
