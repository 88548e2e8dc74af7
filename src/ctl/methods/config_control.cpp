// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/config_control.h"

#include <cerrno>

#include "ctl/log/log_line.h"
#include "ctl/log/log_setup.h"
#include "ctl/methods/conn_methods.h"

namespace shunt::ctl {

namespace {

/// What the registry blames on a parameter of mark.set is here a key.
MarkRegistry::Prepared prepare_marks(const MarkRegistry& marks, const Config& wanted) {
    try {
        return marks.prepare(wanted.marks);
    } catch (const RpcError& error) {
        auto path = error.path();
        if (path.starts_with("rules")) path.replace(0, 5, "marks");
        throw RpcError(error.code(), error.what(), path, error.error_number());
    }
}

AppRegistry::Prepared prepare_apps(const AppRegistry& apps, const Config& wanted) {
    try {
        return apps.prepare(wanted.apps, wanted.ftp);
    } catch (const RpcError& error) {
        throw RpcError(error.code(), error.what(), "apps", error.error_number());
    }
}

/// "workers,ports"
std::string joined(const std::vector<std::string>& keys) {
    std::string text;
    for (const auto& key : keys) text += (text.empty() ? "" : ",") + key;
    return text;
}

}  // namespace

ConfigControl::ConfigControl(const Parts& parts, const Config& running,
                             std::vector<std::string> schedulers)
    : parts_(parts), running_(running), schedulers_(std::move(schedulers)) {
    running_.services.clear();  // they may be many
}

Config ConfigControl::parse(std::string_view text, const std::string& name,
                            std::span<const ConfigFile> included) const {
    return parse_config(text, name, schedulers_, included);
}

Config ConfigControl::read(const boost::json::value& state) const {
    return read_state(state, running_, schedulers_);
}

ConfigControl::Lists ConfigControl::lists() const {
    return {.services = parts_.registry.configuration(),
            .apps = parts_.apps.configuration(),
            .sync = parts_.sync == nullptr ? running_.sync : parts_.sync->configuration()};
}

RunningState ConfigControl::state(const Lists& lists) const {
    return {.services = lists.services,
            .tunables = parts_.publisher.current().tunables,
            .marks = parts_.marks.rules(),
            .apps = lists.apps,
            .sync = lists.sync,
            .ftp = parts_.apps.ftp(),
            .log_level = running_.log_level};
}

ConfigDiff ConfigControl::diff(const Config& wanted) const {
    const Lists now = lists();
    return diff_config(state(now), running_, wanted);
}

ConfigDiff ConfigControl::apply(const Config& wanted) {
    ConfigDiff diff = this->diff(wanted);
    if (diff.size() == 0) return diff;
    auto marks = prepare_marks(parts_.marks, wanted);
    const auto apps = prepare_apps(parts_.apps, wanted);
    SyncControl::Prepared sync;
    if (parts_.sync != nullptr && diff.sync_differs) sync = parts_.sync->prepare(wanted.sync);
    Publisher::Changes others{.tunables = wanted.tunables, .apps = apps.table};
    if (diff.marks_differ) others.marks = marks.built;
    parts_.registry.apply(diff.services, std::move(others));
    if (diff.marks_differ) parts_.marks.accept(std::move(marks));
    parts_.apps.accept(apps);
    if (parts_.sync != nullptr && diff.sync_differs) parts_.sync->accept(sync);
    set_log_level(wanted.log_level);
    parts_.defence.update();
    if (diff.removes_servers()) end_orphans(parts_.publisher, parts_.lister);
    parts_.events.publish(EventKind::config_applied,
                          {{"changes", diff.size()}, {"services", parts_.registry.services()}});
    return diff;
}

void ConfigControl::set_log_level(const std::string& level) {
    if (running_.log_level == level) return;
    running_.log_level = level;
    ctl::set_log_level(level, running_.verbose);
}

ConfigDiff ConfigControl::reload() {
    try {
        ConfigDiff diff = reload_quietly();
        write_log(diff.needs_restart.empty() ? spdlog::level::info : spdlog::level::warn, "reload",
                  {{"file", running_.file},
                   {"changes", diff.size()},
                   {"needs_restart", joined(diff.needs_restart)}});
        reload_problem_.clear();
        return diff;
    } catch (const ConfigError& error) {
        reload_failed(error.what());
        throw;
    } catch (const RpcError& error) {
        std::string place;
        for (const std::string& part : {running_.file, error.path()})
            if (!part.empty()) place += part + ": ";
        reload_failed(place + error.what());
        throw;
    }
}

void ConfigControl::reload_failed(std::string reason) {
    write_log(spdlog::level::err, "reload_refused", {{"reason", reason}});
    reload_problem_ = std::move(reason);
}

ConfigDiff ConfigControl::reload_quietly() {
    if (running_.file.empty())
        throw refused(ENOENT, "the daemon was not started with a configuration file", "");
    return apply(load_config(running_.file, schedulers_));
}

std::string ConfigControl::save() const {
    const Lists now = lists();
    std::string text = write_config(running_.source, state(now));
    parts_.events.publish(EventKind::config_saved, {{"services", now.services.size()}});
    return text;
}

}  // namespace shunt::ctl
