// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "service/scheduler.h"

namespace shunt {

/// rr: the next eligible server after the last one chosen, cyclic, whatever its weight
/// (ipvs-behaviour 4.2).
///
/// The state word is the sequence number of the last choice. Sequence numbers fall along the list,
/// so 'next' is the first server with a smaller one; that needs no repair when servers come and go.
class RoundRobin final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "rr"; }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override;
};

}  // namespace shunt
