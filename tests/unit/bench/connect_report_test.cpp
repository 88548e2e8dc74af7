// SPDX-License-Identifier: BSD-3-Clause
#include "bench/connect_report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace shunt::bench {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

Options options_of(std::uint32_t flows) {
    Options options;
    options.command = Options::Command::connect;
    options.flows = flows;
    return options;
}

ConnectResults three_runs() {
    ConnectResults results;
    results.packet_size = 64;
    results.capacity = 1250;
    results.table_bytes = 125'000;
    results.machine.cpu = "a cpu";
    for (const double cycles : {500.0, 400.0, 900.0}) {
        Growth& growth = results.runs.emplace_back();
        growth.limit = {.cycles_per_packet = 100, .cpu_share = 1, .packets = 1};
        growth.cycles_per_connection = cycles;
        growth.middle_cycles = cycles / 2;
        growth.cpu_share = 1;
        growth.making = 25ms;
        growth.bytes_at_start = 3'000'000;
        growth.bytes_grown = 90'000;
        growth.iterations.add({.elapsed = 3us, .own = 3us, .page_faults = 1});
    }
    results.runs[1].iterations.add(
        {.elapsed = 5ms, .own = 20us, .interruptions = 3, .connections = 64});
    results.runs[2].iterations.add(
        {.elapsed = 1100us, .own = 1050us, .page_faults = 9, .connections = 96});
    return results;
}

json::object parsed() {
    return json::parse(to_json(options_of(1000), three_runs())).as_object();
}

double number(const json::object& object, std::string_view key) {
    return object.at(key).to_number<double>();
}

TEST(ConnectJson, GivesMediansOverTheRuns) {
    const auto object = parsed();
    EXPECT_EQ(object.at("command"), "connect");
    EXPECT_EQ(object.at("forward"), "nat");
    EXPECT_EQ(object.at("family"), 4);
    EXPECT_EQ(object.at("flows"), 1000);
    EXPECT_FALSE(object.contains("tunnel"));
    EXPECT_NEAR(number(object, "cycles_per_connection"), 500, 1e-6);
    EXPECT_NEAR(number(object, "middle_cycles_per_connection"), 250, 1e-6);
    EXPECT_NEAR(number(object, "ratio_to_limit"), 0.2, 1e-4);
    EXPECT_NEAR(number(object, "connections_per_second") / 1e6, number(object, "limit_mpps") * 0.2,
                1e-3);
    EXPECT_NEAR(number(object, "start_ms"), 25, 1e-6);
}

TEST(ConnectJson, CountsMemoryByConnectionsAndByCapacity) {
    const auto object = parsed();
    EXPECT_NEAR(number(object, "bytes_per_connection"), 125, 1e-6);
    EXPECT_NEAR(number(object, "bytes_per_connection_at_capacity"), 100, 1e-6);
    EXPECT_NEAR(number(object, "resident_bytes_per_connection"), 90, 1e-6);
    EXPECT_NEAR(number(object, "resident_bytes_at_start"), 3e6, 1e-6);
}

TEST(ConnectJson, HasTheIterationsOfAllRuns) {
    const auto object = parsed();
    EXPECT_EQ(object.at("over_1ms"), 2);
    EXPECT_EQ(object.at("own_over_1ms"), 1);
    EXPECT_EQ(object.at("uninterrupted_over_1ms"), 1);
    const auto& rows = object.at("histogram").as_array();
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(rows[0].at("from_us"), 2);
    EXPECT_EQ(rows[0].at("elapsed"), 3);
    EXPECT_EQ(rows[0].at("own"), 3);
    EXPECT_EQ(rows[0].at("with_page_faults"), 3);
    EXPECT_EQ(rows[1].at("from_us"), 16);
    EXPECT_EQ(rows[1].at("elapsed"), 0);
    EXPECT_EQ(rows[1].at("own"), 1);
    EXPECT_EQ(rows[3].at("from_us"), 4096);
    const auto& runs = object.at("runs").as_array();
    ASSERT_EQ(runs.size(), 3U);
    EXPECT_EQ(runs[1].at("longest").at("connections"), 64);
    EXPECT_EQ(runs[1].at("longest_uninterrupted").at("connections"), 0);
    EXPECT_EQ(runs[2].at("longest_own").at("page_faults"), 9);
}

TEST(ConnectJson, NamesTheTunnel) {
    Options options = options_of(1000);
    options.method = {ForwardMethod::tunnel, TunnelType::gue};
    const auto object = json::parse(to_json(options, three_runs())).as_object();
    EXPECT_EQ(object.at("forward"), "tun");
    EXPECT_EQ(object.at("tunnel"), "gue");
}

TEST(ConnectTable, SaysTheSame) {
    const std::string table = to_table(options_of(1000), three_runs());
    EXPECT_EQ(table.find("new connections, nat IPv4, 1000 of 1250 that fit"), 0U) << table;
    for (const char* words :
         {"20.0%", "125 bytes a connection reserved, 100 at capacity", "90 bytes more a connection",
          "2 over 1 ms, longest 5000.0 us (0 page faults, 3 interruptions, at connection 64)",
          "by CPU time:        1 over 1 ms, longest 1050.0 us (9 page faults",
          "uninterrupted:      1 over 1 ms, longest 1050.0 us (9 page faults", "start: 25 ms"})
        EXPECT_NE(table.find(words), std::string::npos) << words << "\n" << table;
}

}  // namespace
}  // namespace shunt::bench
