// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The control plane without a data plane: a real registry, publisher and method table over the
// counters of two workers that a test plays, with no thread, port or socket.
#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/methods/methods.h"
#include "sched/registry.h"

namespace shunt::test {

class Control {
  public:
    static constexpr std::uint32_t servers = 256;

    Control() {
        shared.dest_counters = {dests[0].data(), dests[1].data()};
        shared.overload = OverloadTable(servers);
    }
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

    /// What one line is answered, once everything under way has been done.
    std::string ask(std::string_view line) {
        std::string answer;
        ctl::dispatch_line(line, methods, [&answer](std::string a) { answer = std::move(a); });
        io.restart();
        io.run();
        return answer;
    }

    /// The tables of a worker.
    struct Connections {
        ConnTable<Ipv4> v4{64, 1, {}};
        ConnTable<Ipv6> v6{64, 1, {}};
    };

    std::array<std::array<DestCounters, servers + 1>, 2> dests;
    std::array<WorkerCounters, 2> counters;
    SharedState shared;
    boost::asio::io_context io;
    ctl::Publisher publisher{shared};
    ctl::ServiceRegistry registry{publisher, shared.dest_counters, servers, nullptr,
                                  &shared.overload};
    /// Compiled rules need the EAL; here those of the port names wan0 and lan0 stay empty ones.
    ctl::MarkRegistry marks{publisher, {"wan0", "lan0"}, [](std::span<const MarkRule>) {
                                return MarkRules::build({});
                            }};
    std::array<AppCounters, 2> app_counters;
    ctl::AppRegistry apps{publisher, [this](AppTable::Slot slot) {
                              return app_counters[0].bound[slot].value() +
                                     app_counters[1].bound[slot].value();
                          }};
    /// What the workers have; empty unless a test changes it.
    std::array<Connections, 2> connections;
    /// Templates, if a test has some. The services are those that are in force.
    std::unique_ptr<AffinityTable> affinity;
    TickTime now;
    ctl::ConnectionLister lister{io,
                                 2,
                                 true,
                                 [this](WorkerId worker, ctl::ConnectionRequest& request) {
                                     serve(connections[worker.value()], request);
                                     return true;
                                 },
                                 {.poll = std::chrono::milliseconds(0)}};
    ctl::BusyMeter busy{{&counters[0], &counters[1]}, 0};
    ctl::Room room{.connections = 3000, .buffers = 2000};
    ctl::DefenceControl defence{publisher, shared.defence, [this] { return room; }};
    ctl::EventBus events;
    std::vector<ctl::PortStatus> ports;
    /// What a test has the daemon started with.
    static ctl::Config started() {
        return ctl::parse_config(
            "workers = 2; servers = 256;\n"
            "ports = ( { name = \"wan0\"; device = \"net_null0\"; },\n"
            "          { name = \"lan0\"; device = \"net_null1\"; } );\n",
            "started", scheduler_names());
    }
    ctl::ConfigControl config{
        {registry, publisher, marks, apps, defence, lister, events}, started(), scheduler_names()};
    ctl::MethodTable methods =
        ctl::make_methods({.registry = registry,
                           .publisher = publisher,
                           .marks = marks,
                           .apps = apps,
                           .app_counters = {&app_counters[0], &app_counters[1]},
                           .expectations = nullptr,
                           .lister = lister,
                           .busy = busy,
                           .workers = {&counters[0], &counters[1]},
                           .worker_cpus = {3},
                           .ports = [this] { return ports; },
                           .connections_capacity = 4096,
                           .defence = defence,
                           .shared = shared,
                           .config = config,
                           .events = events,
                           .version = "1.2.3",
                           .started = std::chrono::steady_clock::now()});

  private:
    void serve(Connections& of, ctl::ConnectionRequest& request) {
        static const ServiceTable no_services;
        const auto& services = publisher.current().services;
        while (!request.step({.v4 = of.v4,
                              .v6 = of.v6,
                              .affinity = affinity.get(),
                              .services = services ? *services : no_services,
                              .timeouts = publisher.current().timeouts,
                              .now = now,
                              .worker = nullptr})) {
        }
        request.finish();
    }
};

}  // namespace shunt::test
