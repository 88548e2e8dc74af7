// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// lc and wlc: the eligible server with the smallest load, or load per weight; the first of equals
/// (ipvs-behaviour 4.1, 4.2). Load is 256 * active + all connections.
class LeastConnection final : public Scheduler {
  public:
    enum class Weighting : std::uint8_t { none, by_weight };
    explicit LeastConnection(Weighting weighting) noexcept : weighting_(weighting) {}

    [[nodiscard]] std::string_view name() const noexcept override {
        return weighting_ == Weighting::none ? "lc" : "wlc";
    }
    [[nodiscard]] bool uses(SchedulerOption option) const noexcept override {
        return option == SchedulerOption::slow_start && weighting_ == Weighting::by_weight;
    }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
    [[nodiscard]] bool compares_loads() const noexcept override { return true; }
    [[nodiscard]] std::shared_ptr<const SchedulerTable> build(
        std::span<const RealServer> servers, const SchedulerOptions& options) const override;

  private:
    /// Of a service without a table.
    [[nodiscard]] std::optional<std::size_t> of_many(const Candidates& from) const noexcept;

    Weighting weighting_;
};

}  // namespace shunt
