// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Results as tables in Markdown, and as plots. Everything in them is from the results' JSON, so who
// has that can make them again.
#include <array>
#include <string>
#include <string_view>

#include "bench/result_set.h"
#include "bench/svg_plot.h"

namespace shunt::bench {

struct ResultTable {
    std::string_view name;
    std::string_view title;
    std::string (*make)(const ResultSet&);  ///< empty when there are no results for it
};

std::string targets_table(const ResultSet& results);
std::string forward_table(const ResultSet& results);
std::string connections_table(const ResultSet& results);
std::string latency_table(const ResultSet& results);
std::string account_table(const ResultSet& results);
std::string peers_table(const ResultSet& results);
std::string daemon_table(const ResultSet& results);
std::string conditions_table(const ResultSet& results);

inline constexpr std::array result_tables{
    ResultTable{"targets", "Targets", targets_table},
    ResultTable{"forward", "Established connections", forward_table},
    ResultTable{"connections", "New connections", connections_table},
    ResultTable{"latency", "Latency of a burst", latency_table},
    ResultTable{"account", "Cycles by stage", account_table},
    ResultTable{"peers", "What the device costs", peers_table},
    ResultTable{"daemon", "The daemon", daemon_table},
    ResultTable{"conditions", "Conditions", conditions_table},
};

struct ResultPlot {
    std::string_view file;
    Plot (*make)(const ResultSet&);
};

Plot rate_plot(const ResultSet& results);
Plot ratio_plot(const ResultSet& results);
Plot latency_plot(const ResultSet& results);

inline constexpr std::array result_plots{ResultPlot{"rate.svg", rate_plot},
                                         ResultPlot{"ratio.svg", ratio_plot},
                                         ResultPlot{"latency.svg", latency_plot}};

}  // namespace shunt::bench
