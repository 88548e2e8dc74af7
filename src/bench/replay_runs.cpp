// SPDX-License-Identifier: BSD-3-Clause
#include "bench/replay_runs.h"

#include <rte_cycles.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <stdexcept>

#include "bench/statistics.h"
#include "dataplane/batch.h"

namespace shunt::bench {

namespace {

constexpr std::uint64_t packets_per_chunk = 1024;
constexpr std::size_t packets_between_reports = 1U << 17;
constexpr std::uint64_t ns_per_second = 1'000'000'000;
/// Iterations in which what a burst has brought about, in rings and timers, is done with.
constexpr int iterations_to_settle = 4;

/// Cycles of bursts, by chunks of about as many packets as those of Stopwatch.
class BurstTimes {
  public:
    void add(std::uint64_t cycles, std::size_t packets) {
        all_cycles_ += cycles;
        all_packets_ += packets;
        ++bursts_;
        chunk_cycles_ += cycles;
        chunk_packets_ += packets;
        if (chunk_packets_ >= packets_per_chunk) close_chunk();
    }
    void sum_up(ReplayResults& results) {
        if (all_packets_ == 0) return;
        if (chunks_.empty()) close_chunk();
        results.timed_packets = all_packets_;
        results.cycles_per_packet = percentile(chunks_, 0.5);
        results.mean_cycles = static_cast<double>(all_cycles_) / static_cast<double>(all_packets_);
        results.mean_burst = static_cast<double>(all_packets_) / static_cast<double>(bursts_);
    }

  private:
    void close_chunk() {
        chunks_.push_back(static_cast<float>(chunk_cycles_) / static_cast<float>(chunk_packets_));
        chunk_cycles_ = 0;
        chunk_packets_ = 0;
    }

    std::uint64_t all_cycles_ = 0;
    std::uint64_t all_packets_ = 0;
    std::uint64_t bursts_ = 0;
    std::uint64_t chunk_cycles_ = 0;
    std::uint64_t chunk_packets_ = 0;
    std::vector<float> chunks_;
};

class Replayer {
  public:
    Replayer(const ReplayPlan& plan, const std::string& out)
        : plan_(plan),
          balancer_(plan.config, plan.sizes, macs_of(plan)),
          first_time_(plan.capture.packets().front().time),
          duration_(plan.capture.packets().back().time - first_time_) {
        if (out.empty()) return;
        for (const ReplayPort& port : plan.ports)
            writers_.push_back(std::make_unique<CaptureWriter>(
                output_name(out, port.name, plan.ports.size() == 1)));
    }

    /// All packets once; what is sent is written, or the bursts are timed.
    void run_loop(std::uint32_t loop, BurstTimes* times, const Progress& progress) {
        const auto& packets = plan_.capture.packets();
        for (std::size_t begin = 0, reported = 0; begin < packets.size();) {
            std::size_t end = begin + 1;
            while (end < packets.size() && end - begin < burst_size &&
                   packets[end].port == packets[begin].port)
                ++end;
            run_burst(std::span(packets).subspan(begin, end - begin), loop, times);
            begin = end;
            if (begin < reported + packets_between_reports) continue;
            reported = begin;
            progress(fmt::format("loop {}: {} of {} packets", loop + 1, begin, packets.size()));
        }
        settle();
    }

    /// Closes the files and says what is in them.
    std::vector<std::string> finish_files(const std::string& out) {
        std::vector<std::string> files;
        for (std::size_t i = 0; i < writers_.size(); ++i) {
            writers_[i]->finish();
            files.push_back(fmt::format(
                "{}: {} packets", output_name(out, plan_.ports[i].name, plan_.ports.size() == 1),
                writers_[i]->packets()));
        }
        writers_.clear();
        return files;
    }

    [[nodiscard]] ReplayVerdicts verdicts() const {
        const WorkerCounters& c = balancer_.counters();
        ReplayVerdicts v{.received = c.received.value(),
                         .generated = c.generated.value(),
                         .split = c.split.value(),
                         .forwarded = c.forwarded.value(),
                         .to_host = c.to_host.value(),
                         .held = c.held.value() - c.resumed.value(),
                         .joined = c.joined.value(),
                         .dropped = {},
                         .methods = balancer_.counts_by_method(),
                         .conserved = c.conserved()};
        for (std::size_t i = 0; i < drop_reason_count; ++i) v.dropped[i] = c.dropped[i].value();
        return v;
    }
    [[nodiscard]] std::uint32_t connections() const noexcept { return balancer_.connections(); }

  private:
    static std::vector<MacAddress> macs_of(const ReplayPlan& plan) {
        std::vector<MacAddress> macs;
        for (const ReplayPort& port : plan.ports) macs.push_back(port.mac);
        return macs;
    }

