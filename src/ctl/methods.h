// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The methods of docs/protocol.md. Thread: control.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ctl/app_registry.h"
#include "ctl/busy_meter.h"
#include "ctl/config_control.h"
#include "ctl/conn_listing.h"
#include "ctl/defence_control.h"
#include "ctl/events.h"
#include "ctl/mark_registry.h"
#include "ctl/publisher.h"
#include "ctl/rpc_dispatch.h"
#include "ctl/service_registry.h"
#include "ctl/watch_control.h"

namespace shunt::ctl {

/// A port as port.list shows it.
struct PortStatus {
    std::string name;
    std::string device;
    MacAddress mac;
    std::uint16_t mtu = 0;
    bool link_up = false;
    std::string steering;  ///< how packets find their worker, in words
    std::uint16_t receive_queues = 0;
    std::uint16_t transmit_queues = 0;
    bool twin = false;
    PortId id{};
    std::uint64_t received = 0;  ///< packets, as the device counts them
    std::uint64_t sent = 0;
    std::uint64_t missed = 0;  ///< not received for want of room
    std::uint64_t errors = 0;
};

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
    WatchControl* watch = nullptr;  ///< null: no packets can be watched
    std::string version;
    std::chrono::steady_clock::time_point started;
};

MethodTable make_methods(const MethodContext& context);

/// How long the longest configurable timeout is, in seconds.
inline constexpr std::uint64_t longest_timeout = 31ULL * 24 * 60 * 60;

}  // namespace shunt::ctl
