// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/health/health_control.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <random>
#include <utility>

#include "ctl/config/service_rules.h"
#include "ctl/rpc/audit.h"

namespace shunt::ctl {

HealthControl::Limits HealthControl::limits_of_process() {
    constexpr rlim_t share = 4;
    constexpr std::size_t least = 16;
    Limits limits;
    rlimit descriptors{};
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0)
        limits.running = std::clamp(static_cast<std::size_t>(descriptors.rlim_cur / share), least,
                                    limits.running);
    return limits;
}

HealthControl::HealthControl(boost::asio::io_context& io, ServiceRegistry& registry, Told told,
                             const Limits& limits)
    : io_(io),
      registry_(registry),
      told_(std::move(told)),
      limits_(limits),
      schedule_(std::random_device()()) {}

void HealthControl::start() {
    for (const auto& service : registry_.health_list({}, registry_.services())) follow(service.key);
    registry_.on_change_for_health([this](const std::set<ServiceKey>& keys) {
        if (telling_) return;
        for (const ServiceKey& key : keys) follow(key);
    });
    timer_.emplace(io_, limits_.turn, [this] { look(); });
}

HealthControl::~HealthControl() {
    registry_.on_change_for_health({});
    for (auto& [id, target] : targets_) stop(target);
}

// What is to be checked.

void HealthControl::follow(const ServiceKey& key) {
    const auto now = registry_.health(key);
    const auto at = services_.find(key);
    if (!now || !now->check) {
        if (at == services_.end()) return;
        for (const auto& [server, id] : at->second.servers) remove(id);
        services_.erase(at);
        return;
    }
    Watched& watched = at == services_.end() ? services_[key] : at->second;
    const bool differs = std::exchange(watched.check, *now->check) != *now->check;
    auto known = std::exchange(watched.servers, {});
    for (const auto& server : now->servers) {
        if (auto node = known.extract(server.address)) {
            Target& target = targets_.at(node.mapped());
            if (differs) {
                stop(target);
                schedule_.begin(node.mapped(), ++target.version, Clock::now(),
                                watched.check.interval);
            }
            watched.servers.insert(std::move(node));
        } else {
            watched.servers.emplace(server.address, add(key, server, watched.check));
        }
    }
    for (const auto& [server, id] : known) remove(id);
}

HealthControl::Id HealthControl::add(const ServiceKey& key, const ServiceHealth::Server& server,
                                     const HealthCheck& check) {
    const Id id = ++last_id_;
    Target target{
        .service = key, .server = server.address, .state = RiseAndFall(server.state.checked)};
    target.report.since = std::chrono::system_clock::now();
    targets_.emplace(id, std::move(target));
    schedule_.begin(id, 0, Clock::now(), check.interval);
    return id;
}

void HealthControl::remove(Id id) {
    const auto at = targets_.find(id);
    stop(at->second);
    targets_.erase(at);
}

void HealthControl::stop(Target& target) {
    if (!target.probe) return;
    target.probe->stop();
    target.probe.reset();
    --running_;
}

// Checks.

void HealthControl::look() {
    const auto now = Clock::now();
    while (const auto due = schedule_.take(now)) waiting_.push_back(*due);
    begin_waiting();
    tell();
}

void HealthControl::begin_waiting() {
    while (!waiting_.empty() && running_ < limits_.running) {
        const auto due = waiting_.front();
        waiting_.pop_front();
        const auto at = targets_.find(due.target);
        if (at == targets_.end() || at->second.version != due.version) continue;
        begin(due.target, at->second);
    }
}

void HealthControl::begin(Id id, Target& target) {
    const HealthCheck& check = services_.at(target.service).check;
    target.began = Clock::now();
    ++running_;
    target.probe = Probe::start(io_, check_task(check, target.server),
                                [this, id](const CheckResult& result) { ended(id, result); });
}