    /// Cycles of the balancer's clock at a packet of a loop; loops follow each other in time.
    [[nodiscard]] std::uint64_t clock_at(std::uint64_t time, std::uint32_t loop) const noexcept {
        const double ns = static_cast<double>(time - first_time_) +
                          static_cast<double>(loop) * static_cast<double>(duration_);
        return static_cast<std::uint64_t>(ns / static_cast<double>(ns_per_second) *
                                          static_cast<double>(rte_get_tsc_hz()));
    }

    void run_burst(std::span<const Capture::Packet> packets, std::uint32_t loop,
                   BurstTimes* times) {
        std::array<rte_mbuf*, burst_size> burst;
        fill(burst, packets);
        balancer_.advance_clock(clock_at(packets.front().time, loop));
        balancer_.port(packets.front().port).receive(std::span(burst).first(packets.size()));
        const std::uint64_t begin = rte_rdtsc_precise();
        balancer_.iterate();
        const std::uint64_t cycles = rte_rdtsc_precise() - begin;
        if (times != nullptr) times->add(cycles, packets.size());
        balancer_.serve_reports();
        take_sent(packets.front().time);
    }

    void fill(std::span<rte_mbuf*> burst, std::span<const Capture::Packet> packets) {
        if (rte_pktmbuf_alloc_bulk(&balancer_.pool(), burst.data(),
                                   static_cast<unsigned>(packets.size())) != 0)
            throw std::runtime_error("no packet buffer is free: too many packets are held");
        for (std::size_t i = 0; i < packets.size(); ++i) {
            const auto bytes = plan_.capture.bytes(packets[i]);
            burst[i]->data_len = static_cast<std::uint16_t>(bytes.size());
            burst[i]->pkt_len = static_cast<std::uint32_t>(bytes.size());
            burst[i]->port = balancer_.port(packets[i].port).ethdev();
            std::ranges::copy(bytes, first_bytes(burst[i]).begin());
        }
    }

    void settle() {
        for (int i = 0; i < iterations_to_settle; ++i) balancer_.iterate();
        take_sent(plan_.capture.packets().back().time);
    }

    void take_sent(std::uint64_t time) {
        for (std::size_t i = 0; i < balancer_.ports(); ++i) {
            const PortId id(static_cast<std::uint16_t>(i));
            drain(balancer_.port(id), i < writers_.size() ? writers_[i].get() : nullptr, time);
            if (MemoryPort* twin = balancer_.twin(id); twin != nullptr) drain(*twin, nullptr, time);
        }
    }

    void drain(MemoryPort& port, CaptureWriter* writer, std::uint64_t time) {
        std::array<rte_mbuf*, burst_size> sent;
        for (std::size_t n = 0; (n = port.take_sent(sent)) > 0;) {
            for (std::size_t i = 0; writer != nullptr && i < n; ++i) write(*writer, sent[i], time);
            rte_pktmbuf_free_bulk(sent.data(), static_cast<unsigned>(n));
        }
    }

    /// Joins what lies in several buffers.
    void write(CaptureWriter& writer, const rte_mbuf* packet, std::uint64_t time) {
        frame_.resize(packet->pkt_len);
        const void* bytes = rte_pktmbuf_read(packet, 0, packet->pkt_len, frame_.data());
        writer.write(time, {static_cast<const std::byte*>(bytes), frame_.size()});
    }

    const ReplayPlan& plan_;
    ReplayBalancer balancer_;
    std::uint64_t first_time_;
    std::uint64_t duration_;
    std::vector<std::unique_ptr<CaptureWriter>> writers_;
    std::vector<std::byte> frame_;
};

}  // namespace

std::uint64_t ReplayVerdicts::all_dropped() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : dropped) sum += n;
    return sum;
}

ReplayResults replay(const Options& options, const ReplayPlan& plan, const Progress& progress) {
    const std::string& out = options.replay.out;
    ReplayResults results{.ports = plan.ports,
                          .loops = options.replay.loops,
                          .packets = plan.capture.packets().size(),
                          .bytes = plan.capture.size(),
                          .warnings = plan.warnings};
    Replayer replayer(plan, out);
    BurstTimes times;
    for (std::uint32_t loop = 0; loop < options.replay.loops; ++loop) {
        progress(fmt::format("loop {} of {}", loop + 1, options.replay.loops));
        const bool writes = loop == 0 && !out.empty();
        replayer.run_loop(loop, writes ? nullptr : &times, progress);
        if (writes) results.written = replayer.finish_files(out);
    }
    times.sum_up(results);
    results.verdicts = replayer.verdicts();
    results.connections = replayer.connections();
    results.machine = describe_machine();
    if (!results.verdicts.conserved)
        throw std::runtime_error("a packet is unaccounted for: verdicts and packets differ");
    return results;
}

}  // namespace shunt::bench
