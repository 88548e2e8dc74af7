// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What one worker counts for one real server. One cache line each, so that workers never share one.
#include <span>

#include "base/counter.h"
#include "base/id.h"
#include "service/overload.h"

namespace shunt {

/// Written by its worker only; read by the control thread and, for load, by other workers while
/// they create a connection. Bytes are network-layer bytes (ipvs-behaviour 1.23).
struct alignas(64) DestCounters {
    Counter connections;  ///< scheduled since the slot was first used
    Counter packets_in;
    Counter packets_out;
    Counter bytes_in;
    Counter bytes_out;
    Gauge total;   ///< connections that exist now
    Gauge active;  ///< of these, the ones in an active state (ipvs-behaviour 2.11)
};
static_assert(sizeof(DestCounters) == 64);

/// Live connections per real server over all workers, as schedulers weigh them.
class Loads {
  public:
    /// `workers`: one array a worker, indexed by DestId; all outlive this view. Without `overload`
    /// no server is overloaded.
    explicit Loads(std::span<DestCounters* const> workers,
                   const OverloadTable* overload = nullptr) noexcept
        : workers_(workers), overload_(overload) {}

    [[nodiscard]] std::uint32_t active(DestId id) const noexcept {
        return sum(id, &DestCounters::active);
    }
    [[nodiscard]] std::uint32_t total(DestId id) const noexcept {
        return sum(id, &DestCounters::total);
    }
    [[nodiscard]] bool overloaded(DestId id) const noexcept {
        return overload_ != nullptr && overload_->overloaded(id);
    }

  private:
    /// A connection counted on one worker is uncounted on the same, so the sum is never negative.
    [[nodiscard]] std::uint32_t sum(DestId id, Gauge DestCounters::*field) const noexcept {
        std::uint32_t n = 0;
        for (const DestCounters* worker : workers_) n += (worker[id.value()].*field).value();
        return n;
    }
    std::span<DestCounters* const> workers_;
    const OverloadTable* overload_;
};

}  // namespace shunt
