// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the reports of all measurements have in common.
#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>
#include <cmath>
#include <string>
#include <vector>

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
