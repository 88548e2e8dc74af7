// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Puts snapshots in force and frees the old ones once no worker can look at them any more.
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "dataplane/worker.h"

namespace shunt::ctl {

/// Owns every Snapshot. Thread: control. Each set_...() publishes one new snapshot by one store to
/// SharedState::snapshot. Before the first set_network() the snapshot has no network; workers must
/// not start earlier.
class Publisher {
  public:
    /// Names one publication, to ask later whether every worker has seen it.
    using Grace = std::uint64_t;

    /// `shared` outlives this. Its `rcu` may be null (tests, no workers): then nobody is waited
    /// for. Publishes a first snapshot without services.
    explicit Publisher(SharedState& shared);
    /// The workers have ended.
    ~Publisher();
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;

    /// What one publication replaces; nothing: that stays.
    struct Changes {
        std::optional<std::shared_ptr<const ServiceTable>> services{};
        std::optional<Tunables> tunables{};
        std::optional<std::shared_ptr<const MarkRules>> marks{};
        std::optional<std::shared_ptr<const AppTable>> apps{};
    };
    Grace set(Changes changes);

    Grace set_services(std::shared_ptr<const ServiceTable> services);
    Grace set_network(std::shared_ptr<const NetTable> network);
    Grace set_tunables(const Tunables& tunables);
    /// Null: no packet gets a mark.
    Grace set_marks(std::shared_ptr<const MarkRules> marks);
    /// Null: connections have no application.
    Grace set_apps(std::shared_ptr<const AppTable> apps);
    /// What the sync daemons need of the workers; `feeds` null: no master runs.
    Grace set_sync(std::shared_ptr<const SyncFeeds> feeds, bool backup);
    /// Null: none is known.
    Grace set_path_mtus(std::shared_ptr<const PathMtus> path_mtus);

    [[nodiscard]] const Snapshot& current() const noexcept { return *current_; }

    /// Has every worker left the snapshots from before this publication? Never waits.
    [[nodiscard]] bool grace_passed(Grace grace) const noexcept;

    /// Frees what no worker can see any more; never waits. Returns how many old snapshots are left.
    /// Called by each publication, and to be called by a timer for the last one of a burst.
    std::size_t reclaim() noexcept;

  private:
    /// This many old snapshots may wait. A publication beyond waits itself for the workers, which
    /// takes an iteration of theirs, and no longer than `patience`: so memory stays bounded in a
    /// burst of changes, and a worker that stands still cannot stop the control thread.
    static constexpr std::size_t most_retired = 16;
    static constexpr std::chrono::milliseconds patience{100};

    struct Retired {
        std::unique_ptr<const Snapshot> snapshot;
        Grace grace;
    };
    Grace publish(std::unique_ptr<Snapshot> next);
    void wait_for_room() noexcept;

    SharedState& shared_;
    std::unique_ptr<const Snapshot> current_;
    std::deque<Retired> retired_;  ///< oldest first
};

}  // namespace shunt::ctl
