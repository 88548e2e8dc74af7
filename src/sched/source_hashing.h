// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// sh: the server of the bucket that the client falls into. Buckets go round the list, as many to a
/// server as its weight (ipvs-behaviour 4.5). With flag_fallback a bucket whose server takes no
/// connections gives way to others, with flag_port the client is its address and its port.
class SourceHashing final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "sh"; }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
    [[nodiscard]] std::shared_ptr<const SchedulerTable> build(
        std::span<const RealServer> servers, const SchedulerOptions& options) const override;
};

}  // namespace shunt
