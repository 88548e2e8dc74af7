// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The state of a running daemon as a configuration file that loads to the same.
#include <span>
#include <string>
#include <string_view>

#include "ctl/config/config.h"

namespace shunt::ctl {

/// What the operator changes while the daemon runs.
struct RunningState {
    std::span<const ServiceConfig> services;
    const Tunables& tunables;
    std::span<const MarkConfig> marks;
    std::span<const AppConfig> apps;
    std::span<const SyncDaemonConfig> sync{};
    FtpOptions ftp{};
    std::string_view log_level = "info";
};

/// `source`: the text that the daemon was started with (Config::source). What it says of services,
/// tunables, timeouts, marks, applications, sync, ftp and log gives way to `state`; everything else
/// is repeated, without its comments. What has its default is left out. Throws std::bad_alloc.
/// Thread: any.
[[nodiscard]] std::string write_config(const std::string& source, const RunningState& state);

}  // namespace shunt::ctl
