// SPDX-License-Identifier: BSD-3-Clause
#include "bench/connect_runs.h"

#include <algorithm>
#include <stdexcept>

#include "bench/frame_check.h"
#include "bench/fresh_flows.h"
#include "bench/handshakes.h"
#include "bench/limit_loop.h"
#include "bench/statistics.h"
#include "sched/registry.h"

namespace shunt::bench {

namespace {

constexpr std::uint32_t iterations_per_chunk = 1024 / burst_size;
/// Connections beyond those measured, whose SYNs are compared byte by byte.
constexpr std::uint32_t checked_connections = 32 * burst_size;
constexpr std::uint32_t iterations_between_reports = 4096;

/// A table is not filled to its last place: an eighth stays free.
std::uint32_t capacity_for(std::uint32_t flows) noexcept {
    return flows + flows / 8 + checked_connections;
}

/// One balancer, from an empty table to a full one.
template <class F>
class GrowingTable {
  public:
    GrowingTable(const Options& options, LoopDevice& device)
        : options_(options),
          device_(device),
          balancer_(*find_scheduler(options.scheduler), options.method, capacity_for(options.flows),
                    device) {}

    [[nodiscard]] const ConnTable<F>& table() const noexcept {
        return balancer_.template connections<F>();
    }

    void grow(Growth& growth, const Progress& progress) {
        FreshFlows<F> source(options_.flows, device_.frame_length());
        device_.refill(source);
        device_.set_hook(&source);
        const std::uint32_t iterations = (options_.flows - 1) / burst_size + 1;
        std::vector<float> chunks;
        chunks.reserve(iterations / iterations_per_chunk + 1);
        std::chrono::nanoseconds chunk{};
        IterationWatch watch;
        for (std::uint32_t i = 0; i < iterations;) {
            Iteration iteration = watch.run([&] { balancer_.iterate(); });
            iteration.connections = i * burst_size;
            growth.iterations.add(iteration);
            chunk += iteration.own;
            if (++i % iterations_per_chunk == 0)
                chunks.push_back(static_cast<float>(std::exchange(chunk, {}).count()));
            if (i % iterations_between_reports == 0)
                progress("connections: " + std::to_string(i * burst_size) + " of " +
                         std::to_string(options_.flows));
        }
        device_.set_hook(nullptr);
        sum_up(growth, chunks);
        check_counts();
    }

    /// The next SYNs of fresh tuples come out as they must.
    void check_frames() {
        const FrameTemplate<F> syn(Direction::from_client, 0, TcpHeader::syn,
                                   device_.frame_length());
        for (std::uint32_t i = 0; i < checked_connections; i += burst_size)
            check_burst(syn, options_.flows + i);
    }

  private:
    void sum_up(Growth& growth, std::vector<float>& chunks) const {
        const double cycles_per_ns = static_cast<double>(rte_get_tsc_hz()) / 1e9;
        const auto own = static_cast<double>(growth.iterations.own_total().count());
        const auto elapsed = static_cast<double>(growth.iterations.elapsed_total().count());
        growth.cycles_per_connection = own * cycles_per_ns / options_.flows;
        growth.middle_cycles = chunks.empty() ? growth.cycles_per_connection
                                              : percentile(chunks, 0.5) * cycles_per_ns /
                                                    (double{iterations_per_chunk} * burst_size);
        growth.cpu_share = own / elapsed;
    }

    void check_counts() const {
        const WorkerCounters& c = balancer_.counters();
        if (c.received.value() != c.forwarded.value() || !c.conserved())
            throw std::runtime_error("not every SYN was forwarded");
        if (table().size() != options_.flows || table().slots_used() != options_.flows)
            throw std::runtime_error(std::to_string(table().size()) + " connections exist after " +
                                     std::to_string(options_.flows) + " were opened");
    }

    void check_burst(const FrameTemplate<F>& syn, std::uint32_t first_flow) {
        std::array<rte_mbuf*, LoopDevice::in_flight> sent;
        device_.collect(sent);
        const auto packets = device_.packets().first(burst_size);
        std::array<std::vector<std::byte>, burst_size> made;
        for (std::uint32_t i = 0; i < burst_size; ++i) {
            const auto frame = reset_frame(packets[i], device_.frame_length());
            syn.write(frame.template first<FrameTemplate<F>::headers>(), client_of(first_flow + i));
            made[i].assign(frame.begin(), frame.end());
        }
        device_.inject(packets);
        balancer_.iterate();
        if (device_.collect(sent) != burst_size)
            throw std::runtime_error("a SYN of a fresh tuple was not forwarded");
        for (std::uint32_t i = 0; i < burst_size; ++i) {
            const auto wrong =
                frame_difference<F>(options_.method, first_bytes(sent[i]),
                                    expected_frame<F>(options_.method, std::move(made[i]), false,
                                                      server_of<F>(options_.method, sent[i])));
            if (!wrong.empty()) throw std::runtime_error("a SYN came out wrong: " + wrong);
        }
    }

    const Options& options_;
    LoopDevice& device_;
    Balancer balancer_;
};

template <class F>
void measure_growth(const Options& options, LoopDevice& device, ConnectResults& results,
                    Growth& growth, const Progress& progress) {
    const std::uint64_t bytes_before = resident_bytes();
    const auto begin = std::chrono::steady_clock::now();
    GrowingTable<F> table(options, device);
    growth.making = std::chrono::steady_clock::now() - begin;
    const std::uint64_t bytes_made = resident_bytes();
    table.grow(growth, progress);
    growth.bytes_at_start = bytes_made - bytes_before;
    growth.bytes_grown = resident_bytes() - bytes_made;
    table.check_frames();
    results.capacity = table.table().capacity();
    results.table_bytes = table.table().bytes();
    results.machine = describe_machine();
}

template <class F>
ConnectResults measure_family(const Options& options, const Progress& progress) {
    ConnectResults results;
    results.packet_size = packet_size_for<F>(options);
    LoopDevice device(frame_length_for(results.packet_size));
    progress("filling the limit's table");
    LimitLoop limit(options.flows);
    RunProgress run_progress(progress, options.repeat);
    for (std::uint32_t i = 0; i < options.repeat; ++i) {
        run_progress.next();
        Growth& growth = results.runs.emplace_back();
        growth.limit = time_limit(options, device, limit);
        measure_growth<F>(options, device, results, growth, progress);
    }
    return results;
}

}  // namespace

ConnectResults measure_connect(const Options& options, const Progress& progress) {
    return options.family == Family::ipv4 ? measure_family<Ipv4>(options, progress)
                                          : measure_family<Ipv6>(options, progress);
}

}  // namespace shunt::bench
