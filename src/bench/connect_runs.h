// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The measurement of new connections: a balancer with an empty table is given SYNs of fresh tuples
// until so many connections exist as the run asks for.
#include <chrono>
#include <vector>

#include "bench/iteration_times.h"
#include "bench/runs.h"

namespace shunt::bench {

/// One balancer from its making to its last connection.
struct Growth {
    Timing limit;  ///< before it, with as many flows as there are connections in the end
    /// CPU time of all iterations by connections: the first touch of memory counts, the turns of
    /// other programs do not. In cycles of the time-stamp counter.
    double cycles_per_connection = 0;
    double middle_cycles = 0;  ///< the same of the middle 1024 connections
    double cpu_share = 0;      ///< CPU time of the iterations by the time that passed in them
    IterationTimes iterations;
    std::chrono::duration<double> making{};  ///< of the balancer with its tables
    std::uint64_t bytes_at_start = 0;  ///< resident memory of the balancer without connections
    std::uint64_t bytes_grown = 0;     ///< resident memory that came with the connections

    [[nodiscard]] double connections_per_second() const noexcept {
        return static_cast<double>(rte_get_tsc_hz()) / cycles_per_connection;
    }
};

struct ConnectResults {
    std::vector<Growth> runs;
    std::uint16_t packet_size = 0;  ///< as measured, with FCS
    std::uint32_t capacity = 0;     ///< connections that fit
    std::uint64_t table_bytes = 0;  ///< reserved: buckets, connections, timers, half-open ring
    Machine machine;                ///< as it was with the last table in use
};

/// As measure_forward().
ConnectResults measure_connect(const Options& options, const Progress& progress);

}  // namespace shunt::bench
