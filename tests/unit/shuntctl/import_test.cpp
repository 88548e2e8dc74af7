// SPDX-License-Identifier: BSD-3-Clause
// Configurations of ipvsadm and keepalived as one of shuntd. The texts were written for these tests
// by the documented grammar.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "shuntctl/commands.h"
#include "shuntctl/import_command.h"

namespace shunt::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Resolver no_names{
    .host = [](const std::string&) { return std::nullopt; },
    .port = [](const std::string& name, Protocol) -> std::optional<std::uint16_t> {
        return name == "http" ? std::optional<std::uint16_t>(80) : std::nullopt;
    }};

using Files = std::vector<std::pair<std::string, std::string>>;

ImportPlan plan_of(
    ImportFormat format, const std::string& text,
    const ReadIncluded& read = [](const auto&, const auto&) { return Files(); }) {
    return import_plan(format, text, "in", read, no_names);
}
ImportPlan ipvsadm(const std::string& text) {
    return plan_of(ImportFormat::ipvsadm, text);
}
ImportPlan keepalived(const std::string& text) {
    return plan_of(ImportFormat::keepalived, text);
}

/// "LINE: text".
std::vector<std::string> notes_of(const ImportPlan& plan) {
    std::vector<std::string> notes;
    for (const auto& [place, text] : plan.notes())
        notes.push_back(std::to_string(place.line) + ": " + text);
    return notes;
}

/// The part of the text that follows the comments.
std::string body_of(const ImportPlan& plan) {
    const auto text = import_text(plan, "in", {});
    return text.substr(text.find("services"));
}

std::vector<std::string> names_of(const ImportPlan& plan) {
    std::vector<std::string> names;
    for (const auto& service : plan.services()) names.push_back(import_name(service.name));
    return names;
}

TEST(ImportIpvsadm, EveryKindOfServiceAndServer) {
    const auto plan = ipvsadm(R"(-A -t 192.0.2.10:80 -s wrr -p 300 -M 255.255.255.0
-a -t 192.0.2.10:80 -r 10.1.0.11:8080 -m -w 3 -x 100 -y 50
-a -t 192.0.2.10:80 -r 10.1.0.12:80 -g -w 0
-A -u [2001:db8::10]:5060 -s sh -b sh-port,sh-fallback -p 360 --pe sip
-a -u [2001:db8::10]:5060 -r [2001:db8:1::1]:5060 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-A -f 7 -6 -s wlc -o
-a -f 7 -6 -r [2001:db8:1::2]:0 -i -w 1 --tun-type gre
--set 1200 60 30
)");
    EXPECT_THAT(notes_of(plan), IsEmpty());
    EXPECT_EQ(import_text(plan, "in", {{"wan0", "0000:01:00.0"}}),
              R"(# Imported by shuntctl from "in".
ports = (
  { name = "wan0"; device = "0000:01:00.0"; }
);
timeouts = { tcp = 1200; tcp_fin = 60; udp = 30; };
services = (
  {
    protocol = "tcp";
    address = "192.0.2.10:80";
    scheduler = "wrr";
    persistence = 300;
    granularity = 24;
    servers = (
        { address = "10.1.0.11:8080"; weight = 3; upper = 100; lower = 50; },
        { address = "10.1.0.12:80"; forward = "direct"; weight = 0; }
    );
  },
  {
    protocol = "udp";
    address = "[2001:db8::10]:5060";
    scheduler = "sh";
    flags = [ "sh-fallback", "sh-port" ];
    persistence = 360;
    engine = "sip";
    servers = (
        { address = "[2001:db8:1::1]:5060"; forward = "tunnel"; )"
              R"(tunnel = { type = "gue"; port = 6080; checksum = "full"; }; }
    );
  },
  {
    mark = 7;
    family = "ipv6";
    scheduler = "wlc";
    one_packet = true;
    servers = (
        { address = "[2001:db8:1::2]:0"; forward = "tunnel"; tunnel = { type = "gre"; }; }
    );
  }
);
)");
}