void HealthControl::ended(Id id, const CheckResult& result) {
    --running_;
    ++numbers_.ends[static_cast<std::size_t>(result.end)];
    numbers_.took += result.took;
    Target& target = targets_.at(id);
    target.probe.reset();
    ++target.report.checks;
    target.report.reason = result.reason;
    target.report.took = result.took;
    const HealthCheck& check = services_.at(target.service).check;
    schedule_.next(id, target.version, target.began, Clock::now(), check.interval);
    if (result.end == CheckEnd::not_made) {
        own_log_.write(spdlog::level::warn, "check_not_made",
                       {{"service", name_of(target.service)},
                        {"server", to_string(target.server)},
                        {"reason", result.reason}});
        return;
    }
    if (!target.state.take(result.end == CheckEnd::passed, check)) return;
    target.report.since = std::chrono::system_clock::now();
    turned_.push_back({id, {target.service, target.server, target.state.health()}, result.reason});
}

// What they found out.

void HealthControl::tell() {
    if (turned_.empty()) return;
    const auto turned = std::exchange(turned_, {});
    std::vector<HealthChange> changes;
    std::map<ServiceKey, std::vector<const Turned*>, ServiceOrder> by_service;
    for (const Turned& each : turned) {
        if (!targets_.contains(each.id)) continue;
        changes.push_back(each.change);
        by_service[each.change.service].push_back(&each);
    }
    telling_ = true;
    registry_.set_health(changes);
    telling_ = false;
    for (const auto& [key, all] : by_service)
        if (const auto service = registry_.health(key)) tell(*service, all);
}

void HealthControl::tell(const ServiceHealth& service, const std::vector<const Turned*>& turned) {
    std::map<Endpoint, const ServiceHealth::Server*> servers;
    for (const auto& server : service.servers) servers.emplace(server.address, &server);
    for (const Turned* each : turned) {
        const ServiceHealth::Server& server = *servers.at(each->change.server);
        // Of one that the operator forces it is not told what it would be otherwise.
        if (server.state.forced == Forced::automatic) tell(service.key, server, each->reason);
    }
    tell_all_down(service);
}

void HealthControl::tell(const ServiceKey& key, const ServiceHealth::Server& server,
                         const std::string& reason) {
    const bool down = server.state.health() == Health::down;
    turn_log_.write(down ? spdlog::level::warn : spdlog::level::info, "health",
                    {{"service", name_of(key)},
                     {"server", to_string(server.address)},
                     {"health", down ? "down" : "up"},
                     {"reason", reason}});
    if (told_) told_(key, server, reason);
}

void HealthControl::tell_all_down(const ServiceHealth& service) {
    const bool all = std::ranges::all_of(service.servers, [](const auto& server) {
        return server.weight == 0 || server.state.health() == Health::down;
    });
    if (!all) return;
    const bool refuses = service.check && service.check->all_down == AllDown::refuse;
    turn_log_.write(spdlog::level::warn, "all_servers_down",
                    {{"service", name_of(service.key)},
                     {"servers", service.servers.size()},
                     {"all_down", refuses ? "refuse" : "use_all"}});
}

// What the operator says and asks.

void HealthControl::force(const ServiceKey& key, const Endpoint& address, Forced forced) {
    const auto find = [&] {
        const auto service = registry_.health(key);
        const auto none = ServiceHealth::Server{.address = address, .weight = 0, .state = {}};
        if (!service) return none;
        const auto at = std::ranges::find(service->servers, address,
                                          [](const auto& server) { return server.address; });
        return at == service->servers.end() ? none : *at;
    };
    const Health before = find().state.health();
    registry_.force_health(key, address, forced);
    const auto server = find();
    const Health now = server.state.health();
    if ((before == Health::down) == (now == Health::down)) return;
    const char* const reason = forced == Forced::automatic ? "not forced any more"
                               : forced == Forced::up      ? "forced up"
                                                           : "forced down";
    tell(key, server, reason);
}

std::optional<CheckReport> HealthControl::report(const ServiceKey& key,
                                                 const Endpoint& server) const {
    const auto service = services_.find(key);
    if (service == services_.end()) return {};
    const auto at = service->second.servers.find(server);
    if (at == service->second.servers.end()) return {};
    const Target& target = targets_.at(at->second);
    CheckReport report = target.report;
    report.passed = target.state.passed();
    report.in_a_row = target.state.in_a_row();
    return report;
}

CheckNumbers HealthControl::numbers() const {
    CheckNumbers numbers = numbers_;
    numbers.servers = targets_.size();
    numbers.running = running_;
    numbers.waiting = waiting_.size();
    return numbers;
}

}  // namespace shunt::ctl
