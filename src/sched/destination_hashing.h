// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// dh: the server of the bucket that the destination address falls into. Buckets go round the list,
/// whatever the weights (ipvs-behaviour 4.4).
class DestinationHashing final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "dh"; }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
    [[nodiscard]] std::shared_ptr<const SchedulerTable> build(
        std::span<const RealServer> servers, const SchedulerOptions& options) const override;
};

}  // namespace shunt
