// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// nq: the first eligible server without active connection, whatever its weight; without such a one
/// as sed (ipvs-behaviour 4.2).
class NeverQueue final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "nq"; }
    [[nodiscard]] bool uses(SchedulerOption option) const noexcept override {
        return option == SchedulerOption::slow_start;
    }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
    [[nodiscard]] bool compares_loads() const noexcept override { return true; }
};

}  // namespace shunt
