// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// lblcr: a destination stays with a set of servers, and goes to the least loaded of them. When
/// that one is too busy, as in lblc, another one joins by wlc; when nobody joined or left for
/// `lblcr_expiration`, the most loaded leaves (ipvs-behaviour 4.8).
///
/// Unlike in IPVS a set has a limit; when it is reached, the most loaded leaves for who joins.
class LocalityReplicated final : public Scheduler {
  public:
    static constexpr std::uint8_t most_servers_of_destination = 16;

    [[nodiscard]] std::string_view name() const noexcept override { return "lblcr"; }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
    [[nodiscard]] std::unique_ptr<SchedulerMemory> make_memory(std::uint64_t seed) const override;
};

}  // namespace shunt
