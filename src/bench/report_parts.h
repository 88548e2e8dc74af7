// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the reports of all measurements have in common.
#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "bench/latency.h"
#include "bench/machine.h"
#include "bench/method.h"
#include "bench/statistics.h"

namespace shunt::bench {

/// The median of what `value` says of each run.
template <class Runs, class Fn>
double median_of(const Runs& runs, Fn&& value) {
    std::vector<double> values;
    for (const auto& run : runs) values.push_back(value(run));
    return median(std::move(values));
}

/// Digits beyond these are noise.
inline double rounded(double value) {
    return std::round(value * 1e4) / 1e4;
}

inline boost::json::object rate(double mpps, double cycles) {
    return {{"mpps", rounded(mpps)},
            {"ns_per_packet", rounded(1e3 / mpps)},
            {"cycles_per_packet", rounded(cycles)}};
}

/// The medians of the percentiles; the bursts of all runs together. `latency` gives that of a run.
template <class Runs, class Fn>
Latency median_latency(const Runs& runs, Fn&& latency) {
    Latency all{.p50 = median_of(runs, [&](const auto& r) { return latency(r).p50; }),
                .p99 = median_of(runs, [&](const auto& r) { return latency(r).p99; }),
                .p999 = median_of(runs, [&](const auto& r) { return latency(r).p999; })};
    std::map<double, std::uint64_t> classes;
    for (const auto& run : runs)
        for (const auto& c : latency(run).classes) classes[c.from] += c.bursts;
    for (const auto& [from, bursts] : classes) all.classes.push_back({from, bursts});
    return all;
}

inline boost::json::object to_object(const Latency& latency) {
    boost::json::array histogram;
    for (const auto& c : latency.classes)
        histogram.push_back(
            boost::json::object{{"from", std::round(c.from)}, {"bursts", c.bursts}});
    return {{"p50", std::round(latency.p50)},
            {"p99", std::round(latency.p99)},
            {"p999", std::round(latency.p999)},
            {"histogram", std::move(histogram)}};
}

inline boost::json::object to_object(const Machine& machine) {
    return {{"cpu", machine.cpu},
            {"tsc_hz", machine.tsc_hz},
            {"huge_pages",
             {{"reserved_mb", machine.huge_mb}, {"transparent_mb", machine.transparent_huge_mb}}},
            {"kernel", machine.kernel},
            {"dpdk", machine.dpdk},
            {"compiler", machine.compiler}};
}

inline std::string machine_lines(const Machine& machine) {
    return fmt::format(
        "{}, TSC {:.3f} GHz, {} MB on huge pages, {} MB on transparent ones\n"
        "{}, {}, {}\n",
        machine.cpu, static_cast<double>(machine.tsc_hz) / 1e9, machine.huge_mb,
        machine.transparent_huge_mb, machine.kernel, machine.dpdk, machine.compiler);
}

inline std::string method_words(const Method& method) {
    std::string words(to_string(method.forward));
    if (method.forward == ForwardMethod::tunnel) words.append(" ").append(to_string(method.tunnel));
    return words;
}

}  // namespace shunt::bench
