// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// lblc: a destination stays with its server as long as that takes connections and has not more
/// active ones than its weight while another server has fewer than half of its own; else, and at
/// first, wlc chooses (ipvs-behaviour 4.7).
class LocalityBased final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "lblc"; }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
    [[nodiscard]] std::unique_ptr<SchedulerMemory> make_memory(std::uint64_t seed) const override;
};

}  // namespace shunt
