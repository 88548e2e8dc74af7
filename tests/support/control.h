// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The control plane without a data plane: a real registry, publisher and method table over the
// counters of two workers that a test plays, with no thread, port or socket.
#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/methods.h"

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
    /// What a worker does with a page; from empty tables unless a test sets it.
    std::function<void(WorkerId, ctl::ConnectionPage&)> serve = [](WorkerId,
                                                                   ctl::ConnectionPage& page) {
        static const ConnTable<Ipv4> v4(16, 1, {});
        static const ConnTable<Ipv6> v6(16, 1, {});
        while (!page.step(v4, v6, {}, {})) {
        }
    };
    ctl::ConnectionLister lister{io,
                                 2,
                                 [this](WorkerId worker, ctl::ConnectionPage& page) {
                                     serve(worker, page);
                                     page.finish();
                                     return true;
                                 },
                                 {.poll = std::chrono::milliseconds(0)}};
    ctl::BusyMeter busy{{&counters[0], &counters[1]}, 0};
    std::vector<ctl::PortStatus> ports;
    ctl::MethodTable methods = ctl::make_methods({.registry = registry,
                                                  .publisher = publisher,
                                                  .marks = marks,
                                                  .lister = lister,
                                                  .busy = busy,
                                                  .workers = {&counters[0], &counters[1]},
                                                  .worker_cpus = {3},
                                                  .ports = [this] { return ports; },
                                                  .connections_capacity = 4096,
                                                  .version = "1.2.3",
                                                  .started = std::chrono::steady_clock::now()});
};

}  // namespace shunt::test
