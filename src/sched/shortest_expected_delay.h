// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// sed: the eligible server with the smallest (active connections + 1) / weight, the first of
/// equals (ipvs-behaviour 4.2).
class ShortestExpectedDelay final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "sed"; }
    [[nodiscard]] bool uses(SchedulerOption option) const noexcept override {
        return option == SchedulerOption::slow_start;
    }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
    [[nodiscard]] bool compares_loads() const noexcept override { return true; }
};

}  // namespace shunt
