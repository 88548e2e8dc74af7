// SPDX-License-Identifier: BSD-3-Clause
#include "bench/churn_report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace shunt::bench {
namespace {

namespace json = boost::json;

ChurnResults three_runs() {
    ChurnResults results;
    results.packet_size = 64;
    results.packets_per_connection = 8;
    results.connections = 1900;
    results.capacity = 2500;
    results.expired = 12345;
    results.table_bytes = 190'000;
    results.simulated_seconds_per_second = 150;
    results.machine.cpu = "a cpu";
    for (const double cycles : {400.0, 300.0, 500.0})
        results.runs.push_back(
            {.limit = {.cycles_per_packet = 100, .cpu_share = 1, .packets = 1},
             .churn = {.cycles_per_packet = cycles / 2, .mean_cycles = cycles, .cpu_share = 0.75},
             .latency = {cycles, cycles * 2, cycles * 3, {}}});
    return results;
}

Options options() {
    Options options;
    options.command = Options::Command::churn;
    options.flows = 1000;
    options.scheduler = "wlc";
    return options;
}

double number(const json::object& object, std::string_view key) {
    return object.at(key).to_number<double>();
}

TEST(ChurnJson, CountsEveryPacketOfARun) {
    const auto object = json::parse(to_json(options(), three_runs())).as_object();
    EXPECT_EQ(object.at("command"), "churn");
    EXPECT_EQ(object.at("forward"), "nat");
    EXPECT_EQ(object.at("family"), 4);
    EXPECT_EQ(object.at("flows"), 1000);
    EXPECT_EQ(object.at("packet_size"), 64);
    EXPECT_EQ(object.at("scheduler"), "wlc");
    EXPECT_EQ(object.at("reuse_ports"), false);
    EXPECT_FALSE(object.contains("tunnel"));
    // The mean over all packets, not the middle chunk, which timers may not have met.
    EXPECT_NEAR(number(object, "cycles_per_packet"), 400, 1e-6);
    EXPECT_NEAR(number(object, "ratio_to_limit"), 0.25, 1e-4);
    EXPECT_NEAR(number(object, "mpps") * 1e6 / 8, number(object, "connections_per_second"), 10);
    EXPECT_NEAR(number(object, "mpps") * number(object, "ns_per_packet"), 1000, 0.1);
    EXPECT_EQ(object.at("expired"), 12345);
    EXPECT_NEAR(number(object, "simulated_seconds_per_second"), 150, 1e-6);
    EXPECT_NEAR(number(object, "bytes_per_connection"), 100, 1e-6);
    EXPECT_NEAR(number(object, "bytes_per_connection_at_capacity"), 76, 1e-6);
    EXPECT_NEAR(number(object.at("latency_ns").as_object(), "p99"), 800, 1e-6);
    EXPECT_TRUE(object.contains("machine"));
    const auto& runs = object.at("runs").as_array();
    ASSERT_EQ(runs.size(), 3U);
    EXPECT_NEAR(number(runs[2].as_object(), "cycles_per_packet"), 500, 1e-6);
    EXPECT_NEAR(number(runs[2].as_object(), "middle_cycles_per_packet"), 250, 1e-6);
    EXPECT_NEAR(number(runs[2].as_object(), "cpu_share"), 0.75, 1e-6);
}

TEST(ChurnTable, SaysTheSame) {
    const std::string table = to_table(options(), three_runs());
    EXPECT_EQ(table.find("whole connections, nat IPv4, 1000 in flight, 8 packets each, 64 bytes, "
                         "scheduler wlc\n"),
              0U)
        << table;
    for (const char* words : {"25.0%", "1900 connections of 2500 that fit", "12345 have ended",
                              "simulated, 150.0 s in a second", "memory: 100 bytes a connection"})
        EXPECT_NE(table.find(words), std::string::npos) << words << "\n" << table;
}

}  // namespace
}  // namespace shunt::bench
