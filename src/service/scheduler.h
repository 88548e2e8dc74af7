// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The interface between a virtual service and the rule that picks a real server for each new
// connection. Implementations live in src/sched, one file each.
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "service/dest_counters.h"
#include "service/real_server.h"

namespace shunt {

/// What a scheduler remembers between choices: one word that all workers and the control thread
/// change by compare-and-swap, and only while a connection is created or a service is edited. So
/// the order of choices is one order over all workers, as in IPVS (docs/decisions/0003).
struct alignas(64) SchedulerState {
    std::atomic<std::uint64_t> word{0};
};

class Scheduler {
  public:
    Scheduler() = default;
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;
    virtual ~Scheduler() = default;

    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    /// The position in `servers` for a new connection, or nothing when none is eligible.
    /// `servers`: newest first, the order in which ties are broken (ipvs-behaviour 4.1).
    /// Thread: any worker.
    [[nodiscard]] virtual std::optional<std::size_t> choose(
        std::span<const RealServer> servers, const Loads& loads,
        SchedulerState& state) const noexcept = 0;

    /// Called once for each server added, edited or deleted, after it took effect, and once when
    /// the service is made. Thread: control.
    virtual void reconfigure(std::span<const RealServer> /*servers*/,
                             SchedulerState& /*state*/) const noexcept {}
};

}  // namespace shunt
