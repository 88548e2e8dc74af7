// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The methods that members of `socket.readers` may call: those that change nothing. One that is not
// in this list needs the right to change, so a new method is closed until it is entered here.
#include <algorithm>
#include <array>
#include <string_view>

#include "ctl/rpc/access.h"

namespace shunt::ctl {

inline constexpr auto reading_methods = std::to_array<std::string_view>({
    "app.list",           "config.check",   "config.diff",  "config.save",  "conn.count",
    "conn.find",          "conn.list",      "dest.list",    "drop.list",    "events.subscribe",
    "events.unsubscribe", "log.get",        "explain",      "health.list",  "mark.list",
    "port.list",          "scheduler.list", "service.list", "stats.get",    "status.get",
    "sync.status",        "timeout.get",    "tunable.get",  "tunable.list", "worker.list",
});

constexpr Access access_needed(std::string_view method) noexcept {
    return std::ranges::find(reading_methods, method) != reading_methods.end() ? Access::read
                                                                               : Access::change;
}

/// Is the call logged? Those that change something are. Of a capture and a trace, which show what
/// packets hold, the beginning is; their reading comes many times a second.
constexpr bool is_audited(std::string_view method) noexcept {
    return access_needed(method) == Access::change && method != "capture.read" &&
           method != "trace.read";
}

}  // namespace shunt::ctl
