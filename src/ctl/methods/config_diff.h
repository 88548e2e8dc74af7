// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a new configuration changes in a running daemon, as data. Thread: any.
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "app/app_table.h"
#include "ctl/config/config.h"
#include "ctl/config/config_writer.h"
#include "ctl/state/service_change.h"

namespace shunt::ctl {

/// A key outside of lists, with its values as JSON.
struct ValueChange {
    std::string key;  ///< "tunables.sloppy_tcp"
    boost::json::value before;
    boost::json::value after;
};

struct ConfigDiff {
    std::vector<ServiceChange> services;
    std::vector<ValueChange> values;
    std::vector<AppTable::Incarnation> apps_removed;
    std::vector<AppTable::Incarnation> apps_added;
    bool marks_differ = false;
    std::vector<MarkConfig> marks_before;  ///< when they differ
    std::vector<MarkConfig> marks_after;
    bool sync_differs = false;
    std::vector<SyncDaemonConfig> sync_before;  ///< when it differs
    std::vector<SyncDaemonConfig> sync_after;
    std::vector<std::string> needs_restart;  ///< keys that stay as they are until then

    /// Things that change at once: services, servers, values, applications; all marks are one,
    /// and so are the sync daemons.
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] bool removes_servers() const noexcept;
};

/// `running`: what the daemon was started with; `now`: what holds of that which can change.
[[nodiscard]] ConfigDiff diff_config(const RunningState& now, const Config& running,
                                     const Config& wanted);

/// As config.diff answers (docs/protocol.md).
/// `most_rows`: of services and servers; its "left_out" is how many more differ.
[[nodiscard]] boost::json::object to_json(const ConfigDiff& diff, std::size_t most_rows = SIZE_MAX);

/// How the running daemon takes a change of a key.
enum class KeyChange : std::uint8_t { at_once, with_restart };
/// `key` as ConfigKey::name has it; nothing for one that nobody thought of.
[[nodiscard]] std::optional<KeyChange> change_of(std::string_view key);

}  // namespace shunt::ctl
