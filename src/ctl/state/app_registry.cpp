// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/app_registry.h"

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "ctl/config/config_text.h"
#include "ctl/rpc/rpc_error.h"

namespace shunt::ctl {

static_assert(AppConfig::most_ports * app_kinds.size() <= AppTable::most_incarnations);

namespace {

AppKind app_of(std::string_view name) {
    if (const auto app = app_named(name)) return *app;
    throw refused(ENOENT, "no application " + quote(std::string(name)) + "; there are ftp and tftp",
                  "name");
}

std::string words(AppKind app, L4Port port) {
    return std::string(name(app)) + " on port " + std::to_string(port.value());
}

}  // namespace

AppRegistry::AppRegistry(Publisher& publisher, Bound bound, const FtpOptions& ftp)
    : publisher_(publisher), bound_(std::move(bound)), ftp_(ftp) {}

std::vector<AppTable::Incarnation> incarnations_of(std::span<const AppConfig> apps) {
    std::vector<AppTable::Incarnation> all;
    for (const AppConfig& config : apps) {
        for (const L4Port port : config.ports) all.push_back({config.app, port});
        if (config.ports.empty()) all.push_back({config.app, usual_port(config.app)});
    }
    return all;
}

void AppRegistry::load(std::span<const AppConfig> apps) {
    AppTable::Incarnations all{};
    for (const auto& wanted : incarnations_of(apps)) insert(all, wanted.app, wanted.port);
    publish(all);
}

AppRegistry::Prepared AppRegistry::prepare(std::span<const AppConfig> apps,
                                           const FtpOptions& ftp) const {
    const auto wanted = incarnations_of(apps);
    AppTable::Incarnations all = incarnations_;
    for (auto& at : all)
        if (std::ranges::find(wanted, at) == wanted.end()) at = {};
    for (const auto& each : wanted)
        if (std::ranges::find(all, each) == all.end()) insert(all, each.app, each.port);
    const bool none = all == AppTable::Incarnations{};
    return {all, ftp, none ? nullptr : std::make_shared<const AppTable>(all, ftp)};
}

void AppRegistry::accept(const Prepared& prepared) noexcept {
    incarnations_ = prepared.incarnations;
    ftp_ = prepared.ftp;
}

void AppRegistry::add(std::string_view name, std::optional<L4Port> port) {
    const AppKind app = app_of(name);
    AppTable::Incarnations all = incarnations_;
    insert(all, app, port.value_or(usual_port(app)));
    publish(all);
}

void AppRegistry::remove(std::string_view name, std::optional<L4Port> port) {
    const AppKind app = app_of(name);
    AppTable::Incarnations all = incarnations_;
    bool found = false;
    for (auto& at : all) {
        if (at.app != app || (port && at.port != *port)) continue;
        at = {};
        found = true;
    }
    if (!found)
        throw refused(ENOENT,
                      (port ? words(app, *port) : std::string(shunt::name(app))) + " is not loaded",
                      port ? "port" : "name");
    publish(all);
}

/// A slot may not mean another incarnation while connections are counted there.
void AppRegistry::insert(AppTable::Incarnations& all, AppKind app, L4Port port) const {
    if (std::ranges::find(all, AppTable::Incarnation{app, port}) != all.end())
        throw refused(EEXIST, words(app, port) + " is loaded already", "port");
    const auto of_app = std::ranges::count(all, app, &AppTable::Incarnation::app);
    if (of_app >= static_cast<std::ptrdiff_t>(AppConfig::most_ports))
        throw refused(ENOSPC,
                      std::string(name(app)) + " has " + std::to_string(AppConfig::most_ports) +
                          " ports, and cannot have more",
                      "port");
    for (std::size_t slot = 0; slot < all.size(); ++slot) {
        if (all[slot].app != AppKind::none || bound_(static_cast<AppTable::Slot>(slot)) != 0)
            continue;
        all[slot] = {app, port};
        return;
    }
    throw refused(ENOSPC, "connections of removed applications take all places", "port");
}

void AppRegistry::publish(const AppTable::Incarnations& all) {
    const bool none = all == AppTable::Incarnations{};
    publisher_.set_apps(none ? nullptr : std::make_shared<const AppTable>(all, ftp_));
    incarnations_ = all;
}

std::vector<AppRegistry::Row> AppRegistry::list() const {
    std::vector<Row> rows;
    for (std::size_t slot = 0; slot < incarnations_.size(); ++slot) {
        const auto& at = incarnations_[slot];
        if (at.app != AppKind::none)
            rows.push_back({at.app, at.port, bound_(static_cast<AppTable::Slot>(slot))});
    }
    std::ranges::sort(rows, {},
                      [](const Row& row) { return std::tuple(row.app, row.port.value()); });
    return rows;
}

std::vector<AppConfig> AppRegistry::configuration() const {
    std::vector<AppConfig> all;
    for (const Row& row : list()) {
        if (all.empty() || all.back().app != row.app) all.push_back({.app = row.app, .ports = {}});
        all.back().ports.push_back(row.port);
    }
    return all;
}

}  // namespace shunt::ctl
