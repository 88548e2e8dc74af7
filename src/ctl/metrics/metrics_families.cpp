// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/metrics/metrics_families.h"

#include <initializer_list>

#include "ctl/metrics/metrics_list.h"
#include "dataplane/app_state.h"

namespace shunt::ctl {

namespace {

using Label = prometheus::ClientMetric::Label;
using Labels = std::initializer_list<Label>;

constexpr double page_bytes = 4096;

/// A counter of workers and the value of the label that tells it from its neighbours.
struct Part {
    std::string_view name;
    Counter WorkerCounters::*count;
};
constexpr std::array ways{
    Part{"received", &WorkerCounters::received},     Part{"from_twin", &WorkerCounters::from_twin},
    Part{"taken_over", &WorkerCounters::taken_over}, Part{"resumed", &WorkerCounters::resumed},
    Part{"generated", &WorkerCounters::generated},   Part{"split", &WorkerCounters::split}};
constexpr std::array verdicts{
    Part{"forwarded", &WorkerCounters::forwarded}, Part{"to_host", &WorkerCounters::to_host},
    Part{"from_host", &WorkerCounters::from_host}, Part{"handed_off", &WorkerCounters::handed_off},
    Part{"held", &WorkerCounters::held},           Part{"joined", &WorkerCounters::joined}};

struct Plain {
    Metric metric;
    Counter WorkerCounters::*count;
};
constexpr std::array plain_counters{
    Plain{Metric::worker_iterations_total, &WorkerCounters::iterations},
    Plain{Metric::worker_full_iterations_total, &WorkerCounters::full_iterations},
    Plain{Metric::worker_crowded_rings_total, &WorkerCounters::crowded_rings},
    Plain{Metric::worker_ended_early_total, &WorkerCounters::ended_early},
    Plain{Metric::worker_evicted_half_open_total, &WorkerCounters::evicted_half_open},
    Plain{Metric::worker_errors_suppressed_total, &WorkerCounters::errors_suppressed}};

struct AppEvent {
    std::string_view name;
    Counter AppCounters::*count;
};
constexpr std::array app_events{AppEvent{"data_connections", &AppCounters::data_connections},
                                AppEvent{"tftp_requests", &AppCounters::tftp_requests},
                                AppEvent{"unhelped", &AppCounters::unhelped},
                                AppEvent{"kept", &AppCounters::kept}};

class Families {
  public:
    Families() {
        families_.reserve(metric_list.size());
        for (const MetricAbout& about : metric_list)
            families_.push_back({.name = std::string(about.name),
                                 .help = std::string(about.text),
                                 .type = about.kind == MetricKind::counter
                                             ? prometheus::MetricType::Counter
                                             : prometheus::MetricType::Gauge,
                                 .metric = {}});
    }

    void reserve(Metric metric, std::size_t values) { family(metric).metric.reserve(values); }

    /// Beyond 2^53 a value loses its last digits.
    template <class T>
    void add(Metric metric, Labels labels, T value) {
        auto& family = this->family(metric);
        auto& one = family.metric.emplace_back();
        one.label = labels;
        if (family.type == prometheus::MetricType::Counter)
            one.counter.value = static_cast<double>(value);
        else
            one.gauge.value = static_cast<double>(value);
    }

    std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

