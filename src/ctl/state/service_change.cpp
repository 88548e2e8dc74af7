// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/service_change.h"

#include <algorithm>
#include <unordered_map>

#include "ctl/state/service_registry.h"

namespace shunt::ctl {

namespace {

/// As the registry says it: by the rules for ports, and with the tunnel that holds.
ServerConfig as_listed(const ServiceKey& key, const ServerConfig& given) {
    ServerConfig server = kept(key, given);
    if (server.forward == ForwardMethod::tunnel && !server.tunnel) server.tunnel.emplace();
    return server;
}

/// Finds what has a key among many.
template <class T, class Key>
class Index {
  public:
    Index(std::span<const T> all, Key key) : key_(key) {
        sorted_.reserve(all.size());
        for (const T& each : all) sorted_.push_back(&each);
        std::ranges::sort(sorted_, {}, [key](const T* each) { return key(*each); });
    }
    [[nodiscard]] const T* find(const auto& wanted) const {
        const auto by = [this](const T* each) { return key_(*each); };
        const auto at = std::ranges::lower_bound(sorted_, wanted, {}, by);
        return at != sorted_.end() && by(*at) == wanted ? *at : nullptr;
    }

  private:
    Key key_;
    std::vector<const T*> sorted_;
};

constexpr auto key_of = [](const ServiceConfig& service) { return service.key; };
constexpr auto address_of = [](const ServerConfig& server) { return server.address; };

std::vector<ServerChange> diff_servers(const ServiceKey& key, std::span<const ServerConfig> now,
                                       std::span<const ServerConfig> given) {
    std::vector<ServerConfig> wanted;
    wanted.reserve(given.size());
    for (const auto& server : given) wanted.push_back(as_listed(key, server));
    std::vector<ServerChange> changes;
    if (std::ranges::equal(now, wanted)) return changes;
    const Index in_now(now, address_of);
    const Index in_wanted(std::span<const ServerConfig>(wanted), address_of);
    for (const auto& server : now)
        if (in_wanted.find(server.address) == nullptr) changes.push_back({server, {}});
    for (const auto& server : wanted) {
        const auto* before = in_now.find(server.address);
        if (before == nullptr)
            changes.push_back({{}, server});
        else if (*before != server)
            changes.push_back({*before, server});
    }
    return changes;
}

ServiceChange removal(const ServiceConfig& service) {
    ServiceChange change{
        .key = service.key, .before = service.settings, .after = {}, .servers = {}};
    for (const auto& server : service.servers) change.servers.push_back({server, {}});
    return change;
}

ServiceChange addition(const ServiceConfig& service) {
    ServiceChange change{.key = service.key,
                         .before = {},
                         .after = whole(service.key, service.settings),
                         .servers = {}};
    change.servers.reserve(service.servers.size());
    for (const auto& server : service.servers)
        change.servers.push_back({{}, as_listed(service.key, server)});
    return change;
}

}  // namespace

std::vector<ServiceChange> diff_services(std::span<const ServiceConfig> now,
                                         std::span<const ServiceConfig> wanted) {
    std::vector<ServiceChange> changes;
    const Index in_now(now, key_of);
    const Index in_wanted(wanted, key_of);
    for (const auto& service : now)
        if (in_wanted.find(service.key) == nullptr) changes.push_back(removal(service));
    for (const auto& service : wanted) {
        const auto* before = in_now.find(service.key);
        if (before == nullptr) {
            changes.push_back(addition(service));
            continue;
        }
        ServiceChange change{
            .key = service.key,
            .before = before->settings,
            .after = whole(service.key, service.settings),
            .servers = diff_servers(service.key, before->servers, service.servers)};
        if (change.before != change.after || !change.servers.empty())
            changes.push_back(std::move(change));
    }
    return changes;
}

}  // namespace shunt::ctl
