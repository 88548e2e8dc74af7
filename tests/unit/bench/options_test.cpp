// SPDX-License-Identifier: BSD-3-Clause
#include "bench/options.h"

#include <gtest/gtest.h>

namespace shunt::bench {
namespace {

std::optional<Options> parse(std::vector<std::string> words) {
    std::string help;
    return parse_options(std::move(words), help);
}

/// Why the words are refused; "" when they are not.
std::string refusal(std::vector<std::string> words) {
    try {
        parse(std::move(words));
    } catch (const UsageError& error) {
        return error.what();
    }
    return "";
}

TEST(Options, TakesEveryPromisedWord) {
    const auto o = parse({"forward", "--forward",     "nat",      "--family",    "6",   "--flows",
                          "1000",    "--packet-size", "128",      "--direction", "out", "--seconds",
                          "0.5",     "--repeat",      "7",        "--scheduler", "wlc", "--workers",
                          "1",       "--json",        "--no-huge"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->command, Options::Command::forward);
    EXPECT_EQ(o->family, Family::ipv6);
    EXPECT_EQ(o->flows, 1000U);
    EXPECT_EQ(o->packet_size, 128);
    EXPECT_EQ(o->direction, Traffic::out);
    EXPECT_DOUBLE_EQ(o->seconds, 0.5);
    EXPECT_EQ(o->repeat, 7U);
    EXPECT_EQ(o->scheduler, "wlc");
    EXPECT_TRUE(o->json);
    EXPECT_TRUE(o->no_huge);
    EXPECT_FALSE(o->cpu);
}

TEST(Options, HasDefaultsThatMeasureSomething) {
    const auto o = parse({"forward"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->method.forward, ForwardMethod::nat);
    EXPECT_EQ(o->family, Family::ipv4);
    EXPECT_EQ(o->flows, 1'000'000U);
    EXPECT_EQ(o->packet_size, 64);
    EXPECT_EQ(o->direction, Traffic::both);
    EXPECT_EQ(o->scheduler, "rr");
    EXPECT_FALSE(o->json);
    EXPECT_FALSE(o->no_huge);
}

TEST(Options, TakesEveryMethod) {
    EXPECT_EQ(parse({"forward", "--forward", "nat"})->method.forward, ForwardMethod::nat);
    EXPECT_EQ(parse({"forward", "--forward", "dr"})->method.forward, ForwardMethod::direct);
    const auto tun = parse({"forward", "--forward", "tun"});
    EXPECT_EQ(tun->method.forward, ForwardMethod::tunnel);
    EXPECT_EQ(tun->method.tunnel, TunnelType::ipip);
    for (const auto& [word, type] :
         {std::pair{"ipip", TunnelType::ipip}, std::pair{"gre", TunnelType::gre},
          std::pair{"gue", TunnelType::gue}})
        EXPECT_EQ(parse({"forward", "--forward", "tun", "--tunnel", word})->method.tunnel, type);
}

TEST(Options, OnlyNatHasPacketsFromServers) {
    for (const std::string method : {"dr", "tun"}) {
        EXPECT_EQ(parse({"forward", "--forward", method})->direction, Traffic::in);
        EXPECT_EQ(parse({"forward", "--forward", method, "--direction", "in"})->direction,
                  Traffic::in);
        for (const std::string direction : {"out", "both"})
            EXPECT_EQ(refusal({"forward", "--forward", method, "--direction", direction}),
                      "--direction " + direction + ": with --forward " + method +
                          " servers answer past the balancer, there is only in");
    }
}

TEST(Options, LimitHasItsOwnCommand) {
    const auto o = parse({"limit", "--flows", "10000000", "--cpu", "3"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->command, Options::Command::limit);
    EXPECT_EQ(o->flows, 10'000'000U);
    EXPECT_EQ(o->cpu, 3U);
    EXPECT_NE(refusal({"limit", "--forward", "nat"}), "");
}

TEST(Options, ConnectTakesWhatForwardTakesButADirection) {
    const auto o = parse({"connect", "--flows", "10000000", "--forward", "tun", "--tunnel", "gre",
                          "--family", "6", "--scheduler", "wlc", "--repeat", "2", "--json"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->command, Options::Command::connect);
    EXPECT_EQ(o->flows, 10'000'000U);
    EXPECT_EQ(o->method.forward, ForwardMethod::tunnel);
    EXPECT_EQ(o->method.tunnel, TunnelType::gre);
    EXPECT_EQ(o->family, Family::ipv6);
    EXPECT_EQ(o->scheduler, "wlc");
    EXPECT_EQ(o->repeat, 2U);
    EXPECT_TRUE(o->json);
    EXPECT_NE(refusal({"connect", "--direction", "in"}), "");
    EXPECT_EQ(refusal({"connect", "--workers", "2"}), "--workers 2: not in this version");
}

TEST(Options, ChurnHasLeastConnectionsAndItsPorts) {
    const auto o = parse({"churn", "--flows", "9000", "--reuse-ports"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->command, Options::Command::churn);
    EXPECT_EQ(o->flows, 9000U);
    EXPECT_EQ(o->scheduler, "wlc");
    EXPECT_TRUE(o->reuse_ports);
    EXPECT_FALSE(parse({"churn"})->reuse_ports);
    EXPECT_EQ(parse({"churn", "--scheduler", "rr"})->scheduler, "rr");
    EXPECT_EQ(refusal({"churn", "--flows", "8447"}), "--flows: with churn at least 8448");
    EXPECT_NE(refusal({"churn", "--direction", "in"}), "");
    EXPECT_NE(refusal({"connect", "--reuse-ports"}), "");
}

TEST(Options, ReplayNeedsAConfigurationAndCaptures) {
    const auto o = parse({"replay", "--config", "shunt.conf", "--pcap", "wan0=a.pcap", "--pcap",
                          "lan0=b.pcap", "--loop", "3", "--out", "x.pcap", "--any-mac", "--json"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->command, Options::Command::replay);
    EXPECT_EQ(o->replay.config, "shunt.conf");
    EXPECT_EQ(o->replay.pcaps, (std::vector<std::string>{"wan0=a.pcap", "lan0=b.pcap"}));
    EXPECT_EQ(o->replay.loops, 3U);
    EXPECT_EQ(o->replay.out, "x.pcap");
    EXPECT_TRUE(o->replay.any_mac);
    EXPECT_TRUE(o->json);
    EXPECT_NE(refusal({"replay", "--pcap", "x"}).find("--config"), std::string::npos);
    EXPECT_NE(refusal({"replay", "--config", "x"}).find("--pcap"), std::string::npos);
    EXPECT_NE(refusal({"replay", "--config", "x", "--pcap", "y", "--loop", "0"}), "");
}

TEST(Options, ReportsGoToAFolder) {
    EXPECT_EQ(parse({"forward"})->report, "");
    EXPECT_EQ(parse({"forward", "--report", "x"})->report, "x");
    EXPECT_EQ(parse({"connect", "--report", "x"})->report, "x");
    const auto again = parse({"report", "x", "--page", "y"});
    EXPECT_EQ(again->command, Options::Command::report);
    EXPECT_EQ(again->report, "x");
    EXPECT_EQ(again->page, "y");
    EXPECT_NE(refusal({"report"}), "");
}

TEST(Options, AnAccountIsOfEstablishedConnections) {
    EXPECT_FALSE(parse({"forward"})->account);
    EXPECT_TRUE(parse({"forward", "--account"})->account);
    EXPECT_NE(refusal({"connect", "--account"}), "");
}

TEST(Options, ForwardHasHandOffAndApplications) {
    EXPECT_FALSE(parse({"forward"})->hand_off);
    EXPECT_FALSE(parse({"forward"})->ftp);
    EXPECT_TRUE(parse({"forward", "--hand-off"})->hand_off);
    EXPECT_TRUE(parse({"forward", "--app", "ftp"})->ftp);
    EXPECT_NE(refusal({"forward", "--app", "smtp"}).find("--app"), std::string::npos);
    EXPECT_NE(refusal({"churn", "--hand-off"}), "");
}

TEST(Options, SaysWhatIsNotInThisVersion) {
    EXPECT_EQ(refusal({"forward", "--forward", "fullnat"}),
              "--forward fullnat: not in this version");
    EXPECT_EQ(refusal({"forward", "--workers", "2"}), "--workers 2: not in this version");
}

TEST(Options, RefusesInOneLineThatNamesTheOption) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
        {{"forward", "--flows", "0"}, "--flows"},
        {{"forward", "--flows", "many"}, "--flows"},
        {{"forward", "--flows"}, "--flows"},
        {{"forward", "--family", "5"}, "--family"},
        {{"forward", "--packet-size", "63"}, "--packet-size"},
        {{"forward", "--packet-size", "1519"}, "--packet-size"},
        {{"forward", "--direction", "up"}, "--direction"},
        {{"forward", "--seconds", "0"}, "--seconds"},
        {{"forward", "--repeat", "0"}, "--repeat"},
        {{"forward", "--scheduler", "none"}, "--scheduler"},
        {{"forward", "--workers", "0"}, "--workers"},
        {{"forward", "--forward", "magic"}, "magic"},
        {{"forward", "--tunnel", "gre"}, "--tunnel"},
        {{"forward", "--forward", "dr", "--tunnel", "ipip"}, "--tunnel"},
        {{"forward", "--forward", "tun", "--tunnel", "vxlan"}, "--tunnel"},
        {{"forward", "--nonsense"}, "--nonsense"},
        {{"nonsense"}, ""},
        {{}, ""},
    };
    for (const auto& [words, named] : cases) {
        const std::string line = refusal(words);
        EXPECT_FALSE(line.empty()) << (words.empty() ? "" : words.back());
        EXPECT_NE(line.find(named), std::string::npos) << line;
        EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    }
}

TEST(Options, HelpIsNoError) {
    std::string help;
    EXPECT_FALSE(parse_options({"--help"}, help));
    EXPECT_NE(help.find("forward"), std::string::npos);
    EXPECT_NE(help.find("limit"), std::string::npos);
    EXPECT_FALSE(parse_options({"forward", "--help"}, help));
    EXPECT_NE(help.find("--packet-size"), std::string::npos);
}

}  // namespace
}  // namespace shunt::bench
