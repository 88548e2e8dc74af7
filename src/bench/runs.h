// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The measurements themselves.
#include <functional>
#include <string>
#include <vector>

#include "bench/machine.h"
#include "bench/options.h"
#include "bench/stopwatch.h"

namespace shunt::bench {

/// From the receipt of a burst to its transmission, in nanoseconds.
struct Latency {
    double p50 = 0;
    double p99 = 0;
    double p999 = 0;
};

/// One repeat.
struct Run {
    Timing limit;
    Timing forward;   ///< not for `limit`
    Latency latency;  ///< not for `limit`
};

struct Results {
    std::vector<Run> runs;
    std::uint16_t packet_size = 0;  ///< as measured, with FCS: IPv6 needs more than 64
    /// Buckets, connections and timers, by connections that exist and by those that fit.
    double bytes_per_connection = 0;
    double bytes_per_connection_at_capacity = 0;
    Machine machine;  ///< as it was with all tables in use
};

/// Told what goes on, in a few words.
using Progress = std::function<void(const std::string&)>;

/// Need a running EAL, and a thread that stays on its CPU. Throw std::runtime_error when the
/// machine has no room, or when a packet went wrong: then no figure counts.
Results measure_limit(const Options& options, const Progress& progress);
Results measure_forward(const Options& options, const Progress& progress);

}  // namespace shunt::bench
