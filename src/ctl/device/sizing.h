// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How big everything is: from the configuration where it says so, else from the machine.
#include <cstdint>
#include <string>

#include "ctl/config/config.h"

namespace shunt::ctl {

struct Sizes {
    std::uint32_t connections = 0;             ///< over all workers
    std::uint32_t connections_per_worker = 0;  ///< of each family
    std::uint64_t tables_mb = 0;               ///< of connections, all there from the start
    std::uint32_t templates = 0;               ///< clients of persistent services
    std::uint32_t expectations = 0;            ///< data connections that applications announced
    std::uint32_t helpers = 0;                 ///< of FTP control connections, a worker
    std::uint64_t helpers_mb = 0;              ///< of all workers, with what is expected; if used
    std::uint32_t packet_buffers = 0;
    std::uint32_t buffer_bytes = 0;        ///< data room of one, head room included
    std::uint32_t ring_depth = 0;          ///< of each ring between two workers
    std::uint16_t descriptors = 0;         ///< of each device queue, each direction
    std::uint32_t held_packets = 0;        ///< a worker
    std::uint32_t fragment_buffers = 0;    ///< of incomplete datagrams, a worker and family
    std::uint32_t huge_memory_mb = 0;      ///< for DPDK, on huge pages
    std::uint32_t ordinary_memory_mb = 0;  ///< the same on ordinary pages, where buffers take more
};

/// Memory that the process may still take, in bytes: the machine's, or the control group's if less.
std::uint64_t available_memory();

/// Pure.
Sizes compute_sizes(const Config& config, std::uint64_t available_bytes);

/// A line of the log.
std::string describe(const Sizes& sizes);

}  // namespace shunt::ctl
