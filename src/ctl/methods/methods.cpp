// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/methods.h"

#include <unistd.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cerrno>
#include <cmath>
#include <memory>

#include "base/drop_reason.h"
#include "ctl/config/config_text.h"
#include "ctl/methods/config_methods.h"
#include "ctl/methods/conn_methods.h"
#include "ctl/methods/drop_methods.h"
#include "ctl/methods/event_methods.h"
#include "ctl/methods/explain_methods.h"
#include "ctl/methods/health_methods.h"
#include "ctl/methods/log_methods.h"
#include "ctl/methods/paging.h"
#include "ctl/methods/rpc_read.h"
#include "ctl/methods/rpc_write.h"
#include "ctl/methods/sync_methods.h"
#include "ctl/methods/watch_methods.h"
#include "sched/registry.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

constexpr int protocol_version = 1;

/// The host's addresses on a port, its VLANs included, as the workers know them.
json::array addresses_json(const Publisher& publisher, PortId port) {
    json::array rows;
    const auto& network = publisher.current().network;
    if (network == nullptr) return rows;
    for (const NetInterface& interface : network->interfaces())
        if (interface.port == port)
            for (const IpAddress& address : interface.addresses)
                rows.push_back(json::value(to_string(address)));
    return rows;
}

json::object to_json(const PortStatus& port, const Publisher& publisher) {
    return {{"port", port.name},
            {"device", port.device},
            {"mac", to_string(port.mac)},
            {"mtu", port.mtu},
            {"link", port.link_up ? "up" : "down"},
            {"steering", port.steering},
            {"receive_queues", port.receive_queues},
            {"transmit_queues", port.transmit_queues},
            {"twin", port.twin},
            {"addresses", addresses_json(publisher, port.id)},
            {"received", port.received},
            {"sent", port.sent},
            {"missed", port.missed},
            {"errors", port.errors}};
}

json::array workers_json(const MethodContext& c) {
    json::array rows;
    for (std::size_t i = 0; i < c.workers.size(); ++i) {
        const WorkerId id(static_cast<std::uint16_t>(i));
        const WorkerCounters& n = *c.workers[i];
        const bool pinned = i < c.worker_cpus.size();
        rows.push_back({{"worker", id.value()},
                        {"cpu", pinned ? json::value(c.worker_cpus[i]) : json::value(nullptr)},
                        {"busy", std::round(c.busy.share(id) * 1000) / 1000},
                        {"busy_cycles", n.busy_cycles.value()},
                        {"received", n.received.value()},
                        {"from_twin", n.from_twin.value()},
                        {"taken_over", n.taken_over.value()},
                        {"resumed", n.resumed.value()},
                        {"generated", n.generated.value()},
                        {"split", n.split.value()},
                        {"forwarded", n.forwarded.value()},
                        {"to_host", n.to_host.value()},
                        {"from_host", n.from_host.value()},
                        {"handed_off", n.handed_off.value()},
                        {"held", n.held.value()},
                        {"joined", n.joined.value()},
                        {"dropped", n.all_dropped()},
                        {"ended_early", n.ended_early.value()},
                        {"evicted_half_open", n.evicted_half_open.value()},
                        {"errors_suppressed", n.errors_suppressed.value()},
                        {"connections", c.registry.connections(id)}});
    }
    return rows;
}

json::array ports_json(const MethodContext& c) {
    json::array rows;
    for (const auto& port : c.ports()) rows.push_back(to_json(port, c.publisher));
    return rows;
}

std::vector<WatchPort> watch_ports(const MethodContext& c) {
    std::vector<WatchPort> ports;
    for (const auto& port : c.ports()) ports.push_back({port.name, port.twin});
    return ports;
}

json::object drops_json(const MethodContext& c) {
    json::object drops;
    for (std::size_t i = 0; i < drop_reason_count; ++i) {
        std::uint64_t sum = 0;
        for (const auto* worker : c.workers) sum += worker->dropped[i].value();
        drops[drop_reason_texts[i].name] = sum;
    }
    return drops;
}

