// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The methods of docs/protocol.md. Thread: control.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ctl/conn/conn_listing.h"
#include "ctl/device/port_status.h"
#include "ctl/health/health_control.h"
#include "ctl/methods/config_control.h"
#include "ctl/rpc/events.h"
#include "ctl/rpc/rpc_dispatch.h"
#include "ctl/seeing/watch_control.h"
#include "ctl/state/app_registry.h"
#include "ctl/state/busy_meter.h"
#include "ctl/state/defence_control.h"
#include "ctl/state/mark_registry.h"
#include "ctl/state/publisher.h"
#include "ctl/state/service_registry.h"

namespace shunt::ctl {

/// What the methods work on; everything outlives the table.
struct MethodContext {
    ServiceRegistry& registry;
    Publisher& publisher;
    MarkRegistry& marks;
    AppRegistry& apps;
    std::vector<const AppCounters*> app_counters;  ///< by worker
    const ExpectationTable* expectations = nullptr;
    ConnectionLister& lister;
    const BusyMeter& busy;
    std::vector<const WorkerCounters*> workers;
    std::vector<unsigned> worker_cpus;  ///< by worker; empty: workers float
    std::function<std::vector<PortStatus>()> ports;
    std::uint64_t connections_capacity = 0;
    DefenceControl& defence;
    const SharedState& shared;
    ConfigControl& config;
    EventBus& events;
    HealthControl* health = nullptr;  ///< null: no server is checked
    SyncControl* sync = nullptr;      ///< null: there are no workers to synchronise
    WatchControl* watch = nullptr;    ///< null: no packets can be watched
    std::string version;
    std::chrono::steady_clock::time_point started;
};

MethodTable make_methods(const MethodContext& context);

/// How long the longest configurable timeout is, in seconds.
inline constexpr std::uint64_t longest_timeout = 31ULL * 24 * 60 * 60;

}  // namespace shunt::ctl
