// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The measurement of whole connections: they begin, carry data, end and wait in TIME_WAIT until
// their timers expire, with a fixed number of them in flight.
//
// The balancer's clock is a simulated one, which runs by packets: TIME_WAIT (120 s) takes as long
// as it takes so many connections to begin as are in flight, and a connection gets a packet about
// every 15 s. So the table holds twice what is in flight at most, and timers expire as fast as
// connections begin.
#include <chrono>
#include <vector>

#include "bench/runs.h"

namespace shunt::bench {

/// One repeat.
struct ChurnRun {
    Timing limit;
    Timing churn;
    Latency latency;  ///< of bursts that wait for the worker

    /// Of CPU time over all packets: what expiry costs now and then counts, the turns of other
    /// programs do not.
    [[nodiscard]] double cycles() const noexcept { return churn.mean_cycles; }
    [[nodiscard]] double mpps() const noexcept {
        return static_cast<double>(rte_get_tsc_hz()) / cycles() / 1e6;
    }
};

struct ChurnResults {
    std::vector<ChurnRun> runs;
    std::uint16_t packet_size = 0;             ///< as measured, with FCS
    std::uint32_t packets_per_connection = 0;  ///< that pass the balancer
    std::uint32_t connections = 0;             ///< in the table at the end, TIME_WAIT included
    std::uint32_t capacity = 0;                ///< that fit
    std::uint64_t expired = 0;                 ///< ended by their timers, or by a reused port
    std::uint64_t table_bytes = 0;
    double simulated_seconds_per_second = 0;  ///< at the rate measured
    Machine machine;
};

/// Simulated time that TIME_WAIT takes.
inline constexpr std::chrono::seconds churn_time_wait{120};

/// As measure_forward(). Every packet of some connections is compared byte by byte, then packets of
/// all stages before each repeat.
ChurnResults measure_churn(const Options& options, const Progress& progress);

}  // namespace shunt::bench