json::object timeouts_json(const Tunables& t) {
    return {{"tcp", t.timeout_established}, {"tcp_fin", t.timeout_finwait}, {"udp", t.timeout_udp}};
}

template <class About>
json::object to_json(const About& about, const Tunables& tunables) {
    return {{"name", about.name}, {"value", tunables.*about.value}};
}

json::array tunables_json(const MethodContext& c) {
    json::array rows;
    for (const auto& about : tunable_list) {
        json::object row = to_json(about, c.publisher.current().tunables);
        row["default"] = about.standard;
        row["least"] = about.least;
        row["most"] = about.most;
        row["meaning"] = about.text;
        rows.push_back(std::move(row));
    }
    for (const auto& about : text_tunable_list) {
        json::object row = to_json(about, c.publisher.current().tunables);
        row["default"] = about.standard;
        row["meaning"] = about.text;
        rows.push_back(std::move(row));
    }
    return rows;
}

json::array marks_json(const MethodContext& c) {
    json::array rows;
    for (const auto& rule : c.marks.rules()) rows.push_back(to_json(rule));
    return rows;
}

json::array schedulers_json(const MethodContext&) {
    json::array names;
    for (const auto& name : scheduler_names()) names.emplace_back(name);
    return names;
}

// The methods.

json::object status_get(const MethodContext& c) {
    const std::chrono::duration<double> up = std::chrono::steady_clock::now() - c.started;
    return {{"version", c.version},
            {"protocol", protocol_version},
            {"uptime", std::round(up.count() * 1000) / 1000},
            {"pid", getpid()},
            {"workers", c.workers.size()},
            {"connections", c.registry.connections()},
            {"connections_capacity", c.connections_capacity},
            {"room",
             {{"connections", c.defence.room().connections},
              {"buffers", c.defence.room().buffers},
              {"short", c.defence.short_of_room()}}},
            {"services", c.registry.services()},
            {"ports", c.ports().size()}};
}

json::object service_list(const MethodContext& c, const Params& p) {
    if (p.has("service")) {
        for (const char* other : {"after", "limit"})
            if (p.has(other)) p.fail(other, "is for a list, not for one service");
        return {{"services", json::array{to_json(c.registry.view(read_service(p)))}}};
    }
    constexpr std::uint64_t most_services = 100'000;
    const auto after =
        p.has("after") ? std::optional(read_service(p, "after")) : std::optional<ServiceKey>();
    const auto most = p.number_or("limit", 1, most_services, most_services);
    auto views = c.registry.list(after, most + 1);
    json::object result;
    if (p.has("limit")) result["more"] = views.size() > most;
    if (views.size() > most) views.pop_back();
    json::array& services = result["services"].emplace_array();
    for (const auto& view : views) services.push_back(to_json(view));
    return result;
}

json::object service_add(const MethodContext& c, const Params& p) {
    c.registry.add_service(read_service(p), read_settings(p));
    return {};
}

/// Checks have a method of their own, so an edit that does not know them does not end them.
json::object service_edit(const MethodContext& c, const Params& p) {
    const ServiceKey key = read_service(p);
    ServiceSettings settings = read_settings(p);
    if (const auto now = c.registry.health(key)) settings.check = now->check;
    c.registry.edit_service(key, settings);
    return {};
}

json::object end_orphans(const MethodContext& c) {
    end_orphans(c.publisher, c.lister);
    return {};
}

json::object service_delete(const MethodContext& c, const Params& p) {
    c.registry.delete_service(read_service(p));
    return end_orphans(c);
}

json::object service_flush(const MethodContext& c) {
    c.registry.flush();
    return end_orphans(c);
}

json::object dest_list(const MethodContext& c, const Params& p) {
    json::object view = to_json(c.registry.view(read_service(p)));
    return {{"servers", std::move(view.at("servers"))}};
}

json::object dest_add(const MethodContext& c, const Params& p) {
    c.registry.add_server(read_service(p), read_server_config(p));
    return {};
}

json::object dest_edit(const MethodContext& c, const Params& p) {
    c.registry.edit_server(read_service(p), read_server_config(p));
    return {};
}

