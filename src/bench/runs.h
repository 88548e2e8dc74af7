// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The measurements themselves.
#include <algorithm>
#include <string>
#include <vector>

#include "bench/account.h"
#include "bench/frame_template.h"
#include "bench/latency.h"
#include "bench/limit_loop.h"
#include "bench/machine.h"
#include "bench/options.h"
#include "bench/progress.h"
#include "bench/stopwatch.h"

namespace shunt::bench {

/// One repeat.
struct Run {
    Timing limit;
    // Not for `limit`:
    Timing forward;
    Latency latency;       ///< of bursts that wait for the worker
    Latency half_latency;  ///< of bursts that arrive at half of that rate
    Account account{};     ///< if the run asks for it
    /// With Options::ftp: before the helper was loaded, `forward` being after.
    Timing without_ftp;
    /// With Options::hand_off: of `forward`, the share of the worker that receives.
    double receiver_share = 0;
};

struct Results {
    std::vector<Run> runs;
    std::uint16_t packet_size = 0;  ///< as measured, with FCS: IPv6 needs more than 64
    /// Buckets, connections and timers, by connections that exist and by those that fit.
    double bytes_per_connection = 0;
    double bytes_per_connection_at_capacity = 0;
    /// What the former is composed of.
    struct Memory {
        double buckets = 0;
        double connections = 0;
        double timers = 0;
        double half_open = 0;
    } memory;
    Machine machine;  ///< as it was with all tables in use
};

/// Need a running EAL, and a thread that stays on its CPU. Throw std::runtime_error when the
/// machine has no room, or when a packet went wrong: then no figure counts.
Results measure_limit(const Options& options, const Progress& progress);
Results measure_forward(const Options& options, const Progress& progress);

/// The limit's rate over the flows of the run. Throws std::runtime_error when it lost packets.
Timing time_limit(const Options& options, LoopDevice& device, LimitLoop& limit);

inline constexpr std::uint16_t frame_check_sequence = 4;
/// What a packet of the family has on the wire when the run asks for so much.
template <class F>
std::uint16_t packet_size_for(const Options& options) noexcept {
    constexpr std::uint16_t least = FrameTemplate<F>::headers + frame_check_sequence;
    return std::max(options.packet_size, least);
}
/// Without the frame check sequence, which devices add and take off.
constexpr std::uint16_t frame_length_for(std::uint16_t packet_size) noexcept {
    return static_cast<std::uint16_t>(packet_size - frame_check_sequence);
}

}  // namespace shunt::bench
