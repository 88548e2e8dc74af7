// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// conhash: consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, "Consistent
/// Hashing with Bounded Loads", 2016). The client has an order of its own of the buckets of a
/// Maglev table (mh_order address); the first server in it wins that has fewer connections than its
/// fair share of all, the new one included, times the load bound. With flag_port the client is its
/// address and its port. Not in IPVS.
///
/// The client jumps from bucket to bucket instead of going to the next, so that what one server
/// cannot take is spread over all others (Chen, Coleman and Shrivastava, "Revisiting Consistent
/// Hashing with Bounded Loads", 2021).
///
/// The state word holds how many connections the servers of positive weight have (upper half), and
/// after how many choices they are counted again (lower half). In between a choice counts itself;
/// so the sum misses what ended during the last choices, an eighth as many as there are servers.
class ConsistentHashing final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "conhash"; }
    [[nodiscard]] bool uses(SchedulerOption option) const noexcept override {
        return option == SchedulerOption::mh_size || option == SchedulerOption::load_bound;
    }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
    [[nodiscard]] std::size_t most_servers(const SchedulerOptions& options) const noexcept override;
    [[nodiscard]] std::shared_ptr<const SchedulerTable> build(
        std::span<const RealServer> servers, const SchedulerOptions& options) const override;
    void reconfigure(std::span<const RealServer> servers,
                     SchedulerState& state) const noexcept override;
};

}  // namespace shunt