  private:
    prometheus::MetricFamily& family(Metric metric) {
        return families_[static_cast<std::size_t>(metric)];
    }
    std::vector<prometheus::MetricFamily> families_;
};

template <class Whose, class Count>
std::uint64_t sum(const std::vector<const Whose*>& workers, Count count) {
    std::uint64_t all = 0;
    for (const Whose* worker : workers) all += count(*worker).value();
    return all;
}

void add_daemon(Families& out, const MetricsSource& source, bool answers) {
    out.add(Metric::build_info, {{"version", source.version}}, 1);
    out.add(Metric::start_time_seconds, {}, source.start_time);
    out.add(Metric::control_up, {}, answers ? 1 : 0);
    out.add(Metric::connections_capacity, {}, source.connections_capacity);
}

void add_workers(Families& out, const MetricsSource& source) {
    for (std::size_t w = 0; w < source.workers.size(); ++w) {
        const WorkerCounters& counters = *source.workers[w];
        const Label worker{"worker", std::to_string(w)};
        for (const auto& [name, count] : ways)
            out.add(Metric::worker_entered_packets_total, {worker, {"way", std::string(name)}},
                    (counters.*count).value());
        for (const auto& [name, count] : verdicts)
            out.add(Metric::worker_finished_packets_total, {worker, {"verdict", std::string(name)}},
                    (counters.*count).value());
        out.add(Metric::worker_finished_packets_total, {worker, {"verdict", "dropped"}},
                counters.all_dropped());
        for (const auto& [metric, count] : plain_counters)
            out.add(metric, {worker}, (counters.*count).value());
        out.add(
            Metric::worker_busy_seconds_total, {worker},
            static_cast<double>(counters.busy_cycles.value()) / static_cast<double>(source.tsc_hz));
    }
    for (std::size_t i = 0; i < drop_reason_count; ++i)
        out.add(Metric::dropped_packets_total, {{"reason", std::string(drop_reason_texts[i].name)}},
                sum(
                    source.workers, [i](const auto& c) -> auto& { return c.dropped[i]; }));
}

void add_app_events(Families& out, const MetricsSource& source) {
    const auto add = [&](std::string_view event, auto count) {
        out.add(Metric::app_events_total, {{"event", std::string(event)}},
                sum(source.app_counters, count));
    };
    for (const auto& event : app_events)
        add(
            event.name, [&event](const auto& c) -> auto& { return c.*event.count; });
    for (std::size_t i = 0; i < ftp_counter_names.size(); ++i)
        add(
            ftp_counter_names[i].name, [i](const auto& c) -> auto& { return c.ftp[i]; });
}

void add_sync(Families& out, const MetricsSample& sample) {
    out.add(Metric::sync_running, {{"role", "master"}}, sample.sync_master ? 1 : 0);
    out.add(Metric::sync_running, {{"role", "backup"}}, sample.sync_backup ? 1 : 0);
    for (const auto& count : sample.sync)
        out.add(Metric::sync_events_total, {{"event", count.name}}, count.value);
}

void add_room(Families& out, const MetricsSample& sample) {
    const Room& room = sample.room;
    const auto add = [&](const char* of, std::uint64_t left, std::uint64_t all) {
        out.add(Metric::room_bytes, {{"of", of}}, static_cast<double>(left) * page_bytes);
        out.add(Metric::room_size_bytes, {{"of", of}}, static_cast<double>(all) * page_bytes);
    };
    add("connections", room.connections, room.all_connections);
    add("buffers", room.buffers, room.all_buffers);
    out.add(Metric::room_short, {}, sample.short_of_room ? 1 : 0);
    for (const DefenceLevel& level : sample.defence)
        out.add(Metric::defence_level, {{"tunable", std::string(level.tunable)}}, level.value);
}

void add_port(Families& out, const PortStatus& port) {
    const Label name{"port", port.name};
    out.add(
        Metric::port_info,
        {name, {"device", port.device}, {"mac", to_string(port.mac)}, {"steering", port.steering}},
        1);
    out.add(Metric::port_up, {name}, port.link_up ? 1 : 0);
    out.add(Metric::port_mtu_bytes, {name}, port.mtu);
    out.add(Metric::port_received_packets_total, {name}, port.received);
    out.add(Metric::port_sent_packets_total, {name}, port.sent);
    out.add(Metric::port_missed_packets_total, {name}, port.missed);
    out.add(Metric::port_errors_total, {name}, port.errors);
}

void add_apps(Families& out, const MetricsSample& sample) {
    for (const auto& row : sample.apps)
        out.add(Metric::app_connections,
                {{"app", std::string(name(row.app))}, {"port", std::to_string(row.port.value())}},
                row.connections);
    out.add(Metric::app_expected_connections, {}, sample.expected);
}

void add_total(Families& out, const MetricsSample& sample) {
    const Traffic& counts = sample.total.counts;
    out.add(Metric::services, {}, sample.services.size());
    out.add(Metric::removed_servers, {}, sample.removed_servers);
    out.add(Metric::scheduled_connections_total, {}, counts.connections);
    out.add(Metric::packets_total, {{"direction", "in"}}, counts.packets_in);
    out.add(Metric::packets_total, {{"direction", "out"}}, counts.packets_out);
    out.add(Metric::bytes_total, {{"direction", "in"}}, counts.bytes_in);
    out.add(Metric::bytes_total, {{"direction", "out"}}, counts.bytes_out);
}

double seconds(std::chrono::steady_clock::duration time) {
    return std::chrono::duration<double>(time).count();
}

void add_checks(Families& out, const CheckNumbers& checks) {
    static constexpr std::array<std::pair<const char*, CheckEnd>, 4> ends{
        {{"passed", CheckEnd::passed},
         {"failed", CheckEnd::failed},
         {"timed_out", CheckEnd::timed_out},
         {"not_made", CheckEnd::not_made}}};
    for (const auto& [name, end] : ends)
        out.add(Metric::health_checks_total, {{"end", name}},
                checks.ends[static_cast<std::size_t>(end)]);
    out.add(Metric::health_check_seconds_total, {}, seconds(checks.took));
    out.add(Metric::health_servers, {}, checks.servers);
    out.add(Metric::health_checks_running, {}, checks.running);
    out.add(Metric::health_checks_waiting, {}, checks.waiting);
}

using CheckTimes = std::vector<std::chrono::steady_clock::duration>;

void add_server(Families& out, const Label& service, const ServerView& view) {
    const Label server{"server", to_string(view.server.endpoint)};
    const Traffic& counts = view.stats.counts;
    const auto both = [&](Metric metric, std::uint64_t in, std::uint64_t back) {
        out.add(metric, {service, server, {"direction", "in"}}, in);
        out.add(metric, {service, server, {"direction", "out"}}, back);
    };
    out.add(Metric::server_weight, {service, server}, view.health.out ? 0 : view.server.weight);
    if (const Health health = view.health.health(); health != Health::unchecked)
        out.add(Metric::server_up, {service, server}, health == Health::up ? 1 : 0);
    out.add(Metric::server_connections, {service, server, {"state", "active"}}, view.active);
    out.add(Metric::server_connections, {service, server, {"state", "inactive"}}, view.inactive);
    out.add(Metric::server_templates, {service, server}, view.persistent);
    out.add(Metric::server_scheduled_connections_total, {service, server}, counts.connections);
    both(Metric::server_packets_total, counts.packets_in, counts.packets_out);
    both(Metric::server_bytes_total, counts.bytes_in, counts.bytes_out);
}

/// Of the servers that were checked already.
void add_check_times(Families& out, const Label& service, const ServiceView& view,
                     const CheckTimes& times) {
    for (std::size_t i = 0; i < times.size(); ++i)
        if (times[i].count() != 0)
            out.add(Metric::server_check_seconds,
                    {service, {"server", to_string(view.servers[i].server.endpoint)}},
                    seconds(times[i]));
}

void add_service(Families& out, const ServiceView& view, bool servers, const CheckTimes& times) {
    const Label service{"service", service_label(view.key)};
    std::uint64_t active = 0;
    std::uint64_t inactive = 0;
    std::size_t usable = 0;
    for (const ServerView& server : view.servers) {
        active += server.active;
        inactive += server.inactive;
        usable += server.server.weight != 0 && !server.health.out ? 1 : 0;
        if (servers) add_server(out, service, server);
    }
    if (servers) add_check_times(out, service, view, times);
    out.add(Metric::service_connections, {service, {"state", "active"}}, active);
    out.add(Metric::service_connections, {service, {"state", "inactive"}}, inactive);
    out.add(Metric::service_servers, {service, {"usable", "yes"}}, usable);
    out.add(Metric::service_servers, {service, {"usable", "no"}}, view.servers.size() - usable);
    const Traffic& counts = view.stats.counts;
    out.add(Metric::service_scheduled_connections_total, {service}, counts.connections);
    out.add(Metric::service_packets_total, {service, {"direction", "in"}}, counts.packets_in);
    out.add(Metric::service_packets_total, {service, {"direction", "out"}}, counts.packets_out);
    out.add(Metric::service_bytes_total, {service, {"direction", "in"}}, counts.bytes_in);
    out.add(Metric::service_bytes_total, {service, {"direction", "out"}}, counts.bytes_out);
}

/// A large array that grows would be copied again and again.
void reserve_servers(Families& out, const MetricsSample& sample) {
    std::size_t servers = 0;
    for (const ServiceView& view : sample.services) servers += view.servers.size();
    for (const Metric one : {Metric::server_weight, Metric::server_templates,
                             Metric::server_scheduled_connections_total})
        out.reserve(one, servers);
    for (const Metric two :
         {Metric::server_connections, Metric::server_packets_total, Metric::server_bytes_total})
        out.reserve(two, 2 * servers);
}

void add_sample(Families& out, const MetricsSample& sample, bool servers) {
    add_total(out, sample);
    add_sync(out, sample);
    add_room(out, sample);
    for (std::size_t w = 0; w < sample.worker_connections.size(); ++w)
        out.add(Metric::worker_connections, {{"worker", std::to_string(w)}},
                sample.worker_connections[w]);
    for (const PortStatus& port : sample.ports) add_port(out, port);
    add_apps(out, sample);
    if (servers) reserve_servers(out, sample);
    add_checks(out, sample.checks);
    const CheckTimes none;
    for (std::size_t i = 0; i < sample.services.size(); ++i)
        add_service(out, sample.services[i], servers,
                    i < sample.check_times.size() ? sample.check_times[i] : none);
}

}  // namespace

std::string service_label(const ServiceKey& key) {
    if (key.mark == Mark{})
        return std::string(to_string(key.protocol)) + ' ' + to_string(key.endpoint);
    const bool ipv6 = key.endpoint.address.family() == Family::ipv6;
    return "mark " + std::to_string(key.mark.value()) + (ipv6 ? " ipv6" : "");
}

std::vector<prometheus::MetricFamily> metric_families(const MetricsSource& source,
                                                      const MetricsSample* sample) {
    Families families;
    add_daemon(families, source, sample != nullptr);
    add_workers(families, source);
    add_app_events(families, source);
    if (sample != nullptr) add_sample(families, *sample, source.servers);
    return families.take();
}

}  // namespace shunt::ctl