json::object dest_delete(const MethodContext& c, const Params& p) {
    c.registry.delete_server(read_service(p), read_server(p));
    return end_orphans(c);
}

json::object stats_zero(const MethodContext& c, const Params& p) {
    if (p.has("service"))
        c.registry.zero(read_service(p));
    else
        c.registry.zero();
    return {};
}

json::object timeout_set(const MethodContext& c, const Params& p) {
    Tunables tunables = c.publisher.current().tunables;
    const auto set = [&p](std::string_view name, std::int64_t& out) {
        const auto given = p.number_or(name, 0, longest_timeout, 0);
        if (given != 0) out = static_cast<std::int64_t>(given);
    };
    set("tcp", tunables.timeout_established);
    set("tcp_fin", tunables.timeout_finwait);
    set("udp", tunables.timeout_udp);
    c.publisher.set_tunables(tunables);
    return timeouts_json(tunables);
}

/// What `run` gives for the tunable of the request, whichever kind it is of.
template <class Fn>
json::object with_tunable(const Params& p, Fn run) {
    const auto name = p.text("name");
    if (const auto* number = find_tunable(name)) return run(*number);
    if (const auto* text = find_text_tunable(name)) return run(*text);
    throw refused(ENOENT, "no tunable " + quote(name) + "; tunable.list has all of them", "name");
}

json::object tunable_get(const MethodContext& c, const Params& p) {
    return with_tunable(
        p, [&](const auto& about) { return to_json(about, c.publisher.current().tunables); });
}

std::int64_t read_value(const TunableAbout& about, const Params& p) {
    return p.integer("value", about.least, about.most);
}

std::string read_value(const TextTunableAbout& about, const Params& p) {
    std::string value(p.text("value"));
    if (!about.fits(value))
        p.fail("value", quote(value) + " cannot be the value of " + std::string(about.name));
    return value;
}

json::object tunable_set(const MethodContext& c, const Params& p) {
    return with_tunable(p, [&](const auto& about) {
        Tunables tunables = c.publisher.current().tunables;
        tunables.*about.value = read_value(about, p);
        c.publisher.set_tunables(tunables);
        c.defence.update();
        return to_json(about, c.publisher.current().tunables);
    });
}

json::object mark_set(const MethodContext& c, const Params& p) {
    c.marks.set(read_marks(p));
    return {};
}

/// Added up over the workers.
json::object app_counters_json(const std::vector<const AppCounters*>& workers) {
    const auto sum = [&](auto counter) {
        std::uint64_t all = 0;
        for (const AppCounters* c : workers) all += counter(*c).value();
        return all;
    };
    json::object out{{"data_connections", sum([](auto& c) -> auto& { return c.data_connections; })},
                     {"tftp_requests", sum([](auto& c) -> auto& { return c.tftp_requests; })},
                     {"unhelped", sum([](auto& c) -> auto& { return c.unhelped; })},
                     {"kept", sum([](auto& c) -> auto& { return c.kept; })}};
    for (std::size_t i = 0; i < ftp_counter_names.size(); ++i)
        out[ftp_counter_names[i].name] = sum([i](auto& c) -> auto& { return c.ftp[i]; });
    return out;
}

json::object app_list(const MethodContext& c) {
    json::array apps;
    for (const auto& row : c.apps.list())
        apps.push_back({{"name", name(row.app)},
                        {"protocol", to_string(protocol_of(row.app))},
                        {"port", row.port.value()},
                        {"connections", row.connections}});
    return {{"apps", std::move(apps)},
            {"expected", c.expectations == nullptr ? 0 : c.expectations->waiting()},
            {"counters", app_counters_json(c.app_counters)}};
}

json::object stats_get(const MethodContext& c) {
    return {{"workers", workers_json(c)},
            {"ports", ports_json(c)},
            {"drops", drops_json(c)},
            {"applications", app_list(c)},
            {"total", to_json(c.registry.total())}};
}

std::optional<L4Port> read_app_port(const Params& p) {
    if (!p.has("port")) return std::nullopt;
    return L4Port(static_cast<std::uint16_t>(p.number("port", 1, 65535)));
}

