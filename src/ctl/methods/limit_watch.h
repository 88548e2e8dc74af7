// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Tells the event bus what is at its limit: drops for want of room, servers that have as many
// connections as they may, the levels of the defence. It is looked at once a second, so what comes
// and goes in between is not told. Thread: control.
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "base/drop_reason.h"
#include "ctl/rpc/events.h"
#include "ctl/state/defence_control.h"
#include "ctl/state/publisher.h"

namespace shunt::ctl {

class LimitWatch {
  public:
    using Clock = std::chrono::steady_clock;

    /// Reasons of drops that mean: something is full.
    static constexpr std::array limits{
        DropReason::connections_full,  DropReason::no_buffer,      DropReason::hold_queue_full,
        DropReason::handoff_full,      DropReason::transmit_full,  DropReason::host_full,
        DropReason::worker_busy,       DropReason::prefix_limited, DropReason::fragment_overflow,
        DropReason::refused_by_defence};
    /// A limit is over when nothing was dropped for it in this time.
    static constexpr std::chrono::seconds quiet{10};

    /// What there is by now is known and not told. Everything given outlives this.
    LimitWatch(EventBus& events, std::vector<const WorkerCounters*> workers,
               const Publisher& publisher, const OverloadTable& overload,
               const DefenceControl& defence);

    /// To be called once a second; `now` never goes back.
    void look(Clock::time_point now);

  private:
    struct Limit {
        std::uint64_t dropped = 0;  ///< when it was last looked at
        bool reached = false;
        std::uint64_t before = 0;  ///< what `dropped` was before it was reached
        Clock::time_point last{};  ///< when it was seen to grow
    };
    struct Level {
        bool is_short = false;
        std::int64_t drop_entry = 0;
        std::int64_t drop_packet = 0;
        std::int64_t secure_tcp = 0;
        bool operator==(const Level&) const = default;
    };
    struct Place {
        ServiceKey service;
        Endpoint server;
        auto operator<=>(const Place&) const = default;
    };

    void look_at_drops(Clock::time_point now);
    void look_at_servers();
    void look_at_defence();
    [[nodiscard]] std::uint64_t dropped(DropReason reason) const noexcept;
    [[nodiscard]] Level level() const;
    void tell(EventKind kind, const Place& place);

    EventBus& events_;
    std::vector<const WorkerCounters*> workers_;
    const Publisher& publisher_;
    const OverloadTable& overload_;
    const DefenceControl& defence_;
    std::array<Limit, limits.size()> limits_{};
    std::vector<Place> overloaded_;  ///< sorted
    Level level_;
};

}  // namespace shunt::ctl
