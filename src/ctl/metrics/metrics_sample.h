// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What metrics show at one moment: a copy, so that the thread that serves a scrape writes it out
// while the control thread goes on.
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ctl/methods/methods.h"

namespace shunt::ctl {

/// A tunable that the defence moves (ipvs-behaviour 2.13), and its value.
struct DefenceLevel {
    std::string_view tunable;
    std::int64_t value = 0;
};

/// What only the control thread may read.
struct MetricsSample {
    std::vector<ServiceView> services;
    Stats total;
    std::size_t removed_servers = 0;
    std::vector<std::uint64_t> worker_connections;  ///< by worker
    std::vector<PortStatus> ports;
    std::vector<AppRegistry::Row> apps;
    std::size_t expected = 0;  ///< data connections
    Room room;
    bool short_of_room = false;
    std::array<DefenceLevel, 3> defence{};
    CheckNumbers checks{};
    /// Of services[i].servers[j] at [i][j]; 0: it is not checked, or not yet.
    std::vector<std::vector<std::chrono::steady_clock::duration>> check_times;
    bool sync_master = false;
    bool sync_backup = false;
    std::vector<SyncCount> sync{};
};

/// Thread: control.
MetricsSample take_metrics_sample(const MethodContext& context);

}  // namespace shunt::ctl
