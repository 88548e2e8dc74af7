// SPDX-License-Identifier: BSD-3-Clause
#include "bench/runs.h"

#include <algorithm>
#include <stdexcept>

#include "bench/frame_check.h"
#include "bench/handshakes.h"
#include "bench/statistics.h"
#include "sched/registry.h"

namespace shunt::bench {

namespace {

using namespace std::chrono_literals;

/// Bursts whose packets are compared byte by byte in each repeat, one ring turn aside.
constexpr unsigned checked_bursts = 128;
constexpr unsigned bursts_on_ring = LoopDevice::in_flight / burst_size;
/// Longer than the timeout of a connection whose first state is not known yet.
constexpr auto first_timers = 4s;

/// The balancer with its connections, and what is measured on it.
template <class F>
class ForwardRuns {
  public:
    ForwardRuns(const Options& options, LoopDevice& device, const Progress& progress)
        : options_(options),
          device_(device),
          balancer_(*find_scheduler(options.scheduler), options.method, options.flows, device,
                    options.hand_off),
          servers_(open_connections<F>(balancer_, device, options.method, options.flows,
                                       [&](std::uint32_t opened) {
                                           progress(
                                               "opening connections: " + std::to_string(opened) +
                                               " of " + std::to_string(options.flows));
                                       })),
          source_(options.flows, options.direction, device.frame_length(), servers_) {
        balancer_.skip(first_timers);
    }

    void measure(Run& run) {
        if (options_.ftp) {
            balancer_.load_ftp(false);
            check_frames();
            run.without_ftp = time_packets();
            balancer_.load_ftp(true);
        }
        check_frames();
        const std::uint64_t received = balancer_.receiver_counters().busy_cycles.value();
        const std::uint64_t owned = balancer_.counters().busy_cycles.value();
        run.forward = time_packets();
        const auto receiver =
            static_cast<double>(balancer_.receiver_counters().busy_cycles.value() - received);
        const auto owner = static_cast<double>(balancer_.counters().busy_cycles.value() - owned);
        run.receiver_share = receiver / (receiver + owner);
        const auto iterate = [&] { balancer_.iterate(); };
        run.latency = measure_latency(device_, source_, options_.seconds, iterate);
        const double period = 2 * run.forward.cycles_per_packet * burst_size;
        run.half_latency = PacedLatency(device_, source_, static_cast<std::uint64_t>(period))
                               .measure(options_.seconds, iterate);
        if (options_.account)
            run.account = measure_account(balancer_, device_, source_, options_.seconds);
        balancer_.check_verdicts();
    }

    [[nodiscard]] const ConnTable<F>& table() const noexcept {
        return balancer_.template connections<F>();
    }

  private:
    Timing time_packets() {
        device_.refill(source_);
        const std::uint64_t before = balancer_.counters().forwarded.value();
        const Timing timing = Stopwatch(options_.seconds).run([&] { balancer_.iterate(); });
        if (balancer_.counters().forwarded.value() - before != timing.packets)
            throw std::runtime_error("not every packet was forwarded in a timed run");
        return timing;
    }

    void check_frames() {
        FrameCheck<F> check(options_.method, source_, servers_);
        device_.refill(check);
        device_.set_hook(&check);
        for (unsigned i = 0; i < bursts_on_ring + checked_bursts; ++i) balancer_.iterate();
        device_.set_hook(&source_);
        if (check.wrong() != 0 || check.checked() == 0)
            throw std::runtime_error(std::to_string(check.wrong()) + " of " +
                                     std::to_string(check.checked()) +
                                     " packets came out wrong; the first: " + check.difference());
    }

    const Options& options_;
    LoopDevice& device_;
    Balancer balancer_;
    PageArray<std::uint8_t> servers_;
    TrafficSource<F> source_;
};

template <class F>
Results measure_family(const Options& options, const Progress& progress) {
    Results results;
    results.packet_size = packet_size_for<F>(options);
    LoopDevice device(frame_length_for(results.packet_size));
    progress("filling the limit's table");
    LimitLoop limit(options.flows);
    ForwardRuns<F> forward(options, device, progress);
    RunProgress run_progress(progress, options.repeat);
    for (std::uint32_t i = 0; i < options.repeat; ++i) {
        run_progress.next();
        Run& run = results.runs.emplace_back();
        run.limit = time_limit(options, device, limit);
        forward.measure(run);
    }
    const auto bytes = static_cast<double>(forward.table().bytes());
    results.bytes_per_connection = bytes / forward.table().size();
    results.bytes_per_connection_at_capacity = bytes / forward.table().capacity();
    const auto parts = forward.table().parts();
    const auto each = [&](std::size_t part) {
        return static_cast<double>(part) / forward.table().size();
    };
    results.memory = {.buckets = each(parts.buckets),
                      .connections = each(parts.connections),
                      .timers = each(parts.timers),
                      .half_open = each(parts.half_open)};
    results.machine = describe_machine();
    return results;
}

}  // namespace

Timing time_limit(const Options& options, LoopDevice& device, LimitLoop& limit) {
    const PageArray<std::uint8_t> none;
    TrafficSource<Ipv4> source(options.flows, Traffic::in, device.frame_length(), none);
    device.refill(source);
    device.set_hook(&source);
    const Timing timing = Stopwatch(options.seconds).run([&] { limit.iterate(device); });
    device.set_hook(nullptr);
    if (limit.faults() != 0) throw std::runtime_error("the limit loop lost packets");
    return timing;
}

Results measure_limit(const Options& options, const Progress& progress) {
    Results results;
    results.packet_size = options.packet_size;
    LoopDevice device(frame_length_for(options.packet_size));
    progress("filling the table");
    LimitLoop limit(options.flows);
    RunProgress run_progress(progress, options.repeat);
    for (std::uint32_t i = 0; i < options.repeat; ++i) {
        run_progress.next();
        results.runs.emplace_back().limit = time_limit(options, device, limit);
    }
    results.machine = describe_machine();
    return results;
}

Results measure_forward(const Options& options, const Progress& progress) {
    return options.family == Family::ipv4 ? measure_family<Ipv4>(options, progress)
                                          : measure_family<Ipv6>(options, progress);
}

}  // namespace shunt::bench
