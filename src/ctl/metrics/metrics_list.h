// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Every metric that a scrape can show: its name without "shunt_", its type, its labels, and one
// sentence. The list is shared by the exporter, the documentation (docs/metrics.md) and the tests.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shunt::ctl {

// clang-format off
#define SHUNT_METRICS(X)                                                                           \
    X(build_info, gauge, "version", "1; the label is the version of the program")                  \
    X(start_time_seconds, gauge, "", "when the daemon started, in seconds since 1970")             \
    X(control_up, gauge, "",                                                                       \
      "0 when the control thread did not answer within a second: then what it knows is missing")   \
    X(services, gauge, "", "services that are configured")                                         \
    X(removed_servers, gauge, "",                                                                  \
      "servers that left their service and whose slots are still kept")                            \
    X(connections_capacity, gauge, "", "most connections over all workers, of each family")        \
    X(room_bytes, gauge, "of", "free places for connections, free packet buffers")                 \
    X(room_size_bytes, gauge, "of", "the same, free or not")                                       \
    X(room_short, gauge, "", "1 while less room is left than the tunable amemthresh asks for")     \
    X(defence_level, gauge, "tunable",                                                             \
      "value of drop_entry, drop_packet or secure_tcp: 0 never, 1 ready, 2 at work, 3 always")     \
    X(scheduled_connections_total, counter, "",                                                    \
      "connections that were scheduled, those of deleted services too")                            \
    X(packets_total, counter, "direction", "packets from clients (in) and from servers (out)")     \
    X(bytes_total, counter, "direction", "bytes of these, from the network header on")             \
    X(dropped_packets_total, counter, "reason", "packets dropped, over all workers")               \
    X(worker_entered_packets_total, counter, "worker, way", "packets that came to a worker")       \
    X(worker_finished_packets_total, counter, "worker, verdict", "what became of them")            \
    X(worker_connections, gauge, "worker", "connections that the worker owns")                     \
    X(worker_busy_seconds_total, counter, "worker", "time in iterations that found work")          \
    X(worker_iterations_total, counter, "worker", "turns of the worker's loop")                    \
    X(worker_full_iterations_total, counter, "worker",                                             \
      "of these, those that received a full burst")                                                \
    X(worker_crowded_rings_total, counter, "worker",                                               \
      "bursts passed on by a ring to another worker that was half full")                           \
    X(worker_ended_early_total, counter, "worker", "connections that drop_entry ended")            \
    X(worker_evicted_half_open_total, counter, "worker",                                           \
      "half-open connections that made room for newer ones")                                       \
    X(worker_errors_suppressed_total, counter, "worker",                                           \
      "ICMP errors that the limits on them kept from being made")                                  \
    X(port_info, gauge, "port, device, mac, steering",                                             \
      "1; how packets of the port find their worker")                                              \
    X(port_up, gauge, "port", "1 while the link is up")                                            \
    X(port_mtu_bytes, gauge, "port", "largest network-layer packet")                               \
    X(port_received_packets_total, counter, "port", "packets received, as the device counts them") \
    X(port_sent_packets_total, counter, "port", "packets sent")                                    \
    X(port_missed_packets_total, counter, "port",                                                  \
      "packets that came while no descriptor or buffer was free")                                  \
    X(port_errors_total, counter, "port", "receive and transmit errors")                           \
    X(app_connections, gauge, "app, port", "connections that an application looks into")           \
    X(app_expected_connections, gauge, "", "announced data connections that have not come yet")    \
    X(app_events_total, counter, "event", "what applications met with; see \"Applications\"")      \
    X(health_checks_total, counter, "end",                                                         \
      "checks of real servers: passed, failed, timed_out, not_made")                               \
    X(health_check_seconds_total, counter, "", "time that all of these took together")             \
    X(health_servers, gauge, "", "real servers that are checked")                                  \
    X(health_checks_running, gauge, "", "checks under way")                                        \
    X(health_checks_waiting, gauge, "", "checks that are due and wait until fewer are under way")  \
    X(sync_running, gauge, "role", "1 while a sync daemon of this role runs")                      \
    X(sync_events_total, counter, "event",                                                         \
      "what sync daemons told and heard; see \"Synchronisation\"")                                 \
    X(service_connections, gauge, "service, state", "connections that exist now")                  \
    X(service_servers, gauge, "service, usable",                                                   \
      "real servers, by whether they have a weight other than 0 and are not down")                 \
    X(service_scheduled_connections_total, counter, "service", "connections that were scheduled")  \
    X(service_packets_total, counter, "service, direction",                                        \
      "packets from clients (in) and from servers (out)")                                          \
    X(service_bytes_total, counter, "service, direction",                                          \
      "bytes of these, from the network header on")                                                \
    X(server_weight, gauge, "service, server",                                                     \
      "share of new connections that is in force; 0: none, or the server is down")                 \
    X(server_up, gauge, "service, server",                                                         \
      "1 while a server that is checked or forced is up, 0 while it is down")                      \
    X(server_check_seconds, gauge, "service, server", "how long its last check took")              \
    X(server_connections, gauge, "service, server, state", "connections that exist now")           \
    X(server_templates, gauge, "service, server", "clients that are brought back to the server")   \
    X(server_scheduled_connections_total, counter, "service, server",                              \
      "connections that were scheduled")                                                           \
    X(server_packets_total, counter, "service, server, direction",                                 \
      "packets from clients (in) and from the server (out)")                                       \
    X(server_bytes_total, counter, "service, server, direction",                                   \
      "bytes of these, from the network header on")
// clang-format on

enum class Metric : std::uint8_t {
#define SHUNT_X(name, type, labels, text) name,
    SHUNT_METRICS(SHUNT_X)
#undef SHUNT_X
};

enum class MetricKind : std::uint8_t { counter, gauge };

struct MetricAbout {
    std::string_view name;
    MetricKind kind;
    std::string_view labels;  ///< with ", " between; in the order in which they are given
    std::string_view text;
};

/// By Metric.
inline constexpr std::array metric_list{
#define SHUNT_X(name, type, labels, text) \
    MetricAbout{"shunt_" #name, MetricKind::type, labels, text},
    SHUNT_METRICS(SHUNT_X)
#undef SHUNT_X
};

}  // namespace shunt::ctl
