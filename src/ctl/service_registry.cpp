// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/service_registry.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <tuple>

#include "sched/registry.h"

namespace shunt::ctl {

namespace {

/// Throws unless one host can have the address.
void check_host(const IpAddress& address, const char* path) {
    if (const auto kind = not_one_host(address))
        throw refused(
            EINVAL,
            to_string(address) + " is " + std::string(*kind) + ", expected the address of one host",
            path);
}

std::string name_of(const ServiceKey& key) {
    return std::string(to_string(key.protocol)) + ' ' + to_string(key.endpoint);
}

}  // namespace

bool ServiceOrder::operator()(const ServiceKey& a, const ServiceKey& b) const noexcept {
    const auto rank = [](const ServiceKey& k) {
        return std::tuple(k.endpoint.address.family(), k.protocol, k.endpoint);
    };
    return rank(a) < rank(b);
}

ServiceRegistry::ServiceRegistry(Publisher& publisher, const std::vector<DestCounters*>& counters,
                                 std::uint32_t slots)
    : publisher_(publisher), slots_(counters, slots) {}

// Changes.

void ServiceRegistry::add_service(const ServiceKey& key, std::string_view scheduler) {
    check(key);
    if (services_.contains(key))
        throw refused(EEXIST, "service " + name_of(key) + " exists already", "service");
    const Service& service = make_service(key, find_scheduler(scheduler));
    publish();
    reconfigure(service);
}

void ServiceRegistry::edit_service(const ServiceKey& key, std::string_view scheduler) {
    Service& service = find(key);
    const Scheduler& wanted = find_scheduler(scheduler);
    if (service.scheduler == &wanted) return;
    service.scheduler = &wanted;
    service.state = std::make_shared<SchedulerState>();
    rebuild(service);
    publish();
    reconfigure(service);
}

void ServiceRegistry::delete_service(const ServiceKey& key) {
    remove_servers(find(key));
    services_.erase(key);
    publish();
}

void ServiceRegistry::flush() {
    if (services_.empty()) return;
    for (auto& [key, service] : services_) remove_servers(service);
    services_.clear();
    publish();
}

void ServiceRegistry::add_server(const ServiceKey& key, const ServerConfig& server) {
    Service& service = find(key);
    if (find(service, server.address) != service.servers.end())
        throw refused(
            EEXIST,
            "server " + to_string(server.address) + " is in service " + name_of(key) + " already",
            "server");
    check(key, server);
    insert_server(service, server);
    rebuild(service);
    publish();
    reconfigure(service);
}

void ServiceRegistry::edit_server(const ServiceKey& key, const ServerConfig& server) {
    Service& service = find(key);
    const auto at = find(service, server.address);
    if (at == service.servers.end())
        throw refused(ENOENT,
                      "server " + to_string(server.address) + " is not in service " + name_of(key),
                      "server");
    check(key, server);
    at->real.weight = server.weight;
    at->real.forward = server.forward;
    auto& slot = slots_[at->real.id];
    slot.weight = server.weight;
    slot.forward = server.forward;
    rebuild(service);
    publish();
    reconfigure(service);
}

void ServiceRegistry::delete_server(const ServiceKey& key, const Endpoint& server) {
    Service& service = find(key);
    const auto at = find(service, server);
    if (at == service.servers.end())
        throw refused(ENOENT, "server " + to_string(server) + " is not in service " + name_of(key),
                      "server");
    remove_server(service, at);
    rebuild(service);
    publish();
    reconfigure(service);
}

void ServiceRegistry::load(std::span<const ServiceConfig> services) {
    if (services.empty()) return;
    check_load(services);
    for (const auto& config : services) {
        Service& service =
            make_service({config.protocol, config.address}, find_scheduler(config.scheduler));
        // Nobody sees the scheduler's state yet; it is led through the same steps as if the servers
        // had been added one by one, for its start depends on them (ipvs-behaviour 4.3).
        reconfigure(service);
        for (const auto& server : config.servers) {
            insert_server(service, server);
            rebuild(service);
            reconfigure(service);
        }
    }
    publish();
}

// Checks.

void ServiceRegistry::check(const ServiceKey& key) {
    if (key.protocol != Protocol::tcp && key.protocol != Protocol::udp)
        throw refused(EINVAL,
                      "protocol " + std::string(to_string(key.protocol)) +
                          " is not supported yet, expected tcp or udp",
                      "service.protocol");
    check_host(key.endpoint.address, "service.address");
    if (key.endpoint.port.value() == 0)
        throw refused(EINVAL,
                      "port 0 (every port) needs persistence, which is not supported yet; expected "
                      "a port 1 to 65535",
                      "service.address");
}

void ServiceRegistry::check(const ServiceKey& key, const ServerConfig& server) {
    const auto& endpoint = server.address;
    if (endpoint.address.family() != key.endpoint.address.family())
        throw refused(EINVAL,
                      "server " + to_string(endpoint) +
                          " is not of the address family of service " + name_of(key),
                      "server.address");
    check_host(endpoint.address, "server.address");
    endpoint.address.visit([&](const auto& a) {
        if (a.is_loopback() || a.is_link_local())
            throw refused(EINVAL,
                          to_string(endpoint.address) + " cannot be reached from a port: it is " +
                              (a.is_loopback() ? "this host's loopback" : "link-local"),
                          "server.address");
    });
    if (endpoint.port.value() == 0)
        throw refused(EINVAL, "port 0 is no port of a server, expected 1 to 65535",
                      "server.address");
    if (server.weight > most_weight)
        throw refused(EINVAL, "a weight is at most " + std::to_string(most_weight), "weight");
}

void ServiceRegistry::check_load(std::span<const ServiceConfig> services) {
    std::set<ServiceKey> keys;
    std::size_t servers = 0;
    for (const auto& config : services) {
        const ServiceKey key{config.protocol, config.address};
        check(key);
        static_cast<void>(find_scheduler(config.scheduler));
        if (services_.contains(key) || !keys.insert(key).second)
            throw refused(EEXIST, "service " + name_of(key) + " exists already", "service");
        std::set<Endpoint> endpoints;
        for (const auto& server : config.servers) {
            check(key, server);
            if (!endpoints.insert(server.address).second)
                throw refused(EEXIST,
                              "server " + to_string(server.address) + " stands twice in service " +
                                  name_of(key),
                              "server");
        }
        servers += config.servers.size();
    }
    if (servers > slots_.free_count())
        throw refused(ENOMEM,
                      std::to_string(servers) + " servers are too many, there is room for " +
                          std::to_string(slots_.free_count()) + " (configuration: servers)",
                      "server");
}

const Scheduler& ServiceRegistry::find_scheduler(std::string_view name) {
    if (const Scheduler* known = shunt::find_scheduler(name)) return *known;
    std::string names;
    for (const auto& s : scheduler_names()) names += (names.empty() ? "" : ", ") + s;
    throw refused(ENOENT,
                  "no scheduler \"" + std::string(name.substr(0, 32)) + "\", there are " + names,
                  "scheduler");
}

ServiceRegistry::Service& ServiceRegistry::find(const ServiceKey& key) {
    const auto at = services_.find(key);
    if (at == services_.end()) throw refused(ESRCH, "no service " + name_of(key), "service");
    return at->second;
}

const ServiceRegistry::Service& ServiceRegistry::find(const ServiceKey& key) const {
    return const_cast<ServiceRegistry*>(this)->find(key);
}

std::vector<ServiceRegistry::Server>::iterator ServiceRegistry::find(Service& service,
                                                                     const Endpoint& endpoint) {
    return std::ranges::find(service.servers, endpoint,
                             [](const Server& s) { return s.real.endpoint; });
}

// The parts of a change.

ServiceRegistry::Service& ServiceRegistry::make_service(const ServiceKey& key,
                                                        const Scheduler& scheduler) {
    Service& service = services_[key];
    service.key = key;
    service.instance = next_instance_++;
    service.scheduler = &scheduler;
    service.state = std::make_shared<SchedulerState>();
    rebuild(service);
    return service;
}

void ServiceRegistry::insert_server(Service& service, const ServerConfig& config) {
    Server server = revive_or_make(service, config.address);
    server.real.sequence = service.next_sequence++;
    server.real.weight = config.weight;
    server.real.forward = config.forward;
    slots_[server.real.id] = {.available = true,
                              .weight = config.weight,
                              .endpoint = config.address,
                              .forward = config.forward,
                              .virtual_address = service.key.endpoint.address,
                              .in_use = true};
    service.servers.insert(service.servers.begin(), std::move(server));
}

ServiceRegistry::Server ServiceRegistry::revive_or_make(const Service& service,
                                                        const Endpoint& endpoint) {
    const auto old = std::ranges::find_if(removed_, [&](const Removed& r) {
        return r.service == service.key && r.server.real.endpoint == endpoint;
    });
    if (old != removed_.end()) {
        Server server = std::move(old->server);
        const Traffic counted = slots_.counted(server.real.id);
        server.rates = RateEstimator(counted);
        if (old->instance != service.instance) server.start = server.zero = counted;
        removed_.erase(old);
        return server;
    }
    if (slots_.free_count() == 0) make_room(0);
    const auto id = slots_.allot();
    if (!id)
        throw refused(ENOMEM, "no slot is left for another server (configuration: servers)", "");
    const Traffic counted = slots_.counted(*id);
    return {.real = {.id = *id, .endpoint = endpoint},
            .start = counted,
            .zero = counted,
            .rates = RateEstimator(counted)};
}

void ServiceRegistry::remove_server(Service& service, std::vector<Server>::iterator server) {
    slots_[server->real.id].available = false;
    removed_.push_back({.server = std::move(*server),
                        .service = service.key,
                        .instance = service.instance,
                        .grace = {},
                        .unreferenced_since = {}});
    service.servers.erase(server);
    if (removed_.size() > most_removed) make_room(most_removed);
}

void ServiceRegistry::remove_servers(Service& service) {
    while (!service.servers.empty()) remove_server(service, service.servers.end() - 1);
}

void ServiceRegistry::rebuild(Service& service) {
    auto next = std::make_shared<VirtualService>();
    next->key = service.key;
    next->scheduler = service.scheduler;
    next->state = service.state;
    next->servers.reserve(service.servers.size());
    for (const auto& server : service.servers) next->servers.push_back(server.real);
    service.published = std::move(next);
}

void ServiceRegistry::reconfigure(const Service& service) {
    service.scheduler->reconfigure(service.published->servers, *service.state);
}

void ServiceRegistry::publish() {
    std::vector<std::shared_ptr<const VirtualService>> all;
    all.reserve(services_.size());
    for (const auto& [key, service] : services_) all.push_back(service.published);
    const auto grace = publisher_.set_services(
        std::make_shared<const ServiceTable>(std::move(all), slots_.table()));
    for (auto r = removed_.rbegin(); r != removed_.rend() && !r->grace; ++r) r->grace = grace;
}

// Removed servers.

bool ServiceRegistry::unreferenced(const Removed& removed) const noexcept {
    // In this order: only after the grace period does the number of connections just fall.
    return removed.grace && publisher_.grace_passed(*removed.grace) &&
           slots_.total(removed.server.real.id) == 0;
}

ServiceRegistry::RemovedList::iterator ServiceRegistry::give_free(RemovedList::iterator removed) {
    const DestId id = removed->server.real.id;
    const auto service = services_.find(removed->service);
    if (service != services_.end() && service->second.instance == removed->instance)
        service->second.retired += slots_.counted(id) - removed->server.start;
    slots_.free(id);
    return removed_.erase(removed);
}

void ServiceRegistry::make_room(std::size_t keep) {
    for (auto r = removed_.begin(); r != removed_.end() && removed_.size() > keep;)
        r = unreferenced(*r) ? give_free(r) : std::next(r);
}

void ServiceRegistry::collect(Clock::time_point now) {
    const auto before = removed_.size();
    for (auto r = removed_.begin(); r != removed_.end();) {
        if (!unreferenced(*r))
            r->unreferenced_since.reset();
        else if (!r->unreferenced_since)
            r->unreferenced_since = now;
        else if (now - *r->unreferenced_since >= keep_removed) {
            r = give_free(r);
            continue;
        }
        ++r;
    }
    if (removed_.size() != before) publish();
}

// Statistics.

ServiceRegistry::CountsByInstance ServiceRegistry::removed_counts() const {
    CountsByInstance counts;
    for (const auto& r : removed_)
        counts[r.instance] += slots_.counted(r.server.real.id) - r.server.start;
    return counts;
}

Traffic ServiceRegistry::counted(const Service& service, const CountsByInstance& removed) const {
    Traffic sum = service.retired;
    for (const auto& server : service.servers) sum += slots_.counted(server.real.id) - server.start;
    if (const auto more = removed.find(service.instance); more != removed.end())
        sum += more->second;
    return sum;
}

void ServiceRegistry::zero() {
    const auto removed = removed_counts();
    for (auto& [key, service] : services_) zero(service, removed);
    zero_ = slots_.counted();
    rates_.clear();
}

void ServiceRegistry::zero(const ServiceKey& key) {
    zero(find(key), removed_counts());
}

void ServiceRegistry::zero(Service& service, const CountsByInstance& removed) {
    for (auto& server : service.servers) {
        server.zero = slots_.counted(server.real.id);
        server.rates.clear();
    }
    service.zero = counted(service, removed);
    service.rates.clear();
}

void ServiceRegistry::estimate() {
    const auto removed = removed_counts();
    for (auto& [key, service] : services_) {
        for (auto& server : service.servers) server.rates.sample(slots_.counted(server.real.id));
        service.rates.sample(counted(service, removed));
    }
    rates_.sample(slots_.counted());
}

std::vector<ServiceView> ServiceRegistry::list() const {
    const auto removed = removed_counts();
    std::vector<ServiceView> views;
    views.reserve(services_.size());
    for (const auto& [key, service] : services_) views.push_back(view(service, removed));
    return views;
}

ServiceView ServiceRegistry::view(const ServiceKey& key) const {
    return view(find(key), removed_counts());
}

ServiceView ServiceRegistry::view(const Service& service, const CountsByInstance& removed) const {
    ServiceView out{.key = service.key,
                    .scheduler = service.scheduler->name(),
                    .stats = {.counts = counted(service, removed) - service.zero,
                              .rates = service.rates.per_second()},
                    .servers = {}};
    out.servers.reserve(service.servers.size());
    for (const auto& server : service.servers) {
        const auto total = slots_.total(server.real.id);
        const auto active = std::min(slots_.active(server.real.id), total);
        out.servers.push_back({.server = server.real,
                               .active = active,
                               .inactive = total - active,
                               .stats = {.counts = slots_.counted(server.real.id) - server.zero,
                                         .rates = server.rates.per_second()}});
    }
    return out;
}

Stats ServiceRegistry::total() const {
    return {.counts = slots_.counted() - zero_, .rates = rates_.per_second()};
}

}  // namespace shunt::ctl
