// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// ovf: the eligible server with the highest weight among those with no more active connections
/// than weight, the first of equals (ipvs-behaviour 4.2). So one gets as many as its weight and one
/// more.
class Overflow final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "ovf"; }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
};

}  // namespace shunt
