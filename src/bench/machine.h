// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a measurement was made on.
#include <cstdint>
#include <optional>
#include <string>

namespace shunt::bench {

struct Machine {
    std::string cpu;
    std::uint64_t tsc_hz = 0;
    /// Memory of this process on reserved huge pages and on transparent ones, in MB.
    std::uint64_t huge_mb = 0;
    std::uint64_t transparent_huge_mb = 0;
    std::string kernel;
    std::string dpdk;
    std::string compiler;
};

/// As things stand now: call it when all tables are in use. Needs a running EAL.
Machine describe_machine();

/// Memory of this process that is there, on pages of every kind, in bytes.
std::uint64_t resident_bytes();

/// Keeps the calling thread on a CPU, or on the last one that the process may use. Throws
/// std::runtime_error when that is not allowed.
void stay_on_cpu(std::optional<unsigned> cpu);

}  // namespace shunt::bench
