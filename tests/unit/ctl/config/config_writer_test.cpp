// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/config_writer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "sched/registry.h"
#include "support/control.h"

namespace shunt::ctl {
namespace {

constexpr std::string_view static_part = R"(
    # The first line.
    workers = 2;
    ports = ( { name = "wan0"; device = "net_null0"; mtu = 1400; },
              { name = "lan0"; device = "net_null1"; twin = false; } );
    memory = { size_mb = 256; };
    network = { provider = "static";
                addresses = ( { port = "wan0"; address = "192.0.2.1/24"; } ); };
)";

Config parse(const std::string& text) {
    return parse_config(text, "FILE", scheduler_names());
}

/// Everything about services, as one comparable text.
std::string describe(const std::vector<ServiceConfig>& services) {
    const Config nothing = parse(std::string(static_part));
    return write_config(
        nothing.source,
        {.services = services, .tunables = nothing.tunables, .marks = {}, .apps = {}});
}

std::string saved(const Config& config) {
    return write_config(config.source, {.services = config.services,
                                        .tunables = config.tunables,
                                        .marks = config.marks,
                                        .apps = config.apps,
                                        .sync = config.sync});
}

TEST(ConfigWriter, WhatDoesNotChangeIsRepeated) {
    const Config before = parse(std::string(static_part));
    const Config after = parse(saved(before));
    EXPECT_EQ(after.workers, 2);
    ASSERT_EQ(after.ports.size(), 2U);
    EXPECT_EQ(after.ports[0].mtu, 1400);
    EXPECT_FALSE(after.ports[1].twin);
    EXPECT_EQ(after.memory_mb, 256U);
    EXPECT_EQ(after.network, NetworkProvider::fixed);
    EXPECT_EQ(after.fixed.addresses.size(), 1U);
    EXPECT_TRUE(after.services.empty());
}

TEST(ConfigWriter, WhatTheOldFileSaidOfTheStateGivesWay) {
    const Config old = parse(std::string(static_part) + R"(
        timeouts = { tcp = 77; udp = 78; };
        tunables = { sloppy_tcp = 1; sync_threshold = "1 2"; };
        marks = ( { mark = 5; } );
        apps = ( { name = "ftp"; ports = [ 21, 2121 ]; }, { name = "tftp"; } );
        services = ( { protocol = "tcp"; address = "192.0.2.10:80"; } );)");
    const Config after = parse(write_config(
        old.source, {.services = {}, .tunables = Tunables{}, .marks = {}, .apps = {}}));
    EXPECT_TRUE(after.services.empty());
    EXPECT_TRUE(after.marks.empty());
    EXPECT_TRUE(after.apps.empty());
    for (const auto& about : tunable_list)
        EXPECT_EQ(after.tunables.*about.value, about.standard) << about.name;
    EXPECT_EQ(after.tunables.sync_threshold, "3 50");
    const Config same = parse(saved(old));
    EXPECT_EQ(same.tunables.timeout_established, 77);
    EXPECT_EQ(same.tunables.timeout_udp, 78);
    EXPECT_EQ(same.tunables.sync_threshold, "1 2");
    EXPECT_EQ(same.marks, old.marks);
    EXPECT_EQ(same.apps, old.apps);
    EXPECT_EQ(describe(same.services), describe(old.services));
}

TEST(ConfigWriter, SyncDaemonsComeBack) {
    const Config before = parse(std::string(static_part) + R"(
        sync = ( { role = "backup"; interface = "eth1"; syncid = 255; group = "ff02::81";
                   port = 8850; ttl = 3; maxlen = 1400; },
                 { role = "master"; interface = "eth2"; } );)");
    ASSERT_EQ(before.sync.size(), 2U);
    EXPECT_EQ(before.sync[0].syncid, 255);
    EXPECT_EQ(before.sync[0].group, parse_address("ff02::81"));
    EXPECT_EQ(before.sync[1].group, parse_address("224.0.0.81"));
    EXPECT_EQ(before.sync[1].port, 8848);
    EXPECT_EQ(parse(saved(before)).sync, before.sync);
    EXPECT_TRUE(
        parse(write_config(before.source,
                           {.services = {}, .tunables = before.tunables, .marks = {}, .apps = {}}))
            .sync.empty());
}

TEST(ConfigWriter, EveryKeyOfServicesAndMarksComesBack) {
    const std::string text = std::string(static_part) + R"(
        marks = ( { mark = 4294967295; source = "10.0.0.0/8"; destination = "192.0.2.0/24";
                    protocol = "udp"; source_ports = "53"; destination_ports = "1000-2000";
                    port = "wan0"; },
                  { mark = 1; source = "2001:db8::/32"; } );
        services = (
          { protocol = "tcp"; address = "192.0.2.10:80"; scheduler = "mh";
            flags = [ "mh-port", "mh-fallback", "flag-3" ]; persistence = 300; granularity = 24;
            timeout_tcp = 5; timeout_tcp_fin = 6; mh_size = 251; mh_order = "address";
            servers = ( { address = "10.1.0.11:8080"; weight = 0; upper = 9; lower = 3; },
                        { address = "10.1.0.12:80"; forward = "tunnel";
                          tunnel = { type = "gue"; port = 6080; checksum = "remote"; }; },
                        { address = "[2001:db8::1]:80"; forward = "tunnel"; },
                        { address = "10.1.0.13:80"; forward = "direct"; weight = 2147483647; } ); },
          { protocol = "udp"; address = "[2001:db8::10]:5060"; persistence = 60; engine = "sip";
            one_packet = true; timeout_udp = 7; scheduler = "wlc"; slow_start = 30; },
          { mark = 7; family = "ipv6"; scheduler = "conhash"; load_bound = 150;
            check = { type = "http"; interval_ms = 1000; timeout_ms = 500; rise = 1; fall = 9;
                      port = 8080; source = "2001:db8::1"; path = "/x?\"y"; host = "example.org";
                      status = "204"; initially = "down"; all_down = "use_all"; }; },
          { protocol = "sctp"; address = "192.0.2.10:9"; } );)";
    const Config before = parse(text);
    const Config after = parse(saved(before));
    EXPECT_EQ(after.marks, before.marks);
    EXPECT_EQ(describe(after.services), describe(before.services));
    // What describe() itself would forget shows here.
    const std::string written = describe(before.services);
    for (const char* key : {"mh-fallback",
                            "mh-port",
                            "flag-3",
                            "granularity = 24",
                            "timeout_tcp = 5",
                            "timeout_tcp_fin = 6",
                            "timeout_udp = 7",
                            "mh_size = 251",
                            "mh_order = \"address\"",
                            "load_bound = 150",
                            "slow_start = 30",
                            "engine = \"sip\"",
                            "one_packet = true",
                            "upper = 9",
                            "lower = 3",
                            "weight = 0",
                            "weight = 2147483647",
                            "port = 6080",
                            "checksum = \"remote\"",
                            "forward = \"direct\"",
                            "family = \"ipv6\"",
                            "protocol = \"sctp\"",
                            "address = \"[2001:db8::1]:80\"",
                            "type = \"http\"",
                            "interval_ms = 1000",
                            "timeout_ms = 500",
                            "rise = 1",
                            "fall = 9",
                            "port = 8080",
                            "source = \"2001:db8::1\"",
                            "path = \"/x?\\\"y\"",
                            "host = \"example.org\"",
                            "status = \"204\"",
                            "initially = \"down\"",
                            "all_down = \"use_all\""})
        EXPECT_NE(written.find(key), std::string::npos) << key << " in\n" << written;
}

