// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The metrics of docs/metrics.md in the form that prometheus-cpp writes out.
#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ctl/metrics/metrics_sample.h"

namespace shunt::ctl {

/// What any thread may read at any time.
struct MetricsSource {
    std::string version;
    double start_time = 0;  ///< seconds since 1970
    std::uint64_t connections_capacity = 0;
    std::uint64_t tsc_hz = 1;
    std::vector<const WorkerCounters*> workers;
    std::vector<const AppCounters*> app_counters;
    bool servers = true;  ///< show each real server
};

/// One family for each of metric_list, in its order; those without a value are empty. `sample`:
/// null when the control thread did not answer. Thread: any.
std::vector<prometheus::MetricFamily> metric_families(const MetricsSource& source,
                                                      const MetricsSample* sample);

/// As shuntctl names it: "tcp 192.0.2.10:80", "mark 7", "mark 7 ipv6".
std::string service_label(const ServiceKey& key);

}  // namespace shunt::ctl
