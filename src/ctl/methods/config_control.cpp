// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/config_control.h"

#include <spdlog/spdlog.h>

#include <cerrno>

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

/// "12 changes; workers, ports: only a restart changes them"
std::string describe(const ConfigDiff& diff) {
    std::string text = std::to_string(diff.size()) + " changes";
    for (const auto& key : diff.needs_restart)
        text += (&key == &diff.needs_restart.front() ? "; only a restart changes: " : ", ") + key;
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

RunningState ConfigControl::state(std::span<const ServiceConfig> services,
                                  std::span<const AppConfig> apps) const {
    return {.services = services,
            .tunables = parts_.publisher.current().tunables,
            .marks = parts_.marks.rules(),
            .apps = apps,
            .ftp = parts_.apps.ftp(),
            .log_level = running_.log_level};
}

ConfigDiff ConfigControl::diff(const Config& wanted) const {
    const auto services = parts_.registry.configuration();
    const auto apps = parts_.apps.configuration();
    return diff_config(state(services, apps), running_, wanted);
}

ConfigDiff ConfigControl::apply(const Config& wanted) {
    ConfigDiff diff = this->diff(wanted);
    if (diff.size() == 0) return diff;
    auto marks = prepare_marks(parts_.marks, wanted);
    const auto apps = prepare_apps(parts_.apps, wanted);
    Publisher::Changes others{.tunables = wanted.tunables, .apps = apps.table};
    if (diff.marks_differ) others.marks = marks.built;
    parts_.registry.apply(diff.services, std::move(others));
    if (diff.marks_differ) parts_.marks.accept(std::move(marks));
    parts_.apps.accept(apps);
    if (running_.log_level != wanted.log_level) {
        running_.log_level = wanted.log_level;
        spdlog::set_level(spdlog::level::from_str(wanted.log_level));
    }
    parts_.defence.update();
    if (diff.removes_servers()) end_orphans(parts_.publisher, parts_.lister);
    parts_.events.publish(EventKind::config_applied,
                          {{"changes", diff.size()}, {"services", parts_.registry.services()}});
    return diff;
}

ConfigDiff ConfigControl::reload() {
    try {
        ConfigDiff diff = reload_quietly();
        spdlog::log(diff.needs_restart.empty() ? spdlog::level::info : spdlog::level::warn,
                    "reload: {}: {}", running_.file, describe(diff));
        return diff;
    } catch (const ConfigError& error) {
        spdlog::error("reload: nothing has changed: {}", error.what());
        throw;
    } catch (const RpcError& error) {
        spdlog::error("reload: nothing has changed: {}: {}: {}", running_.file, error.path(),
                      error.what());
        throw;
    }
}

ConfigDiff ConfigControl::reload_quietly() {
    if (running_.file.empty())
        throw refused(ENOENT, "the daemon was not started with a configuration file", "");
    return apply(load_config(running_.file, schedulers_));
}

std::string ConfigControl::save() const {
    const auto services = parts_.registry.configuration();
    const auto apps = parts_.apps.configuration();
    std::string text = write_config(running_.source, state(services, apps));
    parts_.events.publish(EventKind::config_saved, {{"services", services.size()}});
    return text;
}

}  // namespace shunt::ctl
