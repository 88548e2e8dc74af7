// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The DestId slots: which are free, what the workers know about each, and what all workers together
// counted for it. Thread: control.
#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "ctl/state/estimator.h"
#include "service/dest_counters.h"
#include "service/service_table.h"

namespace shunt::ctl {

class DestSlots {
  public:
    /// `counters`: one array a worker with an element for each of `capacity` slots and one for
    /// connections without server; the vector outlives this and may still be empty now.
    DestSlots(const std::vector<DestCounters*>& counters, std::uint32_t capacity)
        : counters_(counters), capacity_(capacity) {}

    /// A slot that is not in use, the lowest one; nothing when all are.
    [[nodiscard]] std::optional<DestId> allot();
    /// Nobody names the slot any more: no connection, no snapshot.
    void free(DestId id);
    [[nodiscard]] std::uint32_t free_count() const noexcept;

    [[nodiscard]] const DestSlot& operator[](DestId id) const noexcept {
        return slots_[id.value()];
    }
    /// To change it.
    [[nodiscard]] DestSlot& edit(DestId id) { return slots_.edit(id.value()); }
    /// All slots up to the highest that was ever in use.
    [[nodiscard]] const ServiceTable::Slots& table() const noexcept { return slots_; }

    [[nodiscard]] std::size_t workers() const noexcept { return counters_.size(); }

    /// Sums over the workers. Counts run since the process started, whoever had the slot.
    [[nodiscard]] Traffic counted(DestId id) const noexcept;
    [[nodiscard]] std::uint32_t active(DestId id) const noexcept;
    [[nodiscard]] std::uint32_t total(DestId id) const noexcept;

    /// The same over all slots.
    [[nodiscard]] Traffic counted() const noexcept;
    /// All connections, those without server too.
    [[nodiscard]] std::uint64_t connections() const noexcept;
    /// The same of one worker.
    [[nodiscard]] std::uint64_t connections(WorkerId worker) const noexcept;

  private:
    const std::vector<DestCounters*>& counters_;
    std::uint32_t capacity_;
    ServiceTable::Slots slots_;
    std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> free_;
};

}  // namespace shunt::ctl