TEST(ImportIpvsadm, CommandsAreCarriedOutInOrder) {
    const auto plan = ipvsadm(R"(#!/bin/sh
/sbin/ipvsadm -A -t 192.0.2.9:80
ipvsadm -C
ipvsadm -A -t 192.0.2.10:http -s rr   # the web
ipvsadm -a -t 192.0.2.10:80 -r 10.1.0.11
ipvsadm -a -t 192.0.2.10:80 -r 10.1.0.12
ipvsadm -e -t 192.0.2.10:80 -r 10.1.0.12 -m -w 5
ipvsadm -d -t 192.0.2.10:80 -r 10.1.0.11
ipvsadm -E -t 192.0.2.10:80 -s lc
)");
    EXPECT_THAT(notes_of(plan), IsEmpty());
    const auto services = plan.services();
    ASSERT_EQ(services.size(), 1U);
    EXPECT_EQ(services[0].options.scheduler, "lc");
    ASSERT_EQ(services[0].servers.size(), 1U);
    EXPECT_EQ(to_string(services[0].servers[0].address), "10.1.0.12:80");
    EXPECT_EQ(services[0].servers[0].options.weight, 5U);
}

TEST(ImportIpvsadm, WhatCannotBeCarriedOverIsNamedByLine) {
    const auto plan = ipvsadm(R"(-A -t 192.0.2.10:80 -s nobody
-A -t 192.0.2.10:80 -s rr
-a -t 192.0.2.11:80 -r 10.1.0.11:80 -m
-A -t 192.0.2.12:80 -p 300 -M 255.0.255.0
--start-daemon master --mcast-interface eth0
-L -n
-A -q 192.0.2.13:80
-A -t 224.0.0.1:80
-A -t 192.0.2.10:81
-a -t 192.0.2.10:81 -r 10.1.0.11:80 -m -x 10 -y 20
)");
    EXPECT_THAT(
        notes_of(plan),
        ElementsAre(
            "1: service tcp 192.0.2.10:80: there is no scheduler nobody here; wlc takes its place",
            "2: service tcp 192.0.2.10:80 is left out: it is here already",
            "3: there is no service tcp 192.0.2.11:80", "4: left out: -M 255.0.255.0 is no prefix",
            "6: this command makes nothing that could be carried over",
            HasSubstr("7: left out: ipvsadm would refuse this line"),
            HasSubstr("8: service tcp 224.0.0.1:80 is left out: 224.0.0.1 is "),
            "10: server 10.1.0.11:80: a lower threshold above the upper one is left out"));
    EXPECT_THAT(names_of(plan), ElementsAre("tcp 192.0.2.10:80", "tcp 192.0.2.10:81"));
}

TEST(ImportIpvsadm, SyncDaemonsAreCarriedOver) {
    const auto plan = ipvsadm(R"(--start-daemon master --mcast-interface eth1 --syncid 7
--start-daemon backup --mcast-interface eth1 --mcast-group ff02::81 --mcast-port 8850
--start-daemon master --mcast-interface eth2
--start-daemon backup --mcast-interface an-interface-name
)");
    EXPECT_THAT(notes_of(plan),
                ElementsAre("4: the sync daemon is left out: no interface can have its name"));
    EXPECT_THAT(import_text(plan, "in", {}), HasSubstr(R"(sync = (
  { role = "backup"; interface = "eth1"; group = "ff02::81"; port = 8850; },
  { role = "master"; interface = "eth2"; }
);
)"));
}

/// A file as sites have it.
const char* const site = R"(! Configuration File for keepalived
global_defs {
    notification_email { admin@example.org }   # who is told
    router_id lb1
    lvs_sync_daemon eth0 VI_1
    lvs_timeouts tcp 1800 tcpfin 90 udp 60
}
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_ipaddress {
        192.0.2.10/24
    }
}
virtual_server 192.0.2.10 443 {
    delay_loop 6
    lb_algo wlc
    lb_kind DR
    persistence_timeout 600
    persistence_granularity 255.255.255.0
    protocol TCP
    sorry_server 10.1.0.99 443

    real_server 10.1.0.11 443 {
        weight 3
        uthreshold 1000
        lthreshold 800
        inhibit_on_failure
        SSL_GET {
            url {
                path /health
                status_code 200
            }
            connect_timeout 3
        }
    }
    real_server 10.1.0.12 443 {
        weight 1
        TCP_CHECK { connect_timeout 3 }
    }
}
)";

