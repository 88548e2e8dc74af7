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

namespace shunt {

struct Snapshot {
    std::shared_ptr<const ServiceTable> services;
    std::shared_ptr<const NetTable> network;
    std::shared_ptr<const MarkRules> marks;      ///< null: there are none
    std::shared_ptr<const AppTable> apps;        ///< null: there are none
    std::shared_ptr<const PathMtus> path_mtus;   ///< null: none was learnt
    std::shared_ptr<const TunnelTable> tunnels;  ///< of these services over this network
    Timeouts timeouts;
    Tunables tunables;
    bool local_servers = false;  ///< some real server is this host

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
