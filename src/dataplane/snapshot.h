// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Everything that workers read and never write, of one moment. The control thread publishes a new
// one by a single pointer store; the old one is freed when every worker has passed a quiescent
// state (docs/decisions/0002). So a change is seen whole or not at all.
#include <cstdint>
#include <memory>

#include "app/app_table.h"
#include "conn/timeouts.h"
#include "dataplane/net_table.h"
#include "dataplane/tunnel_table.h"
#include "service/mark_rules.h"
#include "service/service_table.h"
#include "service/tunables.h"
#include "sync/sync_decision.h"

namespace shunt {

struct SyncFeeds;

struct Snapshot {
    std::shared_ptr<const ServiceTable> services;
    std::shared_ptr<const NetTable> network;
    std::shared_ptr<const MarkRules> marks;      ///< null: there are none
    std::shared_ptr<const AppTable> apps;        ///< null: there are none
    std::shared_ptr<const PathMtus> path_mtus;   ///< null: none was learnt
    std::shared_ptr<const TunnelTable> tunnels;  ///< of these services over this network
    Timeouts timeouts;
    Tunables tunables;
    bool local_servers = false;                   ///< some real server is this host
    std::shared_ptr<const SyncFeeds> sync_feeds;  ///< null: no master runs
    SyncRules sync_rules;                         ///< as the tunables have it
    bool sync_backup = false;                     ///< a backup runs

    /// Are packets of clients left to the host (ipvs-behaviour 1.2 step 3)?
    [[nodiscard]] bool is_only_backup() const noexcept {
        return sync_backup && tunables.backup_only != 0;
    }

    /// Works out what follows from services and network: `tunnels` and `local_servers`. To be
    /// called before the snapshot is published. Over the same network it looks only at slots that
    /// have changed since. Thread: control.
    void derive();
    /// What that was last done for.
    struct Derived {
        std::shared_ptr<const ServiceTable> services;
        std::shared_ptr<const NetTable> network;
        std::uint32_t local_servers = 0;
    } derived;
    std::uint32_t generation = 0;  ///< 1 for the first one published, then counted up
};

}  // namespace shunt