/// Every key of the reference that is under services, marks, apps and ftp is written somewhere.
TEST(ConfigWriter, KnowsEveryKeyOfTheState) {
    std::string code;
    for (const char* name :
         {"/src/ctl/config/config_shape.h", "/src/ctl/config/config_writer.cpp"}) {
        std::ifstream source(std::string(SHUNT_SOURCE_DIR) + name);
        code.append(std::istreambuf_iterator<char>(source), {});
    }
    for (const auto& key : config_keys()) {
        if (!key.name.starts_with("services[].") && !key.name.starts_with("marks[].") &&
            !key.name.starts_with("apps[].") && !key.name.starts_with("sync[].") &&
            !key.name.starts_with("ftp."))
            continue;
        const std::string last = key.name.substr(key.name.find_last_of('.') + 1);
        const auto plain = last.ends_with("[]") ? last.substr(0, last.size() - 2) : last;
        EXPECT_NE(code.find(plain), std::string::npos) << key.name;
    }
}

TEST(ConfigWriter, EachTunableComesBack) {
    const Config base = parse(std::string(static_part));
    for (const auto& about : tunable_list) {
        Tunables tunables;
        tunables.*about.value = about.standard == about.most ? about.least : about.most;
        const Config after = parse(write_config(
            base.source, {.services = {}, .tunables = tunables, .marks = {}, .apps = {}}));
        for (const auto& other : tunable_list)
            EXPECT_EQ(after.tunables.*other.value, tunables.*other.value) << other.name;
    }
}

/// The registry's own words lead back to the same registry.
TEST(ConfigWriter, ARegistryIsLoadedAsItWas) {
    const Config config = parse(std::string(static_part) + R"(
        services = (
          { protocol = "tcp"; address = "192.0.2.10:80"; scheduler = "wrr"; persistence = 9;
            servers = ( { address = "10.1.0.11:8080"; weight = 3; }, { address = "10.1.0.12:80"; },
                        { address = "10.1.0.13:80"; forward = "tunnel";
                          tunnel = { type = "gre"; checksum = "full"; }; } ); },
          { mark = 9; scheduler = "sh"; flags = [ "sh-port" ]; timeout_tcp = 9; } );)");
    test::Control first;
    first.registry.load(config.services);
    const auto configuration = first.registry.configuration();
    const Config again = parse(write_config(
        config.source, {.services = configuration, .tunables = {}, .marks = {}, .apps = {}}));
    test::Control second;
    second.registry.load(again.services);
    EXPECT_EQ(describe(second.registry.configuration()), describe(configuration));
    const auto view = second.registry.view(config.services[0].key);
    ASSERT_EQ(view.servers.size(), 3U);
    EXPECT_EQ(view.servers[0].server.endpoint.port, L4Port(std::uint16_t{80})) << "newest first";
    EXPECT_EQ(view.servers[2].server.weight, 3U);
    EXPECT_EQ(view.persistence, first.registry.view(config.services[0].key).persistence);
}

}  // namespace
}  // namespace shunt::ctl
