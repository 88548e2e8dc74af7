// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/service_watch.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <span>
#include <utility>

#include "ctl/methods/rpc_write.h"

namespace shunt::ctl {

namespace {

bool same(const ServerConfig& a, const ServerConfig& b) {
    return a.address == b.address && a.forward == b.forward && a.tunnel == b.tunnel &&
           a.weight == b.weight && a.thresholds == b.thresholds;
}

using Servers = std::span<const ServerConfig>;

/// Takes off what is the same at both ends of the lists: most often one server differs.
void trim(Servers& a, Servers& b) {
    while (!a.empty() && !b.empty() && same(a.front(), b.front())) {
        a = a.subspan(1);
        b = b.subspan(1);
    }
    while (!a.empty() && !b.empty() && same(a.back(), b.back())) {
        a = a.first(a.size() - 1);
        b = b.first(b.size() - 1);
    }
}

std::map<Endpoint, const ServerConfig*> by_address(Servers servers) {
    std::map<Endpoint, const ServerConfig*> all;
    for (const ServerConfig& server : servers) all.emplace(server.address, &server);
    return all;
}

}  // namespace

ServiceWatch::ServiceWatch(boost::asio::io_context& io, ServiceRegistry& registry, EventBus& events)
    : io_(io), registry_(registry), events_(events) {
    for (ServiceConfig& service : registry.configuration())
        known_.emplace(service.key, std::move(service));
    registry.on_change([this](const std::set<ServiceKey>& keys) { changed(keys); });
}

void ServiceWatch::changed(const std::set<ServiceKey>& keys) {
    const bool asked = !changed_.empty();
    changed_.insert(keys.begin(), keys.end());
    if (asked || changed_.empty()) return;
    boost::asio::post(io_, [this, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) tell();
    });
}

void ServiceWatch::tell() {
    for (const ServiceKey& key : std::exchange(changed_, {})) tell(key);
}

void ServiceWatch::tell(const ServiceKey& key) {
    auto now = registry_.configuration(key);
    const auto at = known_.find(key);
    if (!now) {
        if (at == known_.end()) return;
        tell(EventKind::service_deleted, at->second);
        known_.erase(at);
    } else if (at == known_.end()) {
        tell(EventKind::service_added, *now);
        known_.emplace(key, std::move(*now));
    } else {
        tell(at->second, *now);
        at->second = std::move(*now);
    }
}

void ServiceWatch::tell(const ServiceConfig& before, const ServiceConfig& now) {
    if (before.settings != now.settings) tell(EventKind::service_edited, now);
    Servers old_ones = before.servers;
    Servers new_ones = now.servers;
    trim(old_ones, new_ones);
    const auto known = by_address(old_ones);
    const auto there = by_address(new_ones);
    for (const auto& [address, server] : known)
        if (!there.contains(address)) tell(EventKind::server_deleted, now, *server);
    for (const auto& [address, server] : there) {
        const auto at = known.find(address);
        if (at == known.end()) {
            tell(EventKind::server_added, now, *server);
            continue;
        }
        ServerConfig was = *at->second;
        if ((was.weight == 0) != (server->weight == 0)) {
            tell(server->weight == 0 ? EventKind::server_down : EventKind::server_up, now, *server);
            was.weight = server->weight;
        }
        if (!same(was, *server)) tell(EventKind::server_edited, now, *server);
    }
}

void ServiceWatch::tell(EventKind kind, const ServiceConfig& service) {
    events_.publish(kind, {{"service", to_json(service.key)},
                           {"scheduler", service.settings.scheduler},
                           {"servers", service.servers.size()}});
}

void ServiceWatch::tell(EventKind kind, const ServiceConfig& service, const ServerConfig& server) {
    events_.publish(kind, {{"service", to_json(service.key)},
                           {"server", {{"address", to_string(server.address)}}},
                           {"weight", server.weight}});
}

}  // namespace shunt::ctl
