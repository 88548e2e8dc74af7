// SPDX-License-Identifier: BSD-3-Clause
// Replay of the golden captures, whose outcome is known; tests/golden/replay.py does so for all of
// them, byte by byte.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "bench/replay_report.h"

namespace shunt::bench {
namespace {

namespace json = boost::json;

std::string golden(const std::string& name) {
    return std::string(SHUNT_SOURCE_DIR) + "/tests/golden/" + name;
}

std::string file_text(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

class ReplayTest : public ::testing::Test {
  protected:
    ReplayTest() { std::filesystem::create_directories(folder_); }
    ~ReplayTest() override { std::filesystem::remove_all(folder_); }

    static Options of_case(const std::string& name, std::vector<std::string> pcaps) {
        Options options;
        options.command = Options::Command::replay;
        options.replay.config = golden(name + "/shunt.conf");
        options.replay.pcaps = std::move(pcaps);
        return options;
    }
    static ReplayResults run(const Options& options) {
        return replay(options, plan_replay(options), [](const auto&) {});
    }
    static std::string refusal(const Options& options) {
        try {
            static_cast<void>(plan_replay(options));
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "";
    }
    /// The configuration of the case with one text in place of another.
    std::string changed(const std::string& name, const std::string& from, const std::string& to) {
        std::string text = file_text(golden(name + "/shunt.conf"));
        const auto at = text.find(from);
        EXPECT_NE(at, std::string::npos);
        text.replace(at, from.size(), to);
        std::ofstream(folder_ + "/shunt.conf") << text;
        return folder_ + "/shunt.conf";
    }

    std::string folder_ = ::testing::TempDir() + "replay-" + std::to_string(getpid());
};

TEST_F(ReplayTest, ForwardsBothDirectionsAndTimesThem) {
    Options options = of_case("tcp4", {golden("tcp4/wan0.in.pcap")});
    options.replay.loops = 3;
    const ReplayResults results = run(options);
    EXPECT_EQ(results.packets, 9U);
    EXPECT_EQ(results.verdicts.received, 27U);
    EXPECT_EQ(results.verdicts.forwarded, 27U);
    EXPECT_EQ(results.verdicts.all_dropped(), 0U);
    EXPECT_TRUE(results.verdicts.conserved);
    ASSERT_EQ(results.verdicts.methods.size(), 1U);
    EXPECT_EQ(results.verdicts.methods[0].forward, ForwardMethod::nat);
    EXPECT_EQ(results.verdicts.methods[0].in, 15U);
    EXPECT_EQ(results.verdicts.methods[0].out, 12U);
    EXPECT_EQ(results.timed_packets, 27U);
    EXPECT_GT(results.cycles_per_packet, 0);
    EXPECT_GT(results.mean_burst, 1);
    EXPECT_TRUE(results.warnings.empty());
}

TEST_F(ReplayTest, WritesTheFirstLoopOfEachPortAndTimesTheOthers) {
    Options options = of_case("two_ports", {"wan0=" + golden("two_ports/wan0.in.pcap"),
                                            "lan0=" + golden("two_ports/lan0.in.pcap")});
    options.replay.out = folder_ + "/out.pcap";
    EXPECT_EQ(run(options).timed_packets, 0U);
    options.replay.loops = 2;
    const ReplayResults results = run(options);
    EXPECT_EQ(results.timed_packets, results.packets);
    ASSERT_EQ(results.written.size(), 2U);
    EXPECT_EQ(results.written[0].find(folder_ + "/out.wan0.pcap: "), 0U);
    std::size_t written = 0;
    for (const char* port : {"wan0", "lan0"}) {
        Capture actual;
        Capture expected;
        actual.add(folder_ + "/out." + port + ".pcap", PortId(0));
        expected.add(golden(std::string("two_ports/") + port + ".out.pcap"), PortId(0));
        EXPECT_EQ(actual.packets().size(), expected.packets().size()) << port;
        written += actual.packets().size();
    }
    EXPECT_GT(written, 0U);
}

TEST_F(ReplayTest, CountsDropsByReason) {
    const auto results =
        run(of_case("ipv4_bad_checksum", {golden("ipv4_bad_checksum/wan0.in.pcap")}));
    EXPECT_GT(results.verdicts.dropped[static_cast<std::size_t>(DropReason::ipv4_bad_checksum)],
              0U);
    EXPECT_TRUE(results.verdicts.conserved);
    Options options;
    options.replay.config = "x.conf";
    const auto object = json::parse(to_json(options, results)).as_object();
    EXPECT_EQ(object.at("command"), "replay");
    EXPECT_EQ(object.at("verdicts").at("conserved"), true);
    EXPECT_EQ(object.at("verdicts").at("dropped"), results.verdicts.all_dropped());
    EXPECT_TRUE(object.at("verdicts").at("drops").as_object().contains("ipv4_bad_checksum"));
    const std::string table = to_table(options, results);
    EXPECT_NE(table.find("  ipv4_bad_checksum: the IPv4 header checksum is wrong"),
              std::string::npos)
        << table;
    EXPECT_NE(table.find("every packet has its verdict: yes"), std::string::npos) << table;
}

TEST_F(ReplayTest, PacketsForOtherHostsAreTakenOnDemand) {
    Options options = of_case("tcp4", {golden("tcp4/wan0.in.pcap")});
    options.replay.config =
        changed("tcp4", "twin = false;", "twin = true; mac = \"02:00:00:00:00:77\";");
    const ReplayResults foreign = run(options);
    EXPECT_EQ(foreign.verdicts.forwarded, 0U);
    EXPECT_EQ(foreign.verdicts.to_host, 9U);
    EXPECT_EQ(foreign.ports[0].own, 0U);
    ASSERT_EQ(foreign.warnings.size(), 1U);
    EXPECT_NE(foreign.warnings[0].find("9 of 9 packets"), std::string::npos);
    EXPECT_NE(foreign.warnings[0].find("--any-mac"), std::string::npos);
    options.replay.any_mac = true;
    const ReplayResults taken = run(options);
    EXPECT_EQ(taken.verdicts.forwarded, 9U);
    EXPECT_TRUE(taken.warnings.empty());
}

TEST_F(ReplayTest, SaysWhatCannotBeReplayed) {
    EXPECT_EQ(refusal(of_case("two_ports", {"wan1=" + golden("two_ports/wan0.in.pcap")})),
              "--pcap wan1=" + golden("two_ports/wan0.in.pcap") +
                  ": the configuration has no port wan1, but wan0, lan0");
    EXPECT_NE(refusal(of_case("two_ports", {golden("two_ports/wan0.in.pcap")}))
                  .find("the configuration has several ports"),
              std::string::npos);
    EXPECT_EQ(refusal(of_case("two_ports", {"wan0=" + golden("two_ports/wan0.in.pcap"),
                                            "wan0=" + golden("two_ports/lan0.in.pcap")})),
              "--pcap: two files for port wan0");
    EXPECT_NE(refusal(of_case("none", {"x"})).find("none/shunt.conf"), std::string::npos);
    Options options = of_case("tcp4", {golden("tcp4/wan0.in.pcap")});
    options.replay.config = changed("tcp4", "provider = \"static\";", "provider = \"kernel\";");
    EXPECT_NE(refusal(options), "");
}

TEST(OutputName, HasThePortBeforeTheSuffix) {
    EXPECT_EQ(output_name("x.pcap", "wan0", true), "x.pcap");
    EXPECT_EQ(output_name("x.pcap", "wan0", false), "x.wan0.pcap");
    EXPECT_EQ(output_name("/a.b/x", "wan0", false), "/a.b/x.wan0");
}

}  // namespace
}  // namespace shunt::bench
