// SPDX-License-Identifier: BSD-3-Clause
#include "bench/machine.h"

#include <rte_cycles.h>
#include <rte_version.h>
#include <sched.h>
#include <sys/utsname.h>

#include <fstream>
#include <stdexcept>

namespace shunt::bench {

namespace {

/// The text behind "KEY :" in a file of such lines; "" when there is none.
std::string value_in(const char* path, const std::string& key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const auto colon = line.find(':');
        if (!line.starts_with(key) || colon == std::string::npos) continue;
        const auto begin = line.find_first_not_of(" \t", colon + 1);
        return begin == std::string::npos ? "" : line.substr(begin);
    }
    return "";
}

std::uint64_t own_mb(const std::string& key) {
    const std::string kilobytes = value_in("/proc/self/smaps_rollup", key);
    return kilobytes.empty() ? 0 : std::stoull(kilobytes) / 1024;
}

std::string compiler() {
#ifdef __clang__
    return std::string("clang ") + __clang_version__;
#else
    return std::string("gcc ") + __VERSION__;
#endif
}

}  // namespace

Machine describe_machine() {
    utsname system{};
    uname(&system);
    return {.cpu = value_in("/proc/cpuinfo", "model name"),
            .tsc_hz = rte_get_tsc_hz(),
            .huge_mb = own_mb("Private_Hugetlb") + own_mb("Shared_Hugetlb"),
            .transparent_huge_mb = own_mb("AnonHugePages"),
            .kernel = std::string(system.sysname) + " " + system.release,
            .dpdk = rte_version(),
            .compiler = compiler()};
}

std::uint64_t resident_bytes() {
    const auto bytes = [](const char* key) {
        const std::string kilobytes = value_in("/proc/self/status", key);
        return kilobytes.empty() ? 0 : std::stoull(kilobytes) * 1024;
    };
    return bytes("VmRSS") + bytes("HugetlbPages");
}

void stay_on_cpu(std::optional<unsigned> cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    for (unsigned c = CPU_SETSIZE; c-- > 0 && !cpu;)
        if (CPU_ISSET(c, &set)) cpu = c;
    CPU_ZERO(&set);
    CPU_SET(cpu.value_or(0), &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        throw std::runtime_error("CPU " + std::to_string(cpu.value_or(0)) +
                                 " is not one that this process may use");
}

}  // namespace shunt::bench
