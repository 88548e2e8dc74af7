// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/device/sizing.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <fstream>

#include "ctl/log/log_line.h"
#include "dataplane/app_state.h"

namespace shunt::ctl {

namespace {

/// Both families' tables, buckets and timers of one connection, rounded up: see ConnTable::bytes().
constexpr std::uint64_t bytes_per_connection = 400;
/// The tables' share of the memory that is there when the configuration does not say.
constexpr std::uint64_t memory_share = 8;
constexpr std::uint32_t most_default_connections = 1U << 20;
constexpr std::uint32_t least_connections = 1024;
/// Clients do not spread over the workers evenly: each may have so much more than its share.
constexpr std::uint32_t spread_percent = 125;

/// A client of a persistent service has one template and mostly several connections.
constexpr std::uint32_t connections_per_template = 8;
constexpr std::uint32_t least_templates = 1024;

/// Most connections are of no application.
constexpr std::uint32_t connections_per_expectation = 16;
constexpr std::uint32_t least_expectations = 1024;
constexpr std::uint32_t most_expectations = 65536;

constexpr std::uint16_t descriptors = 1024;
/// A few workers may well share CPUs: then a ring has to carry what comes while its reader waits.
constexpr std::uint32_t deep_ring = 4096;
constexpr std::uint32_t ring = 1024;
constexpr std::uint32_t most_workers_with_deep_rings = 4;
/// Buffers for packets in those rings, which are never all full.
constexpr std::uint32_t most_buffers_in_rings = 65536;
constexpr std::uint32_t held_packets = 512;
/// At most this share of all packet buffers waits for fragments.
constexpr std::uint32_t fragment_share = 4;
/// Enough for one datagram of full length, and no more than a flood should hold.
constexpr std::uint32_t least_fragment_buffers = 64;
constexpr std::uint32_t most_fragment_buffers = 4096;
/// Taken by each worker's own cache and its half-filled bursts.
constexpr std::uint32_t buffers_per_worker = 1024;
/// For route tables (0.4 kB a route), rings and devices.
constexpr std::uint32_t other_dpdk_mb = 48;
constexpr std::uint64_t ordinary_page = 4096;

std::uint64_t read_number(const char* path) {
    std::uint64_t value = 0;
    std::ifstream file(path);
    return file >> value ? value : UINT64_MAX;
}

std::uint64_t machine_memory() {
    std::ifstream file("/proc/meminfo");
    std::string key;
    std::uint64_t kilobytes = 0;
    std::string unit;
    while (file >> key >> kilobytes && std::getline(file, unit))
        if (key == "MemAvailable:") return kilobytes * 1024;
    return UINT64_MAX;
}

std::uint32_t default_connections(std::uint64_t available_bytes) {
    const std::uint64_t fits = available_bytes / memory_share / bytes_per_connection;
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(fits, least_connections, most_default_connections));
}

std::uint32_t depth_for(std::uint32_t workers) {
    return workers <= most_workers_with_deep_rings ? deep_ring : ring;
}

/// A port has up to one queue a worker, a twin has one.
unsigned count_queues(const Config& config) {
    unsigned queues = 0;
    for (const auto& port : config.ports) queues += config.workers + (port.twin ? 1U : 0U);
    return queues;
}

std::uint32_t default_buffers(const Config& config) {
    const std::uint32_t workers = config.workers;
    return count_queues(config) * descriptors * 2 + workers * (buffers_per_worker + held_packets) +
           std::min(workers * (workers - 1) * depth_for(workers) / 2, most_buffers_in_rings);
}

/// What DPDK needs in all when a buffer takes so many bytes.
std::uint32_t memory_mb(const Config& config, const Sizes& sizes, std::uint64_t bytes_a_buffer) {
    const std::uint64_t rings =
        std::uint64_t{config.workers} * config.workers * sizes.ring_depth * sizeof(void*);
    return static_cast<std::uint32_t>((sizes.packet_buffers * bytes_a_buffer + rings) >> 20) +
           other_dpdk_mb;
}

/// Begun megabytes.
std::uint64_t helpers_mb(const Config& config, const Sizes& sizes) {
    constexpr std::uint64_t megabyte = 1U << 20;
    const std::uint64_t bytes =
        config.workers * AppState::bytes_for(sizes.helpers) +
        ExpectationTable::bytes_for(sizes.expectations, sizes.helpers * config.workers);
    return (bytes + megabyte - 1) / megabyte;
}

}  // namespace

std::uint64_t available_memory() {
    const std::uint64_t limit = read_number("/sys/fs/cgroup/memory.max");
    const std::uint64_t used = read_number("/sys/fs/cgroup/memory.current");
    const std::uint64_t group = limit == UINT64_MAX || used > limit ? UINT64_MAX : limit - used;
    return std::min(machine_memory(), group);
}

Sizes compute_sizes(const Config& config, std::uint64_t available_bytes) {
    Sizes sizes;
    sizes.connections =
        config.connections != 0 ? config.connections : default_connections(available_bytes);
    const std::uint32_t share = sizes.connections / config.workers + 1;
    sizes.connections_per_worker =
        config.workers == 1
            ? sizes.connections
            : static_cast<std::uint32_t>(std::uint64_t{share} * spread_percent / 100);
    sizes.tables_mb =
        std::uint64_t{sizes.connections_per_worker} * config.workers * bytes_per_connection >> 20;
    sizes.templates = std::max(sizes.connections / connections_per_template, least_templates);
    sizes.expectations = std::clamp(sizes.connections / connections_per_expectation,
                                    least_expectations, most_expectations);
    sizes.helpers = config.helpers;
    sizes.helpers_mb = helpers_mb(config, sizes);
    sizes.packet_buffers =
        config.packet_buffers != 0 ? config.packet_buffers : default_buffers(config);
    sizes.buffer_bytes = RTE_MBUF_DEFAULT_BUF_SIZE;
    sizes.ring_depth = depth_for(config.workers);
    sizes.descriptors = descriptors;
    sizes.held_packets = held_packets;
    sizes.fragment_buffers =
        std::clamp(sizes.packet_buffers / (fragment_share * config.workers * 2),
                   least_fragment_buffers, most_fragment_buffers);
    // A pool lays no buffer across two pages.
    const std::uint64_t bytes = sizes.buffer_bytes + sizeof(rte_mbuf) + 128;
    const std::uint64_t whole_pages = (bytes + ordinary_page - 1) / ordinary_page * ordinary_page;
    sizes.huge_memory_mb =
        config.memory_mb != 0 ? config.memory_mb : memory_mb(config, sizes, bytes);
    sizes.ordinary_memory_mb =
        config.memory_mb != 0 ? config.memory_mb : memory_mb(config, sizes, whole_pages);
    return sizes;
}

std::string describe(const Sizes& s) {
    return log_line("sizes", {{"connections", s.connections},
                              {"per_worker", s.connections_per_worker},
                              {"templates", s.templates},
                              {"expectations", s.expectations},
                              {"helpers", s.helpers},
                              {"helpers_mb", s.helpers_mb},
                              {"packet_buffers", s.packet_buffers},
                              {"buffer_bytes", s.buffer_bytes},
                              {"ring_depth", s.ring_depth},
                              {"descriptors", s.descriptors},
                              {"held_packets", s.held_packets},
                              {"fragment_buffers", s.fragment_buffers},
                              {"memory_mb", s.huge_memory_mb},
                              {"without_huge_pages_mb", s.ordinary_memory_mb}});
}

}  // namespace shunt::ctl
