// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>

#include "bench/result_tables.h"

namespace shunt::bench {

namespace {

constexpr std::array curves{
    std::pair{"NAT IPv4, both",
              Query{.command = "forward", .forward = "nat", .family = 4, .direction = "both"}},
    std::pair{"NAT IPv4, in",
              Query{.command = "forward", .forward = "nat", .family = 4, .direction = "in"}},
    std::pair{"NAT IPv4, out",
              Query{.command = "forward", .forward = "nat", .family = 4, .direction = "out"}},
    std::pair{"NAT IPv6, both",
              Query{.command = "forward", .forward = "nat", .family = 6, .direction = "both"}},
    std::pair{"DR IPv4", Query{.command = "forward", .forward = "dr", .family = 4}},
    std::pair{"TUN IPIP IPv4",
              Query{.command = "forward", .forward = "tun", .tunnel = "ipip", .family = 4}},
};

Plot::Series curve(const ResultSet& results, const std::string& name, const Query& query,
                   std::string_view key, std::string_view inner = {}) {
    Plot::Series series{.name = name, .points = {}};
    for (const Result* r : results.all(query))
        if (const auto y = number_in(*r, key, inner))
            series.points.emplace_back(number_in(*r, "flows").value_or(1), *y);
    std::ranges::sort(series.points);
    return series;
}

void add(Plot& plot, Plot::Series series) {
    if (!series.points.empty()) plot.series.push_back(std::move(series));
}

}  // namespace

Plot rate_plot(const ResultSet& results) {
    Plot plot{.title = "Packets a second, one worker",
              .x_label = "connections",
              .y_label = "Mpps",
              .series = {}};
    add(plot, curve(results, "limit L", curves[0].second, "limit_mpps"));
    for (const auto& [name, query] : curves) add(plot, curve(results, name, query, "mpps"));
    return plot;
}

Plot ratio_plot(const ResultSet& results) {
    Plot plot{
        .title = "Rate by the limit L", .x_label = "connections", .y_label = "ratio", .series = {}};
    for (const auto& [name, query] : curves)
        add(plot, curve(results, name, query, "ratio_to_limit"));
    return plot;
}

Plot latency_plot(const ResultSet& results) {
    Plot plot{.title = "A burst, NAT IPv4, both directions, full load",
              .x_label = "connections",
              .y_label = "ns",
              .series = {}};
    for (const char* share : {"p50", "p99", "p999"})
        add(plot, curve(results, share, curves[0].second, "latency_ns", share));
    return plot;
}

}  // namespace shunt::bench
