// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// twos: of two servers drawn by weight, which may be one, that with the smaller load per weight
/// (ipvs-behaviour 4.9).
///
/// The state word counts the draws; the random numbers are made from it.
class TwoChoices final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "twos"; }
    [[nodiscard]] bool uses(SchedulerOption option) const noexcept override {
        return option == SchedulerOption::slow_start;
    }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
};

}  // namespace shunt