TEST(ImportKeepalived, AFileAsSitesHaveIt) {
    const auto plan = keepalived(site);
    EXPECT_EQ(body_of(plan), R"(services = (
  {
    protocol = "tcp";
    address = "192.0.2.10:443";
    scheduler = "wlc";
    persistence = 600;
    granularity = 24;
    check = { type = "tcp"; interval_ms = 6000; timeout_ms = 3000; rise = 1; };
    servers = (
        { address = "10.1.0.11:443"; forward = "direct"; weight = 3; upper = 1000; lower = 800; },
        { address = "10.1.0.12:443"; forward = "direct"; }
    );
  }
);
)");
    EXPECT_THAT(import_text(plan, "in", {}), HasSubstr(R"(sync = (
  { role = "master"; interface = "eth0"; },
  { role = "backup"; interface = "eth0"; }
);
)"));
    EXPECT_EQ(plan.timeouts().tcp, 1800U);
    EXPECT_EQ(plan.timeouts().tcp_fin, 90U);
    EXPECT_EQ(plan.timeouts().udp, 60U);
    EXPECT_THAT(
        notes_of(plan),
        ElementsAre("5: lvs_sync_daemon: master and backup both run, whatever VRRP decides",
                    "8: vrrp_instance is not carried over: it stays with keepalived",
                    "22: sorry_server is not carried over: there is no server of last resort",
                    "29: SSL_GET is not carried over: there are no checks over TLS"));
}

TEST(ImportKeepalived, ChecksOfEveryForm) {
    const auto plan = keepalived(R"(virtual_server 192.0.2.10 80 {
    lb_kind NAT
    delay_loop 2.5
    retry 2
    alpha
    virtualhost www.example.org
    real_server 10.1.0.11 80 {
        HTTP_GET {
            url {
                path /health
                status_code 200-204
                digest 640205b7b0fc66c1ea91c463fac6334d
            }
            url { path /other }
            connect_port 8080
            bindto 10.1.0.1
            connect_timeout 90
            delay_before_retry 1
        }
    }
    real_server 10.1.0.12 80 {
        TCP_CHECK { connect_ip 10.1.0.99 }
    }
}
virtual_server 192.0.2.10 53 {
    lb_kind NAT
    protocol UDP
    real_server 10.1.0.11 53 {
        delay_loop 0.01
        UDP_CHECK { retry 1000 }
    }
}
virtual_server 192.0.2.10 81 {
    lb_kind NAT
    real_server 10.1.0.11 81 {
        inhibit_on_failure
        notify_down /bin/true
        HTTP_GET { url { status_code 200 404 } delay_loop soon }
        MISC_CHECK { misc_path /bin/true }
    }
}
virtual_server fwmark 7 {
    lb_kind NAT
    real_server 10.1.0.11 80 { TCP_CHECK }
    real_server 10.1.0.12 80 { TCP_CHECK { connect_port 80 } }
}
)");
    const std::string body = body_of(plan);
    for (const auto* check :
         {"    check = { type = \"http\"; interval_ms = 2500; timeout_ms = 60000; rise = 1; fall = "
          "3; "
          "port = 8080; source = \"10.1.0.1\"; path = \"/health\"; host = \"www.example.org\"; "
          "status = \"200-204\"; initially = \"down\"; };\n",
          "    check = { type = \"udp\"; interval_ms = 100; rise = 1; fall = 100; };\n",
          "    check = { type = \"http\"; rise = 1; path = \"/\"; status = \"200-299\"; };\n",
          "    check = { type = \"tcp\"; rise = 1; port = 80; };\n"})
        EXPECT_THAT(body, HasSubstr(check));
    EXPECT_THAT(
        notes_of(plan),
        ElementsAre(
            "12: digest is not carried over: only the status counts",
            "14: only the first url of a server is asked for",
            "18: delay_before_retry is not carried over: the next check comes after delay_loop",
            "22: connect_ip is not carried over: there is no counterpart",
            "22: another check is in force: the servers of a service have one, that of the first "
            "of "
            "them",
            "37: notify_down is not carried over: events tell of servers that go down and come up",
            "38: status_code: one range of 100 to 599 is expected",
            "38: delay_loop: soon is not understood",
            "39: MISC_CHECK is not carried over: there is no such check",
            "42: mark 7: the rules of the packet filter that set it are to be written as marks",
            "44: the check is left out: that of a mark or of every port needs a port"));
}

