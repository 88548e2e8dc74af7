// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A running daemon follows its configuration: what differs from a whole new one is found, and put
// in force in one publication. Thread: control.
#include <string>
#include <vector>

#include "ctl/conn/conn_listing.h"
#include "ctl/methods/config_diff.h"
#include "ctl/rpc/events.h"
#include "ctl/state/app_registry.h"
#include "ctl/state/defence_control.h"
#include "ctl/state/mark_registry.h"
#include "ctl/state/publisher.h"
#include "ctl/state/service_registry.h"
#include "ctl/sync/sync_control.h"

namespace shunt::ctl {

class ConfigControl {
  public:
    /// They outlive this.
    struct Parts {
        ServiceRegistry& registry;
        Publisher& publisher;
        MarkRegistry& marks;
        AppRegistry& apps;
        DefenceControl& defence;
        ConnectionLister& lister;
        EventBus& events;
        SyncControl* sync = nullptr;  ///< null: there are no workers to synchronise
    };

    /// `running`: what the daemon was started with.
    ConfigControl(const Parts& parts, const Config& running, std::vector<std::string> schedulers);

    // Readers of a new configuration. Throw ConfigError.
    [[nodiscard]] Config parse(std::string_view text, const std::string& name,
                               std::span<const ConfigFile> included) const;
    [[nodiscard]] Config read(const boost::json::value& state) const;

    /// What apply() would change.
    [[nodiscard]] ConfigDiff diff(const Config& wanted) const;
    /// Changes all that can change while the daemon runs, in one publication, and gives what that
    /// was; an event tells of it. Servers that stay keep their connections, counts and place.
    /// Throws RpcError, whose path is a key, and has changed nothing then.
    ConfigDiff apply(const Config& wanted);
    /// Applies the file that the daemon was started with as it is now, and writes a line to the
    /// log, whatever the end. Throws RpcError and ConfigError, and has changed nothing then.
    ConfigDiff reload();
    /// What was wrong with the file when it was last applied; empty: nothing.
    [[nodiscard]] const std::string& reload_problem() const noexcept { return reload_problem_; }

    /// As it is configured, whatever the command line adds to it.
    [[nodiscard]] const std::string& log_level() const noexcept { return running_.log_level; }
    [[nodiscard]] std::size_t verbose() const noexcept { return running_.verbose; }
    /// One of log_levels; in force until another one is set, or the file is read again.
    void set_log_level(const std::string& level);

    /// A configuration file that leads to the state of now; an event tells of it.
    [[nodiscard]] std::string save() const;

  private:
    /// The lists of what can change, as they are now.
    struct Lists {
        std::vector<ServiceConfig> services;
        std::vector<AppConfig> apps;
        std::vector<SyncDaemonConfig> sync;
    };
    [[nodiscard]] Lists lists() const;
    /// What can change, as it is now; the lists are the caller's.
    [[nodiscard]] RunningState state(const Lists& lists) const;
    ConfigDiff reload_quietly();
    void reload_failed(std::string reason);

    Parts parts_;
    Config running_;  ///< services, marks and the like as they once were
    std::vector<std::string> schedulers_;
    std::string reload_problem_;
};

}  // namespace shunt::ctl
