// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Has workers file the connections of a sync backup: each those that it owns, one request of many
// records at a time, so that a worker is asked for a bounded piece of work and the control thread
// never waits. Thread: control.
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "dataplane/owner.h"
#include "dataplane/sync_install.h"

namespace shunt::ctl {

/// To be destroyed when the workers have ended, or were never given a request.
class SyncFiler {
  public:
    /// Gives a request to a worker; false: it takes none at the moment.
    using Post = std::function<bool(WorkerId, WorkerRequest&)>;
    /// Records that may wait for one worker; what comes then is lost.
    static constexpr std::size_t most_waiting = 65536;

    /// `owner` outlives this.
    SyncFiler(const OwnerFunction& owner, std::uint16_t workers, Post post);

    /// A record of a connection, which has no views.
    void file(const SyncRecord& record);
    /// Takes what workers have done, and gives them what waits; to be called some times a second.
    void poll();

    [[nodiscard]] const SyncOutcomes& outcomes() const noexcept { return outcomes_; }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

  private:
    struct Queue {
        std::vector<SyncRecord> waiting;
        std::unique_ptr<SyncInstall> request;
        bool posted = false;
    };

    void collect(Queue& queue);

    const OwnerFunction& owner_;
    Post post_;
    std::vector<Queue> queues_;  ///< by worker
    SyncOutcomes outcomes_{};
    std::uint64_t lost_ = 0;
};

}  // namespace shunt::ctl