TEST(ImportKeepalived, GroupsRangesAndMarks) {
    const auto plan = keepalived(R"(
virtual_server group WEB {
    lvs_sched rr
    lvs_method NAT
    protocol UDP
    real_server 10.1.0.11 http
    real_server 10.1.0.12
}
virtual_server_group WEB {
    192.0.2.10-12 80    # three of them
    2001:db8::ff-101 80
    fwmark 9
}
virtual_server fwmark 5 {
    lvs_method TUN type gue port 6080 remcsum
    ip_family inet6
    real_server 2001:db8:1::1 {
        lvs_method DR
    }
    real_server 2001:db8:1::2
}
)");
    EXPECT_THAT(names_of(plan),
                ElementsAre("udp 192.0.2.10:80", "udp 192.0.2.11:80", "udp 192.0.2.12:80",
                            "udp [2001:db8::ff]:80", "udp [2001:db8::100]:80",
                            "udp [2001:db8::101]:80", "mark 9", "mark 5 ipv6"));
    const auto services = plan.services();
    ASSERT_EQ(services[0].servers.size(), 2U);
    EXPECT_EQ(to_string(services[0].servers[1].address), "10.1.0.12:80");
    EXPECT_THAT(services[3].servers, IsEmpty()) << "of the other family";
    ASSERT_EQ(services[7].servers.size(), 2U);
    EXPECT_EQ(services[7].servers[0].options.forward, Forward::direct);
    EXPECT_EQ(services[7].servers[1].options.tunnel.port, 6080);
    EXPECT_EQ(services[7].servers[1].options.tunnel.checksum, TunnelChecksum::remote);
    EXPECT_THAT(notes_of(plan), Not(IsEmpty()));
}

