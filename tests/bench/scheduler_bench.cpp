// SPDX-License-Identifier: BSD-3-Clause
// Time a choice of every scheduler, by number of servers. Loads change as in life: the chosen
// server gets the connection, and for each one that begins an older one ends.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>

#include "sched/registry.h"
#include "service/service_table.h"

namespace shunt {
namespace {

class Lab {
  public:
    Lab(const Scheduler& scheduler, std::uint32_t servers)
        : counters_(servers),
          changes_(load_group(DestId(servers)) + 1),
          live_(std::size_t{connections_each} * servers) {
        service_.scheduler = &scheduler;
        service_.state = std::make_shared<SchedulerState>();
        for (std::uint32_t i = 0; i < servers; ++i) add(i);
        service_.state->memory = scheduler.make_memory(1);
        service_.table = scheduler.build(service_.servers, service_.scheduler_options);
        if (scheduler.compares_loads() && servers >= LoadCache::least_servers)
            service_.cache = std::make_shared<LoadCache>(service_.servers, 1);
        for (std::size_t i = 0; i < live_.size(); ++i) begin(live_[i] = next_choice());
    }

    /// One choice, one connection more, one less.
    void step() {
        DestId& place = live_[turn_++ % live_.size()];
        end(place);
        begin(place = next_choice());
    }

  private:
    static constexpr std::uint32_t connections_each = 20;
    static constexpr std::uint32_t destinations_each = 1U << 20;  ///< clients; 4,096 destinations

    void add(std::uint32_t number) {
        RealServer server;
        server.id = DestId(number);
        server.sequence = number + 1;
        server.endpoint = {Ipv4Address{Be32(0x0A00'0000U + number)}, L4Port(std::uint16_t{80})};
        server.weight = server.last_weight = 8 * (1 + number % 7);
        service_.servers.insert(service_.servers.begin(), server);
        service_.scheduler->reconfigure(service_.servers, *service_.state);
    }
    DestId next_choice() {
        client_ = client_ * 1664525 + 1013904223;
        const Loads loads(arrays_, nullptr, change_arrays_, WorkerId());
        const Ipv4Address destination{Be32(0xC000'0000U + client_ / destinations_each)};
        const auto choice = service_.choose(loads,
                                            {.client = client_,
                                             .destination = fold(destination),
                                             .client_port = L4Port(),
                                             .destination_address = destination},
                                            TickTime(Ticks(1)), tunables_);
        if (!choice) std::abort();
        return service_.servers[*choice].id;
    }
    void begin(DestId id) {
        counters_[id.value()].total.add();
        counters_[id.value()].active.add();
        changes_[load_group(id)].bump();
    }
    void end(DestId id) {
        counters_[id.value()].total.sub();
        counters_[id.value()].active.sub();
        changes_[load_group(id)].bump();
    }

    VirtualService service_;
    std::vector<DestCounters> counters_;
    std::vector<LoadChanges> changes_;
    std::array<DestCounters*, 1> arrays_{counters_.data()};
    std::array<LoadChanges*, 1> change_arrays_{changes_.data()};
    std::vector<DestId> live_;  ///< the servers of the connections, oldest next
    Tunables tunables_;
    std::size_t turn_ = 0;
    std::uint32_t client_ = 1;
};

void choices(benchmark::State& state, const Scheduler& scheduler) {
    Lab lab(scheduler, static_cast<std::uint32_t>(state.range(0)));
    for (auto _ : state) lab.step();
}

}  // namespace
}  // namespace shunt

int main(int count, char** arguments) {
    for (const auto& name : shunt::scheduler_names())
        benchmark::RegisterBenchmark(name.c_str(),
                                     [scheduler = shunt::find_scheduler(name)](auto& state) {
                                         shunt::choices(state, *scheduler);
                                     })
            ->Arg(10)
            ->Arg(100)
            ->Arg(1000);
    benchmark::Initialize(&count, arguments);
    if (benchmark::ReportUnrecognizedArguments(count, arguments)) return EXIT_FAILURE;
    benchmark::RunSpecifiedBenchmarks();
}
