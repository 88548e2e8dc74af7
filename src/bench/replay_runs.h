// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Replay of captures: packets go through a configured balancer in the order of their times, in
// bursts as long as the receiving port stays the same, and the balancer's clock follows the times
// of the capture.
#include <array>
#include <string>
#include <vector>

#include "base/drop_reason.h"
#include "bench/capture.h"
#include "bench/options.h"
#include "bench/replay_balancer.h"
#include "bench/runs.h"

namespace shunt::bench {

/// What a port was given.
struct ReplayPort {
    std::string name;
    std::string file{};  ///< empty: nothing
    MacAddress mac{};
    std::size_t packets = 0;  ///< in the file
    std::size_t own = 0;      ///< of these, for the port's address or a group
};

/// What became of the packets of all loops.
struct ReplayVerdicts {
    std::uint64_t received = 0;
    std::uint64_t generated = 0;
    std::uint64_t split = 0;
    std::uint64_t forwarded = 0;
    std::uint64_t to_host = 0;
    std::uint64_t held = 0;  ///< in the end, for a link address or for other fragments
    std::uint64_t joined = 0;
    std::array<std::uint64_t, drop_reason_count> dropped{};
    std::vector<MethodCounts> methods;
    bool conserved = false;

    [[nodiscard]] std::uint64_t all_dropped() const noexcept;
};

struct ReplayResults {
    std::vector<ReplayPort> ports;
    std::uint32_t loops = 1;
    std::size_t packets = 0;  ///< of a loop
    std::size_t bytes = 0;
    ReplayVerdicts verdicts{};
    std::uint32_t connections = 0;       ///< in the end
    std::uint64_t timed_packets = 0;     ///< 0: nothing was timed
    double cycles_per_packet = 0;        ///< of the middle 1024 packets, as with the other commands
    double mean_cycles = 0;              ///< of all timed packets, by the clock
    double mean_burst = 0;               ///< packets
    std::vector<std::string> written{};  ///< files, with how many packets
    std::vector<std::string> warnings{};
    Machine machine{};

    [[nodiscard]] double mpps() const noexcept {
        return static_cast<double>(rte_get_tsc_hz()) / cycles_per_packet / 1e6;
    }
};

/// What is to be replayed, all read and checked before anything is started.
struct ReplayPlan {
    ctl::Config config;
    ctl::Sizes sizes{};
    Capture capture{};
    std::vector<ReplayPort> ports{};
    std::vector<std::string> warnings{};
};

/// Reads the configuration and the captures. Throws UsageError for a port that is not configured,
/// std::runtime_error for a file that cannot be used. Needs no EAL.
ReplayPlan plan_replay(const Options& options);

/// Needs a running EAL. Throws std::runtime_error, also when a packet is unaccounted for.
ReplayResults replay(const Options& options, const ReplayPlan& plan, const Progress& progress);

/// `out` for the only port, else with the port's name before the suffix: "x.wan0.pcap".
std::string output_name(const std::string& out, const std::string& port, bool only_one);

}  // namespace shunt::bench