TEST(ImportKeepalived, TextsOfEveryForm) {
    const ReadIncluded read = [](const std::string& pattern, const std::string& from) {
        EXPECT_EQ(from, "in");
        return pattern == "more/*.conf"
                   ? Files{{"more/a.conf", "virtual_server 192.0.2.11 80 {\n lb_kind DR\n}\n"},
                           {"more/b.conf", "virtual_server 192.0.2.12 $PORT { lb_kind DR }\n"}}
                   : Files();
    };
    const auto plan = plan_of(ImportFormat::keepalived, R"($VIP=192.0.2.10
$PORT=8080
include more/*.conf
include nothing.conf
virtual_server \
   ${VIP} $PORT
{
    lb_kind "NAT"  ! a comment
    quorum_up "/bin/say { # up"
@high weight 7
@!high weight 9
    persistence_timeout
    real_server 10.1.0.11 80 { weight $UNKNOWN
    }
}
}
)",
                              read);
    EXPECT_THAT(names_of(plan),
                ElementsAre("tcp 192.0.2.11:80", "tcp 192.0.2.12:8080", "tcp 192.0.2.10:8080"));
    const auto services = plan.services();
    ASSERT_EQ(services[2].servers.size(), 1U);
    EXPECT_EQ(services[2].servers[0].options.weight, 9U);
    EXPECT_EQ(services[2].options.persistence->timeout, 360U);
    EXPECT_THAT(notes_of(plan),
                ElementsAre("4: left out: nothing.conf names no file",
                            "10: left out: a line for @high alone", "13: $UNKNOWN is not defined",
                            "16: a '}' without its '{'",
                            "9: quorum_up is not carried over: there is no counterpart",
                            "13: weight:  is not understood"));
}

TEST(ImportKeepalived, WhatIsWrongIsLeftOutAndNamed) {
    const auto plan = keepalived(R"(virtual_server 192.0.2.10 {
}
virtual_server 192.0.2.300 80 {
}
virtual_server group NONE {
    lb_kind SOMEHOW
}
virtual_server 192.0.2.10 80 {
    lb_kind NAT
    lb_algo dh2
    protocol ICMP
    persistence_granularity 255.0.255.0
    persistence_timeout 10
    real_server 10.1.0.11 80 {
        weight -1
    }
    real_server 2001:db8::1 80
    real_server 10.1.0.11 80
    odd_setting 5
)");
    EXPECT_THAT(names_of(plan), ElementsAre("tcp 192.0.2.10:80"));
    EXPECT_EQ(plan.services()[0].servers.size(), 1U);
    std::string all;
    for (const auto& note : notes_of(plan)) all += note + '\n';
    for (const auto* part :
         {"1: no lvs_method: NAT is taken", "port 0 (every port) needs persistence",
          "3: left out: no virtual server is so named", "6: lb_kind: SOMEHOW is not understood",
          "5: left out: there is no virtual_server_group NONE",
          "8: service tcp 192.0.2.10:80: there is no scheduler dh2 here; wlc takes its place",
          "11: protocol: ICMP is not understood",
          "8: persistence_granularity 255.0.255.0 is no prefix", "15: weight: -1 is not understood",
          "17: server [2001:db8::1]:80 of tcp 192.0.2.10:80 is left out: only the server of a "
          "tunnel may be of another address family",
          "18: server 10.1.0.11:80 of tcp 192.0.2.10:80 is left out: it is here already",
          "19: odd_setting is not carried over: there is no counterpart",
          "8: the block has no end"})
        EXPECT_THAT(all, HasSubstr(part));
}

TEST(ImportKeepalived, EndlessIncludesEnd) {
    const ReadIncluded itself = [](const auto&, const auto&) {
        return Files{{"in", "include in\ninclude in\n"}};
    };
    const auto plan = plan_of(ImportFormat::keepalived, "include in\n", itself);
    EXPECT_THAT(plan.notes(), Not(IsEmpty()));
}

TEST(ImportKeepalived, DeepBlocksEnd) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "a {\n";
    EXPECT_THAT(keepalived(deep).notes(), Not(IsEmpty()));
    EXPECT_THAT(keepalived(std::string(100'000, '{')).notes(), Not(IsEmpty()));
    EXPECT_THAT(keepalived(std::string(1000, '}')).notes(), Not(IsEmpty()));
}

/// Nothing but a result comes of texts that were damaged.
TEST(Import, DamagedTextsAreRead) {
    std::mt19937 random(1);
    const std::string pieces = "{}\"!#$@\\\n -.:/0aZ\x80";
    for (int i = 0; i < 500; ++i) {
        std::string text = site;
        for (int change = 0; change < 8; ++change) {
            const auto at = random() % text.size();
            if (random() % 2 == 0)
                text[at] = pieces[random() % pieces.size()];
            else
                text.erase(at, random() % 40);
        }
        EXPECT_FALSE(import_text(keepalived(text), "in", {}).empty());
        EXPECT_FALSE(import_text(ipvsadm(text), "in", {}).empty());
    }
}

TEST(Import, TheFormatIsSeen) {
    EXPECT_EQ(guess_format("# saved\n-A -t 192.0.2.10:80 -s rr\n"), ImportFormat::ipvsadm);
    EXPECT_EQ(guess_format("/sbin/ipvsadm -C\n"), ImportFormat::ipvsadm);
    EXPECT_EQ(guess_format("! x\n\nvirtual_server 192.0.2.10 80 {\n"), ImportFormat::keepalived);
    EXPECT_EQ(guess_format(""), ImportFormat::keepalived);
}

class ImportCommand : public ::testing::Test {
  protected:
    int run(const std::vector<std::string>& words) {
        std::ostringstream out_stream;
        std::ostringstream err_stream;
        const auto connect = [](const std::string&) -> Call {
            throw Unreachable("there is no daemon");
        };
        std::vector<std::string> args{"config", "import"};
        args.insert(args.end(), words.begin(), words.end());
        const int status = run_shuntctl(args, {"/none.sock", connect, out_stream, err_stream});
        out = out_stream.str();
        err = err_stream.str();
        return status;
    }
    std::string write(const std::string& name, const std::string& text) {
        const auto path = ::testing::TempDir() + "import_test_" + name;
        std::ofstream(path) << text;
        return path;
    }

    std::string out;
    std::string err;
};

TEST_F(ImportCommand, PrintsWhatItMadeAndWhatItLeft) {
    write("more.conf", "virtual_server 192.0.2.11 80 {\n lb_kind NAT\n}\n");
    const auto file = write("a.conf", std::string(site) + "include import_test_m*.conf\n");
    EXPECT_EQ(run({file}), status_done);
    EXPECT_THAT(out, HasSubstr("address = \"192.0.2.10:443\""));
    EXPECT_THAT(out, HasSubstr("address = \"192.0.2.11:80\""));
    EXPECT_THAT(err, HasSubstr(file + ":22: sorry_server is not carried over"));
    EXPECT_EQ(run({file, "--strict"}), status_refused);
    EXPECT_EQ(run({file, "--from", "ipvsadm"}), status_done);
    EXPECT_THAT(out, Not(HasSubstr("services")));
}

TEST_F(ImportCommand, PortsMakeAWholeFile) {
    const auto file = write("b.txt", "-A -t 192.0.2.10:80 -s rr\n");
    EXPECT_EQ(run({file, "--strict", "--port", "wan0=0000:01:00.0", "--port", "lan0=eth1"}),
              status_done);
    EXPECT_THAT(out, HasSubstr("{ name = \"lan0\"; device = \"eth1\"; }"));
    EXPECT_EQ(run({file, "--port", "wan0"}), status_usage);
    EXPECT_EQ(run({file + ".none"}), status_usage);
    EXPECT_EQ(run({}), status_usage);
}

}  // namespace
}  // namespace shunt::cli
