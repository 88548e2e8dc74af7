// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// fo: the eligible server with the highest weight, the first of equals (ipvs-behaviour 4.2).
class Failover final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "fo"; }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
};

}  // namespace shunt
