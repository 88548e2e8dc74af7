// SPDX-License-Identifier: BSD-3-Clause
// ServiceRegistry: what servers are held for, by their checks and by the operator, and what follows
// from it for their weights.
#include <algorithm>
#include <cerrno>

#include "ctl/state/service_registry.h"

namespace shunt::ctl {

namespace {

/// Would it get no new connections, were there others?
bool is_down(const HealthState& state) {
    return state.health() == Health::down;
}

/// Of one service.
using Found = std::map<Endpoint, Health>;

std::map<ServiceKey, Found, ServiceOrder> by_service(std::span<const HealthChange> changes) {
    std::map<ServiceKey, Found, ServiceOrder> all;
    for (const auto& change : changes)
        all[change.service].insert_or_assign(change.server, change.health);
    return all;
}

}  // namespace

void ServiceRegistry::set_health(std::span<const HealthChange> changes) {
    std::vector<const Service*> changed;
    for (const auto& [key, found] : by_service(changes)) {
        const auto at = services_.find(key);
        if (at == services_.end() || !at->second.settings.check) continue;
        bool differs = false;
        for (Server& server : at->second.servers) {
            const auto health = found.find(server.real.endpoint);
            if (health == found.end() || server.health.checked == health->second) continue;
            server.health.checked = health->second;
            differs = true;
        }
        if (!differs) continue;
        rebuild(at->second);
        changed.push_back(&at->second);
    }
    if (changed.empty()) return;
    publish();
    for (const Service* service : changed) reconfigure(*service);
}

void ServiceRegistry::force_health(const ServiceKey& key, const Endpoint& endpoint, Forced forced) {
    Service& service = find(key);
    const auto server = find(service, endpoint);
    if (server == service.servers.end())
        throw refused(ENOENT,
                      "server " + to_string(endpoint) + " is not in service " + name_of(key),
                      "server");
    if (server->health.forced == forced) return;
    server->health.forced = forced;
    rebuild(service);
    publish();
    reconfigure(service);
}

/// "use_all" counts what the checks say as nothing, but not what the operator says.
void ServiceRegistry::decide_health(Service& service) {
    const auto& check = service.settings.check;
    const bool use_all = check && check->all_down == AllDown::use_all &&
                         std::ranges::all_of(service.servers, [](const Server& server) {
                             return server.real.weight == 0 || is_down(server.health);
                         });
    for (Server& server : service.servers) {
        HealthState& state = server.health;
        const bool out = is_down(state) && (state.forced == Forced::down || !use_all);
        if (out == state.out) continue;
        state.out = out;
        start_slowly(service, server, 0);
    }
}

void ServiceRegistry::take_check(Service& service, const std::optional<HealthCheck>& before) {
    const auto& check = service.settings.check;
    if (check.has_value() == before.has_value()) return;
    // What serves already is not taken out before a check says so, whatever is said of new ones.
    for (Server& server : service.servers)
        server.health.checked = check ? Health::up : Health::unchecked;
}

void ServiceRegistry::quiesce(const Service& service, std::span<RealServer> servers) {
    for (std::size_t i = 0; i < servers.size(); ++i) {
        const Server& server = service.servers[i];
        if (server.health.out) servers[i].weight = 0;
        const std::uint32_t weight = server.health.out ? 0 : server.real.weight;
        if (slots_[server.real.id].weight != weight) slots_.edit(server.real.id).weight = weight;
    }
}

ServiceHealth ServiceRegistry::health(const Service& service) {
    ServiceHealth health{.key = service.key, .check = service.settings.check, .servers = {}};
    health.servers.reserve(service.servers.size());
    for (const Server& server : service.servers)
        health.servers.push_back({server.real.endpoint, server.real.weight, server.health});
    return health;
}

std::optional<ServiceHealth> ServiceRegistry::health(const ServiceKey& key) const {
    const auto at = services_.find(key);
    return at == services_.end() ? std::nullopt : std::optional(health(at->second));
}

std::vector<ServiceHealth> ServiceRegistry::health_list(const std::optional<ServiceKey>& after,
                                                        std::size_t most) const {
    const auto tells = [](const Service& service) {
        return service.settings.check ||
               std::ranges::any_of(service.servers, [](const Server& server) {
                   return server.health.forced != Forced::automatic;
               });
    };
    std::vector<ServiceHealth> all;
    auto next = after ? services_.upper_bound(*after) : services_.begin();
    for (; next != services_.end() && all.size() < most; ++next)
        if (tells(next->second)) all.push_back(health(next->second));
    return all;
}

}  // namespace shunt::ctl
