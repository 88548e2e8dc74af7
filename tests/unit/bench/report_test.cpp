// SPDX-License-Identifier: BSD-3-Clause
#include "bench/report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace shunt::bench {
namespace {

namespace json = boost::json;

Timing timing(double cycles, double share) {
    return {.cycles_per_packet = cycles, .cpu_share = share, .packets = 1};
}

Results three_runs() {
    Results results;
    results.packet_size = 64;
    results.bytes_per_connection = 107.5;
    results.bytes_per_connection_at_capacity = 100.25;
    results.memory = {.buckets = 27.5, .connections = 64, .timers = 12, .half_open = 4};
    results.machine = {.cpu = "a cpu",
                       .tsc_hz = 2'600'000'000,
                       .huge_mb = 10,
                       .transparent_huge_mb = 20,
                       .kernel = "Linux 6",
                       .dpdk = "DPDK 22.11",
                       .compiler = "gcc 12"};
    for (const double cycles : {110.0, 100.0, 130.0})
        results.runs.push_back({.limit = timing(cycles / 2, 1.0),
                                .forward = timing(cycles, cycles > 120 ? 0.5 : 1.0),
                                .latency = {cycles * 10, cycles * 20, cycles * 30, {{512, 7}}},
                                .half_latency = {cycles, cycles * 4, cycles * 8, {{64, 3}}},
                                .without_ftp = timing(100, 1.0),
                                .receiver_share = 0.4});
    return results;
}

json::object parsed(const std::string& text) {
    return json::parse(text).as_object();
}

double number(const json::object& object, std::string_view key) {
    return object.at(key).to_number<double>();
}

TEST(Json, HasEveryPromisedField) {
    const auto object = parsed(to_json(Options{}, three_runs()));
    for (const char* key : {"forward", "family", "flows", "packet_size", "direction", "mpps",
                            "ns_per_packet", "cycles_per_packet", "limit_mpps", "ratio_to_limit",
                            "bytes_per_connection", "latency_ns", "runs", "machine"})
        EXPECT_TRUE(object.contains(key)) << key;
    for (const char* key : {"p50", "p99", "p999"})
        EXPECT_TRUE(object.at("latency_ns").as_object().contains(key)) << key;
    for (const char* key : {"cpu", "tsc_hz", "huge_pages", "kernel", "dpdk", "compiler"})
        EXPECT_TRUE(object.at("machine").as_object().contains(key)) << key;
}

TEST(Json, HasAnAccountWhenAsked) {
    Options options;
    EXPECT_FALSE(parsed(to_json(options, three_runs())).contains("account"));
    EXPECT_EQ(to_table(options, three_runs()).find("by stage"), std::string::npos);
    options.account = true;
    Results results = three_runs();
    for (auto& run : results.runs) run.account.cycles.fill(10);
    const auto object = parsed(to_json(options, results));
    EXPECT_NEAR(number(object.at("account").as_object(), "whole_cycles"), 110, 1e-6);
    EXPECT_NE(to_table(options, results).find("by stage"), std::string::npos);
}

TEST(Json, GivesMediansOverTheRuns) {
    const auto object = parsed(to_json(Options{}, three_runs()));
    EXPECT_EQ(object.at("command"), "forward");
    EXPECT_EQ(object.at("forward"), "nat");
    EXPECT_EQ(object.at("family"), 4);
    EXPECT_EQ(object.at("direction"), "both");
    EXPECT_NEAR(number(object, "cycles_per_packet"), 110, 1e-6);
    EXPECT_NEAR(number(object, "ratio_to_limit"), 0.5, 1e-6);
    EXPECT_NEAR(number(object, "mpps") * 2, number(object, "limit_mpps"), 1e-3);
    EXPECT_NEAR(number(object, "mpps") * number(object, "ns_per_packet"), 1000, 0.1);
    EXPECT_NEAR(number(object, "bytes_per_connection"), 107.5, 1e-6);
    EXPECT_NEAR(number(object, "bytes_per_connection_at_capacity"), 100.25, 1e-6);
    EXPECT_NEAR(number(object.at("latency_ns").as_object(), "p99"), 2200, 1e-6);
}

TEST(Json, HasTheLatencyOfBurstsAtFullAndAtHalfLoad) {
    const auto object = parsed(to_json(Options{}, three_runs()));
    const auto& half = object.at("latency_ns_half_load").as_object();
    EXPECT_NEAR(number(half, "p50"), 110, 1e-6);
    EXPECT_NEAR(number(half, "p99"), 440, 1e-6);
    const auto& classes = half.at("histogram").as_array();
    ASSERT_EQ(classes.size(), 1U);
    EXPECT_NEAR(number(classes[0].as_object(), "from"), 64, 1e-6);
    EXPECT_EQ(classes[0].at("bursts"), 9);
    EXPECT_EQ(object.at("latency_ns").at("histogram").as_array().at(0).at("bursts"), 21);
}

TEST(Json, HasWhatMemoryIsComposedOf) {
    const auto object = parsed(to_json(Options{}, three_runs()));
    EXPECT_NEAR(number(object.at("memory").as_object(), "buckets"), 27.5, 1e-6);
    EXPECT_NEAR(number(object.at("memory").as_object(), "connections"), 64, 1e-6);
    EXPECT_NEAR(number(object.at("memory").as_object(), "timers"), 12, 1e-6);
    EXPECT_NEAR(number(object.at("memory").as_object(), "half_open"), 4, 1e-6);
}

TEST(Json, ComparesWithAndWithoutTheFtpHelperOnDemand) {
    Options options;
    EXPECT_FALSE(parsed(to_json(options, three_runs())).contains("app"));
    options.ftp = true;
    const auto object = parsed(to_json(options, three_runs()));
    EXPECT_EQ(object.at("app"), "ftp");
    EXPECT_NEAR(number(object, "ratio_to_without_app"), 100 / 110.0, 1e-4);
    EXPECT_NE(to_table(options, three_runs()).find("ratio 0.909"), std::string::npos);
}

TEST(Json, DividesTheCyclesOfAHandOffOnDemand) {
    Options options;
    EXPECT_FALSE(parsed(to_json(options, three_runs())).contains("hand_off"));
    options.hand_off = true;
    const auto object = parsed(to_json(options, three_runs())).at("hand_off").as_object();
    EXPECT_NEAR(number(object, "receiver_cycles_per_packet"), 44, 1e-6);
    EXPECT_NEAR(number(object, "owner_cycles_per_packet"), 66, 1e-6);
    EXPECT_NE(to_table(options, three_runs())
                  .find("44.0 cycles a packet of the worker that receives, 66.0 of the one"),
              std::string::npos);
}

TEST(Json, NamesTheMethod) {
    Options options;
    EXPECT_FALSE(parsed(to_json(options, three_runs())).contains("tunnel"));
    options.method.forward = ForwardMethod::direct;
    const auto direct = parsed(to_json(options, three_runs()));
    EXPECT_EQ(direct.at("forward"), "dr");
    EXPECT_FALSE(direct.contains("tunnel"));
    options.method.forward = ForwardMethod::tunnel;
    for (const auto& [type, word] :
         {std::pair{TunnelType::ipip, "ipip"}, std::pair{TunnelType::gre, "gre"},
          std::pair{TunnelType::gue, "gue"}}) {
        options.method.tunnel = type;
        const auto tunnel = parsed(to_json(options, three_runs()));
        EXPECT_EQ(tunnel.at("forward"), "tun");
        EXPECT_EQ(tunnel.at("tunnel"), word);
    }
}

TEST(Json, MarksRunsThatSharedTheCpu) {
    const auto object = parsed(to_json(Options{}, three_runs()));
    EXPECT_EQ(object.at("undisturbed_runs"), 2);
    const auto& runs = object.at("runs").as_array();
    ASSERT_EQ(runs.size(), 3U);
    EXPECT_EQ(runs[0].at("undisturbed"), true);
    EXPECT_EQ(runs[2].at("undisturbed"), false);
    EXPECT_NEAR(number(runs[2].as_object(), "cpu_share"), 0.5, 1e-6);
    EXPECT_NEAR(number(runs[2].as_object(), "cycles_per_packet"), 130, 1e-6);
    EXPECT_NEAR(number(runs[2].as_object(), "limit_cycles_per_packet"), 65, 1e-6);
}

TEST(Json, OfTheLimitAloneHasNoForwarding) {
    Options options;
    options.command = Options::Command::limit;
    const auto object = parsed(to_json(options, three_runs()));
    EXPECT_EQ(object.at("command"), "limit");
    EXPECT_EQ(object.at("forward"), "limit");
    EXPECT_NEAR(number(object, "cycles_per_packet"), 55, 1e-6);
    EXPECT_FALSE(object.contains("ratio_to_limit"));
    EXPECT_EQ(object.at("runs").as_array().size(), 3U);
}

TEST(Table, ShowsRatioAndMarks) {
    const std::string table = to_table(Options{}, three_runs());
    EXPECT_NE(table.find("50.0%"), std::string::npos) << table;
    EXPECT_NE(table.find("1 of 3 runs shared the CPU"), std::string::npos) << table;
    EXPECT_NE(table.find("108 bytes a connection: 28 of buckets, 64 of connections, 12 of timers, "
                         "4 for half-open ones"),
              std::string::npos)
        << table;
    EXPECT_NE(table.find("p50 110 ns, p99 440 ns (4.0 times p50)"), std::string::npos) << table;
}

TEST(Table, NamesTheMethod) {
    Options options;
    EXPECT_EQ(to_table(options, three_runs()).find("nat IPv4,"), 0U);
    options.method = {ForwardMethod::tunnel, TunnelType::gue};
    EXPECT_EQ(to_table(options, three_runs()).find("tun gue IPv4,"), 0U);
}

}  // namespace
}  // namespace shunt::bench
