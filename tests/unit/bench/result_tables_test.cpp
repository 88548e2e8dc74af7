// SPDX-License-Identifier: BSD-3-Clause
#include "bench/result_tables.h"

#include <gtest/gtest.h>

namespace shunt::bench {
namespace {

Result parsed(std::string_view text) {
    return boost::json::parse(text).as_object();
}

Result nat(std::uint32_t flows, double ratio, std::string_view app = {}) {
    Result r = parsed(R"({"command":"forward","forward":"nat","family":4,"direction":"both",
        "mpps":20.5,"ns_per_packet":48.8,"cycles_per_packet":126.9,"limit_mpps":33.5,
        "bytes_per_connection":162.4,"undisturbed_runs":4,"runs":[1,2,3,4,5],
        "latency_ns":{"p50":700,"p99":1400,"p999":2000}})");
    r["flows"] = flows;
    r["ratio_to_limit"] = ratio;
    if (!app.empty()) r["app"] = app;
    return r;
}

/// The line of a table that begins so; "" when there is none.
std::string line_of(const std::string& table, const std::string& begin) {
    const auto at = table.find("| " + begin);
    return at == std::string::npos ? "" : table.substr(at, table.find('\n', at) - at);
}

TEST(Targets, AreReachedMissedOrNotMeasured) {
    const auto table = targets_table(ResultSet({nat(1000, 0.6), nat(1'000'000, 0.599)}));
    EXPECT_EQ(line_of(table, "NAT IPv4, both directions, 1 k"),
              "| NAT IPv4, both directions, 1 k, of L | >= 0.60 | 0.600 | reached |");
    EXPECT_EQ(line_of(table, "NAT IPv4, both directions, 1 M"),
              "| NAT IPv4, both directions, 1 M, of L | >= 0.60 | 0.599 | **missed** |");
    EXPECT_EQ(line_of(table, "NAT IPv4, both directions, 10 M"),
              "| NAT IPv4, both directions, 10 M, of L | >= 0.60 | - | not measured |");
    EXPECT_EQ(line_of(table, "bytes a NAT connection, IPv4"),
              "| bytes a NAT connection, IPv4 | <= 192 | 162 | reached |");
}

TEST(Targets, CompareTheHelperWithItsAbsence) {
    const auto helper = [](double with) {
        return line_of(targets_table(ResultSet({nat(1000, 0.6), nat(1000, with, "ftp")})),
                       "FTP helper loaded");
    };
    EXPECT_NE(helper(0.594).find("| -0.010 | reached |"), std::string::npos) << helper(0.594);
    EXPECT_NE(helper(0.57).find("| -0.050 | **missed** |"), std::string::npos) << helper(0.57);
}

TEST(Targets, AskHowFarTheSlowBurstsAre) {
    const auto line = [](double p99) {
        Result r = nat(1'000'000, 0.6);
        r["latency_ns_half_load"] = {{"p50", 600}, {"p99", p99}};
        return line_of(targets_table(ResultSet({r})), "latency of a burst");
    };
    EXPECT_NE(line(5400).find("| 9.0 | reached |"), std::string::npos) << line(5400);
    EXPECT_NE(line(6600).find("| 11.0 | **missed** |"), std::string::npos) << line(6600);
}

TEST(Targets, HoldTheDaemonAgainstTheBenchmark) {
    const auto daemon = [](double ratio) {
        auto r = parsed(R"({"command":"daemon","flows":1024,"direction":"in"})");
        r["ratio_to_bench"] = ratio;
        return targets_table(ResultSet({r}));
    };
    EXPECT_NE(daemon(1.09).find("| 1.090 | reached |"), std::string::npos);
    EXPECT_NE(daemon(0.89).find("| 0.890 | **missed** |"), std::string::npos);
    EXPECT_NE(daemon(1.11).find("| 1.110 | **missed** |"), std::string::npos);
}

TEST(DaemonTable, TellsPaddedPacketsApartWhichHaveNoTarget) {
    const ResultSet results({parsed(R"({"command":"daemon","forward":"nat","family":4,
        "direction":"both","flows":1024,"padded":true,"ns_per_packet":42,"device_ns":10,
        "pipeline_ns":32,"bench_pipeline_ns":20,"ratio_to_bench":1.6})")});
    EXPECT_EQ(line_of(daemon_table(results), "NAT"),
              "| NAT IPv4 both, padded | 1024 | 42.0 | 10.0 | 32.0 | 20.0 | 1.600 |");
    EXPECT_EQ(line_of(targets_table(results), "daemon"), "");
}

TEST(ForwardTable, HasTheFiguresOfEachCase) {
    const auto table = forward_table(ResultSet({nat(1000, 0.6), nat(10'000'000, 0.5, "ftp")}));
    EXPECT_EQ(line_of(table, "NAT IPv4 both |"),
              "| NAT IPv4 both | 1 k | 20.50 | 48.8 | 126.9 | 33.50 | 0.600 | 162 | 4 of 5 |");
    EXPECT_EQ(line_of(table, "NAT IPv4 both, ftp loaded"),
              "| NAT IPv4 both, ftp loaded | 10 M | 20.50 | 48.8 | 126.9 | 33.50 | 0.500 | 162 | "
              "4 of 5 |");
}

TEST(LatencyTable, ShowsHowFarTheSlowOnesAre) {
    Result both = nat(1024, 0.6);
    both["latency_ns_half_load"] = {{"p50", 600}, {"p99", 3000}, {"p999", 4000}};
    const auto table = latency_table(ResultSet({both}));
    EXPECT_EQ(line_of(table, "NAT IPv4 both | 1024 | full"),
              "| NAT IPv4 both | 1024 | full | 700 | 1400 | 2000 | 2.0 |");
    EXPECT_EQ(line_of(table, "NAT IPv4 both | 1024 | half"),
              "| NAT IPv4 both | 1024 | half | 600 | 3000 | 4000 | 5.0 |");
}

TEST(Tables, OfNothingAreEmptyButForTheTargets) {
    for (const ResultTable& table : result_tables)
        EXPECT_EQ(table.make({}).empty(), table.name != "targets") << table.name;
}

TEST(Plots, HaveACurveForEachMethodThatWasMeasured) {
    const ResultSet results({nat(1'000'000, 0.5), nat(1000, 0.6)});
    const Plot rate = rate_plot(results);
    ASSERT_EQ(rate.series.size(), 2U);
    EXPECT_EQ(rate.series[0].name, "limit L");
    EXPECT_EQ(rate.series[1].name, "NAT IPv4, both");
    const std::vector<std::pair<double, double>> ratios{{1e3, 0.6}, {1e6, 0.5}};
    EXPECT_EQ(ratio_plot(results).series.at(0).points, ratios) << "by connections";
    EXPECT_EQ(latency_plot(results).series.size(), 3U);
}

}  // namespace
}  // namespace shunt::bench
