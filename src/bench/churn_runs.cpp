// SPDX-License-Identifier: BSD-3-Clause
#include "bench/churn_runs.h"

#include <algorithm>
#include <stdexcept>

#include "bench/balancer.h"
#include "bench/churn_check.h"
#include "bench/statistics.h"
#include "sched/registry.h"

namespace shunt::bench {

namespace {

constexpr unsigned bursts_on_ring = LoopDevice::in_flight / burst_size;
/// Bursts whose packets are compared byte by byte before each repeat, one ring turn aside.
constexpr unsigned checked_bursts = 128;
constexpr std::uint32_t iterations_between_reports = 1U << 14;

/// Those in flight and as many in TIME_WAIT, with an eighth of room.
std::uint32_t capacity_for(std::uint32_t flows) noexcept {
    return 2 * flows + flows / 4 + LoopDevice::in_flight;
}

/// Learns what became of the last packets, and makes no new ones.
template <class F>
class Learner final : public TransmitHook {
  public:
    explicit Learner(ChurnSource<F>& source) : source_(source) {}
    void sent(std::span<rte_mbuf*> packets) noexcept override {
        for (const rte_mbuf* packet : packets) source_.learn(packet);
    }

  private:
    ChurnSource<F>& source_;
};

/// A balancer with connections that come and go.
template <class F>
class ChurningTable {
  public:
    ChurningTable(const Options& options, std::uint32_t flows, LoopDevice& device)
        : options_(options),
          device_(device),
          flows_(flows),
          balancer_(*find_scheduler(options.scheduler), options.method, capacity_for(flows),
                    device),
          source_(flows, options.method, device.frame_length(), options.reuse_ports),
          cycles_per_iteration_(balancer_.tsc_per_tick() *
                                static_cast<std::uint64_t>(
                                    std::chrono::duration_cast<Ticks>(churn_time_wait).count()) *
                                burst_size / (std::uint64_t{flows} * source_.steps())) {}

    [[nodiscard]] const ConnTable<F>& table() const noexcept {
        return balancer_.template connections<F>();
    }
    [[nodiscard]] std::uint32_t steps() const noexcept { return source_.steps(); }
    [[nodiscard]] std::uint64_t expired() const noexcept {
        return balancer_.scheduled() - table().size();
    }
    [[nodiscard]] std::uint64_t cycles_per_iteration() const noexcept {
        return cycles_per_iteration_;
    }

    /// Until connections expire as fast as they begin.
    void warm_up(const Progress& progress) {
        begin(source_);
        const std::uint64_t packets = std::uint64_t{flows_} * source_.steps() * 5 / 2;
        for (std::uint64_t i = 0; i < packets / burst_size; ++i) {
            if (i % iterations_between_reports == 0)
                progress("filling the table: " + std::to_string(table().size()) + " connections");
            iterate();
        }
        end();
    }

    /// Every packet of `turns` packets for each place is compared byte by byte.
    void check_whole_connections(std::uint32_t turns) {
        check_frames(std::uint64_t{flows_} * turns / burst_size);
        check_counts();
    }

    void measure(ChurnRun& run) {
        check_frames(bursts_on_ring + checked_bursts);
        begin(source_);
        const auto burst = [&] { iterate(); };
        run.churn = Stopwatch(options_.seconds).run(burst);
        run.latency = measure_latency(device_, source_, options_.seconds, burst);
        end();
        check_counts();
    }

  private:
    /// Time stands still between begin() and the last end(); so others can use the device there.
    void begin(TransmitHook& hook) {
        // What others made of these packets is no word about connections.
        for (rte_mbuf* packet : device_.packets())
            std::ranges::fill(reset_frame(packet, device_.frame_length()), std::byte{0});
        device_.refill(hook);
        device_.set_hook(&hook);
    }
    void iterate() noexcept {
        clock_ += cycles_per_iteration_;
        balancer_.set_clock(clock_);
        balancer_.iterate();
    }
    /// What is under way comes out at the other end.
    void end() {
        Learner<F> learner(source_);
        device_.set_hook(&learner);
        for (unsigned i = 0; i < bursts_on_ring; ++i) iterate();
        device_.set_hook(nullptr);
    }

    void check_frames(std::uint64_t bursts) {
        ChurnCheck<F> check(options_.method, source_);
        begin(check);
        for (std::uint64_t i = 0; i < bursts; ++i) iterate();
        end();
        balancer_.check_verdicts();
        if (check.wrong() != 0)
            throw std::runtime_error(std::to_string(check.wrong()) +
                                     " packets came out wrong; the first: " + check.difference());
        if (check.checked().front() == 0) throw std::runtime_error("no packet was checked");
    }

    void check_counts() const {
        balancer_.check_verdicts();
        if (balancer_.scheduled() != source_.begun())
            throw std::runtime_error(std::to_string(balancer_.scheduled()) +
                                     " connections were made of " +
                                     std::to_string(source_.begun()) + " SYNs");
    }

    const Options& options_;
    LoopDevice& device_;
    std::uint32_t flows_;
    Balancer balancer_;
    ChurnSource<F> source_;
    std::uint64_t cycles_per_iteration_;
    std::uint64_t clock_ = 0;
};

/// All packets of a few connections, into TIME_WAIT and out of it.
template <class F>
void check_connections(const Options& options, LoopDevice& device, const Progress& progress) {
    progress("checking every packet of some connections");
    ChurningTable<F> table(options, ChurnSource<F>::least_flows, device);
    table.check_whole_connections(4 * table.steps());
    if (table.expired() < ChurnSource<F>::least_flows)
        throw std::runtime_error("ended connections do not expire");
}

template <class F>
ChurnResults measure_family(const Options& options, const Progress& progress) {
    ChurnResults results;
    results.packet_size = packet_size_for<F>(options);
    LoopDevice device(frame_length_for(results.packet_size));
    check_connections<F>(options, device, progress);
    progress("filling the limit's table");
    LimitLoop limit(options.flows);
    ChurningTable<F> table(options, options.flows, device);
    table.warm_up(progress);
    RunProgress run_progress(progress, options.repeat);
    for (std::uint32_t i = 0; i < options.repeat; ++i) {
        run_progress.next();
        ChurnRun& run = results.runs.emplace_back();
        run.limit = time_limit(options, device, limit);
        table.measure(run);
    }
    std::vector<double> cycles;
    for (const ChurnRun& run : results.runs) cycles.push_back(run.cycles());
    results.simulated_seconds_per_second =
        static_cast<double>(table.cycles_per_iteration()) / (median(cycles) * burst_size);
    results.packets_per_connection = table.steps();
    results.connections = table.table().size();
    results.capacity = table.table().capacity();
    results.table_bytes = table.table().bytes();
    results.expired = table.expired();
    results.machine = describe_machine();
    return results;
}

}  // namespace

ChurnResults measure_churn(const Options& options, const Progress& progress) {
    return options.family == Family::ipv4 ? measure_family<Ipv4>(options, progress)
                                          : measure_family<Ipv6>(options, progress);
}

}  // namespace shunt::bench
