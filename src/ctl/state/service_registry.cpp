// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/service_registry.h"

#include <algorithm>
#include <cerrno>
#include <random>
#include <set>
#include <tuple>
#include <utility>

#include "sched/registry.h"

namespace shunt::ctl {

namespace {

/// Throws when there is a problem; `path` gives the parameter for a field.
template <class PathOf>
void refuse(const std::optional<Problem>& found, PathOf path) {
    if (found) throw refused(found->error_number, found->why, path(found->field));
}

/// Of whole() settings.
std::optional<Persistence> persistence_of(const ServiceSettings& settings) {
    if (!settings.persistence) return std::nullopt;
    const std::chrono::duration<std::uint32_t> timeout(
        static_cast<std::uint32_t>(settings.persistence->timeout.count()));
    return Persistence{.timeout = timeout,
                       .granularity = settings.persistence->granularity.value(),
                       .engine = settings.persistence->engine};
}

/// Do connections go to other ports of servers than theirs (ipvs-behaviour 5.3 step 4)?
bool uses_any_port(const ServiceKey& key, const ServiceSettings& settings) {
    return settings.persistence &&
           (key.mark != Mark{} || key.endpoint.port == L4Port{} || key.endpoint.port == ftp_port);
}

/// The scheduler's table for `next`: the one of the version before when they are the same.
std::shared_ptr<const SchedulerTable> table_for(const VirtualService& next,
                                                const VirtualService* before) {
    auto table = next.scheduler->build(next.servers, next.scheduler_options);
    if (table && before != nullptr && before->table && *before->table == *table)
        return before->table;
    return table;
}

ServerConfig config_of(const RealServer& server) {
    ServerConfig config{.address = server.endpoint,
                        .forward = server.forward,
                        .weight = server.weight,
                        .thresholds = server.thresholds};
    if (server.forward == ForwardMethod::tunnel) config.tunnel = server.tunnel;
    return config;
}

/// The port of a server may not be the one that was asked for.
RpcError no_server(const ServiceKey& key, const Endpoint& asked, const Endpoint& looked_for) {
    auto sentence = "server " + to_string(looked_for) + " is not in service " + name_of(key);
    if (asked != looked_for) sentence += "; only with nat it has a port of its own";
    return refused(ENOENT, sentence, "server");
}

}  // namespace

bool ServiceOrder::operator()(const ServiceKey& a, const ServiceKey& b) const noexcept {
    const auto rank = [](const ServiceKey& k) {
        return std::tuple(k.mark, k.endpoint.address.family(), k.protocol, k.endpoint);
    };
    return rank(a) < rank(b);
}

ServiceRegistry::ServiceRegistry(Publisher& publisher, const std::vector<DestCounters*>& counters,
                                 std::uint32_t slots, AffinityTable* affinity,
                                 OverloadTable* overload)
    : publisher_(publisher), affinity_(affinity), overload_(overload), slots_(counters, slots) {}

// Changes.

void ServiceRegistry::add_service(const ServiceKey& key, const ServiceSettings& settings) {
    check(key, settings);
    prepare_engine(settings);
    if (services_.contains(key))
        throw refused(EEXIST, "service " + name_of(key) + " exists already", "service");
    const Scheduler& scheduler = find_scheduler(settings.scheduler);
    const Service& service = make_service(key, settings, scheduler, make_state(scheduler));
    publish();
    reconfigure(service);
}

void ServiceRegistry::edit_service(const ServiceKey& key, const ServiceSettings& settings) {
    Service& service = find(key);
    check(key, settings);
    prepare_engine(settings);
    const Scheduler& wanted = find_scheduler(settings.scheduler);
    const bool rescheduled = service.scheduler != &wanted;
    ServiceSettings next = whole(key, settings);
    if (service.settings == next) return;
    check_room(wanted, next.scheduler_options, service.servers.size());
    take_settings(service, std::move(next), wanted, rescheduled ? make_state(wanted) : nullptr);
    rebuild(service);
    publish();
    if (rescheduled) reconfigure(service);
}

void ServiceRegistry::delete_service(const ServiceKey& key) {
    remove_servers(find(key));
    services_.erase(key);
    changed_.insert(key);
    publish();
}

void ServiceRegistry::flush() {
    if (services_.empty()) return;
    for (auto& [key, service] : services_) {
        remove_servers(service);
        changed_.insert(key);
    }
    services_.clear();
    publish();
}

void ServiceRegistry::add_server(const ServiceKey& key, const ServerConfig& given) {
    Service& service = find(key);
    const ServerConfig server = kept(key, given);
    if (find(service, server.address) != service.servers.end())
        throw refused(
            EEXIST,
            "server " + to_string(server.address) + " is in service " + name_of(key) + " already",
            "server");
    check(key, server);
    check_room(*service.scheduler, service.settings.scheduler_options, service.servers.size() + 1);
    service.servers.insert(service.servers.begin(), make_server(service, server));
    start_slowly(service, service.servers.front(), 0);
    rebuild(service);
    publish();
    reconfigure(service);
}

void ServiceRegistry::edit_server(const ServiceKey& key, const ServerConfig& given) {
    Service& service = find(key);
    const ServerConfig server = kept(key, given);
    const auto at = find(service, server.address);
    if (at == service.servers.end()) throw no_server(key, given.address, server.address);
    check(key, server);
    const std::uint32_t weight = at->real.weight;
    configure(service, at->real, server);
    start_slowly(service, *at, weight);
    rebuild(service);
    publish();
    reconfigure(service);
}

void ServiceRegistry::delete_server(const ServiceKey& key, const Endpoint& server) {
    Service& service = find(key);
    const auto at = find(service, server);
    if (at == service.servers.end()) throw no_server(key, server, server);
    remove_server(service, at);
    rebuild(service);
    publish();
    reconfigure(service);
}

void ServiceRegistry::load(std::span<const ServiceConfig> services) {
    if (services.empty()) return;
    check_load(services);
    for (const auto& config : services) {
        const Scheduler& scheduler = find_scheduler(config.settings.scheduler);
        Service& service =
            make_service(config.key, config.settings, scheduler, make_state(scheduler));
        service.servers.reserve(config.servers.size());
        for (const auto& server : config.servers)
            service.servers.push_back(make_server(service, kept(config.key, server)));
        std::ranges::reverse(service.servers);
        rebuild(service);
        lead_through(service);
    }
    publish();
}

// Checks.

void ServiceRegistry::check(const ServiceKey& key, const ServiceSettings& settings) {
    refuse(problem(key, settings), [](const std::string& field) {
        if (field == "one_packet") return std::string("flags");
        if (field == "persistence") return std::string("persistence.timeout");
        if (is_scheduler_option(field) || field.starts_with("check.")) return field;
        return (field == "granularity" ? "persistence." : "service.") + field;
    });
}

void ServiceRegistry::check(const ServiceKey& key, const ServerConfig& server) {
    refuse(problem(key, server),
           [](const std::string& field) { return field == "address" ? "server.address" : field; });
}

void ServiceRegistry::prepare_engine(const ServiceSettings& settings) {
    if (affinity_ == nullptr || !settings.persistence ||
        settings.persistence->engine == PersistenceEngine::none)
        return;
    try {
        affinity_->prepare_engine_data();
    } catch (const std::bad_alloc&) {
        throw refused(ENOMEM, "no memory for what a persistence engine keeps", "engine");
    }
}

void ServiceRegistry::check_room(const Scheduler& scheduler, const SchedulerOptions& options,
                                 std::size_t servers) {
    const std::size_t most = scheduler.most_servers(options);
    if (servers > most)
        throw refused(EINVAL,
                      "scheduler " + std::string(scheduler.name()) + " has room for " +
                          std::to_string(most) + " servers",
                      "scheduler");
}

void ServiceRegistry::check_load(std::span<const ServiceConfig> services) {
    std::set<ServiceKey> keys;
    std::size_t servers = 0;
    for (const auto& config : services) {
        const ServiceKey& key = config.key;
        check(key, config.settings);
        prepare_engine(config.settings);
        check_room(find_scheduler(config.settings.scheduler), config.settings.scheduler_options,
                   config.servers.size());
        if (services_.contains(key) || !keys.insert(key).second)
            throw refused(EEXIST, "service " + name_of(key) + " exists already", "service");
        std::set<Endpoint> endpoints;
        for (const auto& given : config.servers) {
            const ServerConfig server = kept(key, given);
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

std::shared_ptr<SchedulerState> ServiceRegistry::make_state(const Scheduler& scheduler) {
    // The device itself is slow where a thousand services come at once.
    static std::mt19937_64 seeds = [] {
        std::random_device random;
        std::seed_seq words{random(), random(), random(), random()};
        return std::mt19937_64(words);
    }();
    try {
        auto state = std::make_shared<SchedulerState>();
        state->memory = scheduler.make_memory(seeds());
        return state;
    } catch (const std::bad_alloc&) {
        throw refused(
            ENOMEM, "no memory for what scheduler " + std::string(scheduler.name()) + " remembers",
            "scheduler");
    }
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
                                                        const ServiceSettings& settings,
                                                        const Scheduler& scheduler,
                                                        std::shared_ptr<SchedulerState> state) {
    Service& service = services_[key];
    service.key = key;
    service.instance = next_instance_++;
    service.scheduler = &scheduler;
    service.settings = whole(key, settings);
    service.state = std::move(state);
    rebuild(service);
    return service;
}

void ServiceRegistry::take_settings(Service& service, ServiceSettings next,
                                    const Scheduler& scheduler,
                                    std::shared_ptr<SchedulerState> state) {
    if (service.settings.timeouts != next.timeouts)
        for (const auto& server : service.servers)
            slots_.edit(server.real.id).timeouts = next.timeouts;
    if (next.slow_start.count() == 0)
        for (auto& server : service.servers) server.ramp.reset();
    std::swap(service.settings, next);
    take_check(service, next.check);
    open_ports(service);
    service.scheduler = &scheduler;
    if (state) service.state = std::move(state);
}

ServiceRegistry::Server ServiceRegistry::make_server(Service& service, const ServerConfig& config) {
    Server server = revive_or_make(service, config.address);
    server.real.sequence = service.next_sequence++;
    server.real.last_weight = config.weight;
    const auto& check = service.settings.check;
    server.health = {.checked = check ? check->initially : Health::unchecked};
    configure(service, server.real, config);
    return server;
}

void ServiceRegistry::configure(const Service& service, RealServer& server,
                                const ServerConfig& config) {
    server.weight = config.weight;
    if (server.weight != 0) server.last_weight = server.weight;
    server.thresholds = config.thresholds;
    server.forward = config.forward;
    server.tunnel = config.tunnel.value_or(Tunnel{});
    const bool any_port =
        slots_[server.id].any_port || uses_any_port(service.key, service.settings);
    const ServiceTable::DestSlot& before = slots_[server.id];
    const bool was_nat = before.in_use && (before.was_nat || before.forward == ForwardMethod::nat);
    slots_.edit(server.id) = {.available = true,
                              .weight = server.weight,
                              .endpoint = server.endpoint,
                              .forward = server.forward,
                              .tunnel = server.tunnel,
                              .limited = server.thresholds.upper != 0,
                              .virtual_address = service.key.endpoint.address,
                              .was_nat = was_nat,
                              .in_use = true,
                              .any_port = any_port,
                              .timeouts = service.settings.timeouts};
    limit(server);
}

void ServiceRegistry::limit(const RealServer& server) {
    if (overload_ == nullptr) return;
    overload_->set(server.id, server.thresholds);
    // Whether it has too many now is for the next connection to see, as recorded from Linux 6.1.
    if (overload_->overloaded(server.id))
        overload_->update(server.id, [&] { return slots_.total(server.id); });
}

void ServiceRegistry::open_ports(const Service& service) {
    if (!uses_any_port(service.key, service.settings)) return;
    for (const auto& server : service.servers)
        if (!slots_[server.real.id].any_port) slots_.edit(server.real.id).any_port = true;
}

ServiceRegistry::Server ServiceRegistry::revive_or_make(const Service& service,
                                                        const Endpoint& endpoint) {
    if (const auto known = find_removed_.find({endpoint, service.key});
        known != find_removed_.end()) {
        const auto old = known->second;
        Server server = std::move(old->server);
        const Traffic counted = slots_.counted(server.real.id);
        server.rates = RateEstimator(counted);
        if (old->instance != service.instance) server.start = server.zero = counted;
        find_removed_.erase(known);
        removed_.erase(old);
        return server;
    }
    if (slots_.free_count() == 0) make_room(0);
    const auto id = slots_.allot();
    if (!id)
        throw refused(ENOMEM, "no slot is left for another server (configuration: servers)", "");
    const Traffic counted = slots_.counted(*id);
    return {.real = {.id = *id, .endpoint = endpoint, .tunnel = {}},
            .start = counted,
            .zero = counted,
            .rates = RateEstimator(counted)};
}

void ServiceRegistry::remove_server(Service& service, std::vector<Server>::iterator server) {
    slots_.edit(server->real.id).available = false;
    removed_.push_back({.server = std::move(*server),
                        .service = service.key,
                        .instance = service.instance,
                        .grace = {},
                        .unreferenced_since = {}});
    find_removed_[{removed_.back().server.real.endpoint, service.key}] = std::prev(removed_.end());
    service.servers.erase(server);
}

void ServiceRegistry::remove_servers(Service& service) {
    while (!service.servers.empty()) remove_server(service, service.servers.end() - 1);
}

void ServiceRegistry::start_slowly(const Service& service, Server& server, std::uint32_t before) {
    if (service.settings.slow_start.count() == 0 || server.real.weight == 0 || server.health.out)
        server.ramp.reset();
    else if (before == 0)
        server.ramp.emplace();
}

void ServiceRegistry::ramp_weights(const Service& service, std::span<RealServer> servers) {
    if (std::ranges::none_of(service.servers, [](const Server& s) { return s.ramp.has_value(); }))
        return;
    const RampedWeights weights(std::ranges::max(servers, {}, &RealServer::weight).weight);
    for (std::size_t i = 0; i < servers.size(); ++i) {
        const auto& ramp = service.servers[i].ramp;
        servers[i].weight = weights.of(servers[i].weight, ramp ? ramp->share() : Ramp::parts);
    }
}

/// The scheduler's state stays: a server's place in turn does not depend on the step that it takes.
void ServiceRegistry::ramp(Clock::time_point now) {
    bool changed = false;
    for (auto& [key, service] : services_) {
        bool moved = false;
        for (auto& server : service.servers) {
            if (!server.ramp) continue;
            moved |= server.ramp->move_on(now, service.settings.slow_start);
            if (server.ramp->at_end()) server.ramp.reset();
        }
        if (moved) rebuild(service);
        changed |= moved;
    }
    if (changed) publish();
}

void ServiceRegistry::rebuild(Service& service) {
    decide_health(service);
    auto next = std::make_shared<VirtualService>();
    next->key = service.key;
    next->scheduler = service.scheduler;
    next->state = service.state;
    next->scheduler_flags = service.settings.scheduler_flags;
    next->scheduler_options = service.settings.scheduler_options;
    next->one_packet = service.settings.one_packet;
    next->persistence = persistence_of(service.settings);
    next->servers.reserve(service.servers.size());
    for (const auto& server : service.servers) next->servers.push_back(server.real);
    ramp_weights(service, next->servers);
    quiesce(service, next->servers);
    next->table = table_for(*next, service.published.get());
    if (service.scheduler->compares_loads() && next->servers.size() >= LoadCache::least_servers)
        next->cache = std::make_shared<LoadCache>(next->servers, slots_.workers());
    service.published = std::move(next);
    changed_.insert(service.key);
}

void ServiceRegistry::reconfigure(const Service& service) {
    service.scheduler->reconfigure(service.published->servers, *service.state);
}

/// Nobody sees the scheduler's state yet; it is led through the same steps as if the servers had
/// been added one by one, for its start depends on them (ipvs-behaviour 4.3).
void ServiceRegistry::lead_through(const Service& service) {
    const std::span<const RealServer> servers = service.published->servers;
    for (std::size_t n = 0; n <= servers.size(); ++n)
        service.scheduler->reconfigure(servers.last(n), *service.state);
}

void ServiceRegistry::publish(Publisher::Changes others) {
    if (removed_.size() > most_removed) make_room(most_removed);
    std::vector<ServiceTable::Change> changes;
    const auto changed = std::exchange(changed_, {});
    for (const ServiceKey& key : changed) {
        const auto at = services_.find(key);
        changes.push_back({key, at == services_.end() ? nullptr : at->second.published});
    }
    table_ = std::make_shared<const ServiceTable>(*table_, changes, slots_.table());
    others.services = table_;
    const auto grace = publisher_.set(std::move(others));
    for (auto r = removed_.rbegin(); r != removed_.rend() && !r->grace; ++r) r->grace = grace;
    if (told_for_health_) told_for_health_(changed);
    if (told_) told_(changed);
}

// Removed servers.

bool ServiceRegistry::unreferenced(const Removed& removed) const noexcept {
    // In this order: only after the grace period do connections and templates just get fewer.
    return removed.grace && publisher_.grace_passed(*removed.grace) &&
           slots_.total(removed.server.real.id) == 0 && templates(removed.server.real.id) == 0;
}

ServiceRegistry::RemovedList::iterator ServiceRegistry::give_free(RemovedList::iterator removed) {
    const DestId id = removed->server.real.id;
    const auto service = services_.find(removed->service);
    if (service != services_.end()) {
        if (service->second.instance == removed->instance)
            service->second.retired += slots_.counted(id) - removed->server.start;
        if (const auto& memory = service->second.state->memory) memory->forget(id);
    }
    slots_.free(id);
    find_removed_.erase({removed->server.real.endpoint, removed->service});
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

void ServiceRegistry::collect_memories(TickTime now) {
    for (auto& [key, service] : services_)
        if (const auto& memory = service.state->memory)
            memory->collect(now, publisher_.current().tunables);
}

// Statistics.

ServiceRegistry::CountsByInstance ServiceRegistry::removed_counts() const {
    CountsByInstance counts;
    for (const auto& r : removed_)
        counts[r.instance] += slots_.counted(r.server.real.id) - r.server.start;
    return counts;
}

Traffic ServiceRegistry::gone(const Service& service, const CountsByInstance& removed) {
    const auto more = removed.find(service.instance);
    return more == removed.end() ? service.retired : service.retired + more->second;
}

Traffic ServiceRegistry::counted(const Service& service, const CountsByInstance& removed) const {
    Traffic sum = gone(service, removed);
    for (const auto& server : service.servers) sum += slots_.counted(server.real.id) - server.start;
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
    const bool estimates = publisher_.current().tunables.run_estimation != 0;
    const auto sample = [estimates](RateEstimator& rates, const Traffic& counts) {
        estimates ? rates.sample(counts) : rates.pass_over(counts);
    };
    const auto removed = removed_counts();
    for (auto& [key, service] : services_) {
        Traffic sum = gone(service, removed);
        for (auto& server : service.servers) {
            const Traffic counted = slots_.counted(server.real.id);
            sample(server.rates, counted);
            sum += counted - server.start;
        }
        sample(service.rates, sum);
    }
    sample(rates_, slots_.counted());
}

std::vector<ServiceView> ServiceRegistry::list(const std::optional<ServiceKey>& after,
                                               std::size_t most) const {
    const auto removed = removed_counts();
    std::vector<ServiceView> views;
    views.reserve(std::min(most, services_.size()));
    auto next = after ? services_.upper_bound(*after) : services_.begin();
    for (; next != services_.end() && views.size() < most; ++next)
        views.push_back(view(next->second, removed));
    return views;
}

ServiceConfig ServiceRegistry::configuration(const Service& service) {
    ServiceConfig config{.key = service.key, .settings = service.settings, .servers = {}};
    config.servers.reserve(service.servers.size());
    for (auto s = service.servers.rbegin(); s != service.servers.rend(); ++s)
        config.servers.push_back(config_of(s->real));
    return config;
}

std::vector<ServiceConfig> ServiceRegistry::configuration() const {
    std::vector<ServiceConfig> all;
    all.reserve(services_.size());
    for (const auto& [key, service] : services_) all.push_back(configuration(service));
    return all;
}

std::optional<ServiceConfig> ServiceRegistry::configuration(const ServiceKey& key) const {
    const auto at = services_.find(key);
    return at == services_.end() ? std::nullopt : std::optional(configuration(at->second));
}

std::vector<DestId> ServiceRegistry::servers_ever_of(const ServiceKey& key) const {
    std::vector<DestId> all;
    for (const Removed& removed : removed_)
        if (removed.service == key) all.push_back(removed.server.real.id);
    if (!all.empty() && !services_.contains(key)) return all;
    for (const Server& server : find(key).servers) all.push_back(server.real.id);
    return all;
}

ServiceView ServiceRegistry::view(const ServiceKey& key) const {
    return view(find(key), removed_counts());
}

ServiceView ServiceRegistry::view(const Service& service, const CountsByInstance& removed) const {
    ServiceView out{.key = service.key,
                    .scheduler = service.scheduler->name(),
                    .scheduler_flags = service.settings.scheduler_flags,
                    .one_packet = service.settings.one_packet,
                    .persistence = persistence_of(service.settings),
                    .timeouts = service.settings.timeouts,
                    .slow_start = service.settings.slow_start,
                    .scheduler_options = service.settings.scheduler_options,
                    .check = service.settings.check,
                    .stats = {.counts = counted(service, removed) - service.zero,
                              .rates = service.rates.per_second()},
                    .servers = {}};
    out.servers.reserve(service.servers.size());
    for (const auto& server : service.servers) {
        const auto total = slots_.total(server.real.id);
        const auto active = std::min(slots_.active(server.real.id), total);
        out.servers.push_back(
            {.server = server.real,
             .health = server.health,
             .ramping = server.ramp ? std::optional(server.ramp->percent()) : std::nullopt,
             .active = active,
             .inactive = total - active,
             .persistent = templates(server.real.id),
             .stats = {.counts = slots_.counted(server.real.id) - server.zero,
                       .rates = server.rates.per_second()}});
    }
    return out;
}

Stats ServiceRegistry::total() const {
    return {.counts = slots_.counted() - zero_, .rates = rates_.per_second()};
}

}  // namespace shunt::ctl
