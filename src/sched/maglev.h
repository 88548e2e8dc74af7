// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// mh: Maglev hashing. Servers fill a table in turns, each in an order of its own, so that few
/// buckets change when servers come and go; the client falls into one (ipvs-behaviour 4.6). A
/// server keeps its buckets while its weight is 0. Flags as with sh. The size of the table and the
/// order of the servers are options of the service (docs/decisions/0017).
class Maglev final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "mh"; }
    [[nodiscard]] bool uses(SchedulerOption option) const noexcept override {
        return option == SchedulerOption::mh_size || option == SchedulerOption::mh_order;
    }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
    [[nodiscard]] std::size_t most_servers(const SchedulerOptions& options) const noexcept override;
    [[nodiscard]] std::shared_ptr<const SchedulerTable> build(
        std::span<const RealServer> servers, const SchedulerOptions& options) const override;
};

}  // namespace shunt
