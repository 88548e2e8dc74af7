// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/health_methods.h"

#include <boost/json/array.hpp>
#include <cerrno>
#include <cmath>

#include "ctl/config/service_rules.h"
#include "ctl/methods/rpc_read.h"
#include "ctl/methods/rpc_write.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

/// To whole microseconds.
double milliseconds(std::chrono::steady_clock::duration time) {
    return std::round(std::chrono::duration<double, std::micro>(time).count()) / 1000;
}

void put_report(json::object& out, const CheckReport& report) {
    const std::chrono::duration<double> since = report.since.time_since_epoch();
    out["since"] = std::floor(since.count() * 1000) / 1000;
    out["checks"] = report.checks;
    if (report.checks == 0) return;
    out["reason"] = report.reason;
    out["took_ms"] = milliseconds(report.took);
    out[report.passed ? "passed_in_a_row" : "failed_in_a_row"] = report.in_a_row;
}

json::object row_of(const ServiceHealth& service, const HealthControl* health) {
    json::array servers;
    for (const auto& server : service.servers) {
        json::object row{{"address", to_string(server.address)}, {"weight", server.weight}};
        put_health(row, server.state);
        if (health != nullptr)
            if (const auto report = health->report(service.key, server.address))
                put_report(row, *report);
        servers.push_back(std::move(row));
    }
    return {{"service", to_json(service.key)},
            {"check", service.check ? json::value(to_json(*service.check)) : json::value(nullptr)},
            {"servers", std::move(servers)}};
}

ServiceHealth find_service(const ServiceRegistry& registry, const Params& p) {
    const ServiceKey key = read_service(p);
    auto found = registry.health(key);
    if (!found) throw refused(ESRCH, "no service " + name_of(key), "service");
    return *std::move(found);
}

json::object list(const ServiceRegistry& registry, const HealthControl* health, const Params& p) {
    constexpr std::uint64_t most_services = 100'000;
    if (p.has("service")) {
        for (const char* other : {"after", "limit"})
            if (p.has(other)) p.fail(other, "is for a list, not for one service");
        return {{"services", json::array{row_of(find_service(registry, p), health)}}};
    }
    const auto after =
        p.has("after") ? std::optional(read_service(p, "after")) : std::optional<ServiceKey>();
    const auto most = p.number_or("limit", 1, most_services, most_services);
    auto found = registry.health_list(after, most + 1);
    json::object result;
    if (p.has("limit")) result["more"] = found.size() > most;
    if (found.size() > most) found.pop_back();
    json::array& services = result["services"].emplace_array();
    for (const auto& service : found) services.push_back(row_of(service, health));
    return result;
}

/// All else of the service stays.
json::object set(ServiceRegistry& registry, const Params& p) {
    const ServiceKey key = read_service(p);
    const auto now = registry.configuration(key);
    ServiceSettings settings = now ? now->settings : ServiceSettings();
    settings.check = read_check(p);
    registry.edit_service(key, settings);
    return {};
}

json::object force(ServiceRegistry& registry, HealthControl* health, const Params& p) {
    const ServiceKey key = read_service(p);
    const Endpoint server = read_server(p);
    const Forced forced = read_forced(p);
    if (health != nullptr)
        health->force(key, server, forced);
    else
        registry.force_health(key, server, forced);
    return {};
}

}  // namespace

std::vector<Method> health_methods(ServiceRegistry& registry, HealthControl* health) {
    const Parameter service{"service", true};
    return {direct("health.list", {{"service"}, {"after"}, {"limit"}},
                   [&registry, health](const Params& p) { return list(registry, health, p); }),
            direct("health.set", {service, {"check", true}},
                   [&registry](const Params& p) { return set(registry, p); }),
            direct("health.force", {service, {"server", true}, {"state", true}},
                   [&registry, health](const Params& p) { return force(registry, health, p); })};
}

HealthControl::Told tell_health(EventBus& events) {
    return [&events](const ServiceKey& service, const ServiceHealth::Server& server,
                     const std::string& reason) {
        const bool down = server.state.health() == Health::down;
        events.publish(down ? EventKind::server_down : EventKind::server_up,
                       {{"service", to_json(service)},
                        {"server", {{"address", to_string(server.address)}}},
                        {"weight", server.weight},
                        {"reason", reason}});
    };
}

}  // namespace shunt::ctl
