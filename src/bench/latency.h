// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How long bursts take from their receipt to their transmission.
#include <rte_cycles.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bench/loop_device.h"

namespace shunt::bench {

/// Nanoseconds.
struct Latency {
    /// Bursts that took from so long up to where the next class begins.
    struct Class {
        double from = 0;
        std::uint64_t bursts = 0;
    };

    double p50 = 0;
    double p99 = 0;
    double p999 = 0;
    std::vector<Class> classes{};  ///< four in each power of two; those with bursts
};

/// Percentiles and classes of durations in cycles of the TSC, which it reorders.
Latency latency_of(std::vector<float>& cycles);

/// Notes when a burst is transmitted, before the next headers are written.
class TransmitTime final : public TransmitHook {
  public:
    explicit TransmitTime(TransmitHook& next) : next_(next) {}
    void sent(std::span<rte_mbuf*> packets) noexcept override {
        tsc_ = rte_rdtsc_precise();
        next_.sent(packets);
    }
    [[nodiscard]] std::uint64_t tsc() const noexcept { return tsc_; }

  private:
    TransmitHook& next_;
    std::uint64_t tsc_ = 0;
};

inline constexpr double longest_latency_run = 0.2;  ///< seconds
inline constexpr std::size_t latency_samples = 1U << 20;

/// The TSC when a run of at most so many seconds, from now on, is over.
std::uint64_t latency_run_end(double seconds) noexcept;

/// Of bursts that wait for the worker: `iterate()` moves one from the ring of `device`, on which
/// `source` makes new packets.
template <class Fn>
Latency measure_latency(LoopDevice& device, TransmitHook& source, double seconds, Fn&& iterate) {
    TransmitTime hook(source);
    device.set_hook(&hook);
    std::vector<float> cycles;
    cycles.reserve(latency_samples);
    const std::uint64_t end = latency_run_end(seconds);
    for (std::uint64_t begin = rte_rdtsc_precise(); begin < end && cycles.size() < latency_samples;
         begin = rte_rdtsc_precise()) {
        iterate();
        cycles.push_back(static_cast<float>(hook.tsc() - begin));
    }
    device.set_hook(&source);
    return latency_of(cycles);
}

/// Times that another program got the calling thread's CPU.
std::uint64_t interruptions() noexcept;

/// Bursts arrive one every `period` cycles of the TSC, whatever became of the one before: a worker
/// that is late takes them later, and the wait counts. Between them the worker polls. What happens
/// while another program has the CPU is left out, by pieces of a hundredth of a second.
class PacedLatency {
  public:
    PacedLatency(LoopDevice& device, TransmitHook& source, std::uint64_t period)
        : device_(device), source_(source), hook_(source), period_(period) {
        cycles_.reserve(latency_samples);
        device_.collect(stock_);
        device_.set_hook(&hook_);
    }
    ~PacedLatency() {
        device_.set_hook(&source_);
        device_.inject(stock_);
    }
    PacedLatency(const PacedLatency&) = delete;
    PacedLatency& operator=(const PacedLatency&) = delete;

    /// Pieces of so many seconds together, or what there is of them in ten times that.
    template <class Fn>
    Latency measure(double seconds, Fn&& iterate) {
        const std::uint64_t wanted = latency_run_end(seconds) - rte_rdtsc();
        const std::uint64_t end = rte_rdtsc() + 10 * wanted;
        const std::uint64_t piece = std::min(wanted, rte_get_tsc_hz() / 100);
        for (std::uint64_t measured = 0; measured < wanted && rte_rdtsc() < end;) {
            const std::size_t before = cycles_.size();
            const std::uint64_t others = interruptions();
            run_piece(rte_rdtsc() + piece, iterate);
            if (interruptions() == others)
                measured += piece;
            else
                cycles_.resize(before);
        }
        return latency_of(cycles_);
    }

  private:
    template <class Fn>
    void run_piece(std::uint64_t end, Fn& iterate) {
        for (std::uint64_t due = rte_rdtsc() + period_;
             due < end && cycles_.size() < latency_samples; due += period_) {
            while (rte_rdtsc() < due) iterate();
            const auto burst = std::span(stock_).subspan(at_, burst_size);
            device_.inject(burst);
            iterate();
            cycles_.push_back(static_cast<float>(hook_.tsc() - due));
            device_.collect(burst);
            at_ = (at_ + burst_size) % stock_.size();
        }
    }

    LoopDevice& device_;
    TransmitHook& source_;
    TransmitTime hook_;
    std::uint64_t period_;
    std::array<rte_mbuf*, LoopDevice::in_flight> stock_{};
    std::size_t at_ = 0;
    std::vector<float> cycles_;
};

}  // namespace shunt::bench