json::object app_add(const MethodContext& c, const Params& p) {
    c.apps.add(p.text("name"), read_app_port(p));
    return {};
}

json::object app_remove(const MethodContext& c, const Params& p) {
    c.apps.remove(p.text("name"), read_app_port(p));
    return {};
}

}  // namespace

MethodTable make_methods(const MethodContext& context) {
    const auto c = std::make_shared<const MethodContext>(context);
    const Parameter service{"service", true};
    const Parameter server{"server", true};
    const Parameter name{"name", true};
    const std::vector<Parameter> service_options{
        service,      {"scheduler"},  {"flags"},   {"persistence"}, {"engine"},
        {"timeouts"}, {"slow_start"}, {"mh_size"}, {"mh_order"},    {"load_bound"}};
    const std::vector<Parameter> server_options{service,    server,    {"forward"}, {"tunnel"},
                                                {"weight"}, {"upper"}, {"lower"}};
    const auto port_names = [c] {
        std::vector<std::string> names;
        for (const auto& port : c->ports()) names.push_back(port.name);
        return names;
    };
    const auto on = [&c](auto run) { return [c, run](const Params& p) { return run(*c, p); }; };
    const auto get = [&c](auto run) { return [c, run](const Params&) { return run(*c); }; };
    const auto list = [&c](std::string method, std::string key, auto run) {
        return paged(direct(std::move(method), {},
                            [c, key, run](const Params&) {
                                return json::object{{key, run(*c)}};
                            }),
                     key);
    };
    std::vector<Method> methods{
        direct("status.get", {}, get(status_get)),
        direct("service.list", {{"service"}, {"after"}, {"limit"}}, on(service_list)),
        direct("service.add", service_options, on(service_add)),
        direct("service.edit", service_options, on(service_edit)),
        direct("service.delete", {service}, on(service_delete)),
        direct("service.flush", {}, get(service_flush)),
        paged(direct("dest.list", {service}, on(dest_list)), "servers"),
        direct("dest.add", server_options, on(dest_add)),
        direct("dest.edit", server_options, on(dest_edit)),
        direct("dest.delete", {service, server}, on(dest_delete)),
        conn_list(context.lister, context.registry),
        conn_count(context.lister, context.registry),
        conn_find(context.lister),
        conn_flush(context.lister, context.registry),
        paged(drop_list(context.workers, context.shared, port_names), "drops"),
        explain_method(context.lister, context.publisher, context.marks, context.shared,
                       port_names),
        events_subscribe(context.events),
        events_unsubscribe(),
        direct("stats.get", {}, get(stats_get)),
        direct("stats.zero", {{"service"}}, on(stats_zero)),
        direct("timeout.get", {}, get([](const MethodContext& m) {
                   return timeouts_json(m.publisher.current().tunables);
               })),
        direct("timeout.set", {{"tcp"}, {"tcp_fin"}, {"udp"}}, on(timeout_set)),
        list("tunable.list", "tunables", tunables_json),
        direct("tunable.get", {name}, on(tunable_get)),
        direct("tunable.set", {name, {"value", true}}, on(tunable_set)),
        list("scheduler.list", "schedulers", schedulers_json),
        list("mark.list", "rules", marks_json),
        direct("mark.set", {{"rules", true}}, on(mark_set)),
        paged(direct("app.list", {}, get(app_list)), "apps"),
        direct("app.add", {name, {"port"}}, on(app_add)),
        direct("app.remove", {name, {"port"}}, on(app_remove)),
        list("worker.list", "workers", workers_json),
        list("port.list", "ports", ports_json)};
    for (auto& method : config_methods(context.config)) methods.push_back(std::move(method));
    for (auto& method : log_methods(context.config)) methods.push_back(std::move(method));
    for (auto& method : health_methods(context.registry, context.health))
        methods.push_back(std::move(method));
    for (auto& method : sync_methods(context.sync)) methods.push_back(std::move(method));
    for (auto& method : watch_methods(context.watch, [c] { return watch_ports(*c); }))
        methods.push_back(std::move(method));
    return MethodTable(std::move(methods));
}

}  // namespace shunt::ctl
