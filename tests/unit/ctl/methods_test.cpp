// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class MethodsTest : public testing::Test {
  protected:
    json::value call(std::string_view method, const json::object& params) {
        const json::object request{
            {"jsonrpc", "2.0"}, {"id", 7}, {"method", method}, {"params", params}};
        const auto answer = json::parse(control.ask(json::serialize(request)));
        EXPECT_EQ(answer.at("id"), 7);
        return answer;
    }
    json::value result(std::string_view method, std::string_view params = "{}") {
        const auto answer = call(method, json::parse(params).as_object());
        EXPECT_TRUE(answer.as_object().contains("result")) << answer;
        return answer.as_object().contains("result") ? answer.at("result") : json::value();
    }
    json::value error(std::string_view method, std::string_view params) {
        const auto answer = call(method, json::parse(params).as_object());
        EXPECT_TRUE(answer.as_object().contains("error")) << answer;
        return answer.as_object().contains("error") ? answer.at("error") : json::value();
    }
    void make_web() {
        result("service.add",
               R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},"scheduler":"wrr"})");
        result("dest.add", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
                               "server":{"address":"10.1.0.11:80"},"weight":3})");
    }

    test::Control control;
};

TEST_F(MethodsTest, AServiceGoesThroughItsLife) {
    make_web();
    const auto zero = json::parse(R"({"connections":0,"packets_in":0,"packets_out":0,"bytes_in":0,
        "bytes_out":0,"rates":{"connections":0,"packets_in":0,"packets_out":0,
        "bytes_in":0,"bytes_out":0}})");
    const json::value listed{{"services",
                              {{{"service", {{"protocol", "tcp"}, {"address", "192.0.2.10:80"}}},
                                {"scheduler", "wrr"},
                                {"stats", zero},
                                {"servers",
                                 {{{"address", "10.1.0.11:80"},
                                   {"forward", "nat"},
                                   {"weight", 3},
                                   {"active", 0},
                                   {"inactive", 0},
                                   {"stats", zero}}}}}}}};
    EXPECT_EQ(result("service.list"), listed);
    const auto* const web = R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"}})";
    EXPECT_EQ(result("service.list", web), listed);

    EXPECT_EQ(result("dest.edit", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
                                      "server":{"address":"10.1.0.11:80"},"forward":"nat"})"),
              json::object());
    EXPECT_EQ(result("service.edit", web), json::object());
    const auto edited = result("service.list").at("services").at(0);
    EXPECT_EQ(edited.at("scheduler"), "wlc") << "the default";
    EXPECT_EQ(edited.at("servers").at(0).at("weight"), 1) << "the default";

    EXPECT_EQ(result("dest.delete", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
                                        "server":{"address":"10.1.0.11:80"}})"),
              json::object());
    EXPECT_EQ(result("service.list").at("services").at(0).at("servers").as_array().size(), 0U);
    EXPECT_EQ(result("service.delete", web), json::object());
    EXPECT_EQ(result("service.list"), json::parse(R"({"services":[]})"));
    make_web();
    EXPECT_EQ(result("service.flush"), json::object());
    EXPECT_EQ(result("service.list"), json::parse(R"({"services":[]})"));
}

TEST_F(MethodsTest, CountsAppearAndAreZeroed) {
    make_web();
    control.dests[0][0].packets_in.add(800);
    control.dests[1][0].total.add(5);
    control.dests[1][0].active.add(2);
    control.registry.estimate();
    auto server = result("service.list").at("services").at(0).at("servers").at(0);
    EXPECT_EQ(server.at("active"), 2);
    EXPECT_EQ(server.at("inactive"), 3);
    EXPECT_EQ(server.at("stats").at("packets_in"), 800);
    EXPECT_EQ(server.at("stats").at("rates").at("packets_in"), 100);
    EXPECT_EQ(result("stats.get").at("total").at("packets_in"), 800);
    result("stats.zero", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"}})");
    server = result("service.list").at("services").at(0).at("servers").at(0);
    EXPECT_EQ(server.at("stats").at("packets_in"), 0);
    EXPECT_EQ(result("stats.get").at("total").at("packets_in"), 800);
    result("stats.zero");
    EXPECT_EQ(result("stats.get").at("total").at("packets_in"), 0);
}

TEST_F(MethodsTest, RefusalsOfTheRegistryCarryErrno) {
    make_web();
    const auto e =
        error("service.add", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"}})");
    EXPECT_EQ(e, json::parse(R"({"code":-32000,"message":"service tcp 192.0.2.10:80 exists already",
                                 "data":{"path":"service","errno":"EEXIST"}})"));
    EXPECT_EQ(error("stats.zero", R"({"service":{"protocol":"udp","address":"192.0.2.10:80"}})")
                  .at("data")
                  .at("errno"),
              "ESRCH");
    const auto dr = error("dest.add", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
                                          "server":{"address":"10.1.0.12:80"},"forward":"dr"})");
    EXPECT_EQ(dr,
              json::parse(R"({"code":-32000,"message":"forwarding method dr is not supported yet",
                                  "data":{"path":"forward","errno":"EINVAL"}})"));
}

struct BadParameter {
    const char* method;
    const char* params;
    const char* path;
    const char* sentence;
};

TEST_F(MethodsTest, EachBadParameterIsNamed) {
    make_web();
    const auto generation = control.publisher.current().generation;
    const std::vector<BadParameter> rows{
        {"service.add", R"({})", "service", "service: is missing"},
        {"service.add", R"({"service":1})", "service", "service: is int64, expected an object"},
        {"service.add", R"({"service":{"protocol":"tcp"}})", "service.address",
         "service.address: is missing"},
        {"service.add", R"({"service":{"protocol":"tcp","address":"192.0.2.1:80","port":80}})",
         "service.port", "service.port: unknown parameter"},
        {"service.add", R"({"service":{"protocol":"http","address":"192.0.2.1:80"}})",
         "service.protocol", "service.protocol: \"http\" is not tcp or udp"},
        {"service.add", R"({"service":{"protocol":6,"address":"192.0.2.1:80"}})",
         "service.protocol", "service.protocol: is int64, expected a string"},
        {"service.add", R"({"service":{"protocol":"tcp","address":"192.0.2.1"}})",
         "service.address",
         "service.address: \"192.0.2.1\" is no endpoint, expected ADDRESS:PORT such as "
         "192.0.2.1:80 or [2001:db8::1]:80"},
        {"service.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.1:80"},"scheduler":null})", "scheduler",
         "scheduler: is null, expected a string"},
        {"service.flush", R"({"service":1})", "service", "service: unknown parameter"},
        {"dest.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
              "server":{"address":"10.1.0.12:80"},"weight":-1})",
         "weight", "weight: is out of range, expected a whole number, 0 to 2147483647"},
        {"dest.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
              "server":{"address":"10.1.0.12:80"},"weight":2147483648})",
         "weight", "weight: is out of range, expected a whole number, 0 to 2147483647"},
        {"dest.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
              "server":{"address":"10.1.0.12:80"},"weight":1.5})",
         "weight", "weight: is out of range, expected a whole number, 0 to 2147483647"},
        {"dest.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
              "server":{"address":"10.1.0.12:80"},"weight":"1"})",
         "weight", "weight: is string, expected a number, 0 to 2147483647"},
        {"dest.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
              "server":{"address":"10.1.0.12:80"},"forward":"masq"})",
         "forward", "forward: \"masq\" is no forwarding method, expected nat"},
        {"conn.list", R"({"limit":0})", "limit",
         "limit: is out of range, expected a whole number, 1 to 10000"},
        {"conn.list", R"({"limit":10001})", "limit",
         "limit: is out of range, expected a whole number, 1 to 10000"},
        {"conn.list", R"({"cursor":"4:2:0"})", "cursor",
         "cursor: \"4:2:0\" is no cursor of this list"},
        {"timeout.set", R"({"tcp":2678401})", "tcp",
         "tcp: is out of range, expected a whole number, 0 to 2678400"},
        {"timeout.set", R"({"sctp":1})", "sctp", "sctp: unknown parameter"},
    };
    for (const auto& row : rows) {
        const auto e = error(row.method, row.params);
        EXPECT_EQ(e.at("code"), -32602) << row.params;
        EXPECT_EQ(e.at("data").at("path"), row.path) << row.params;
        EXPECT_EQ(e.at("data").at("errno"), "EINVAL") << row.params;
        EXPECT_EQ(e.at("message"), row.sentence);
    }
    EXPECT_EQ(control.publisher.current().generation, generation);
}

TEST_F(MethodsTest, TimeoutsAreKeptOrSet) {
    EXPECT_EQ(result("timeout.get"), json::parse(R"({"tcp":900,"tcp_fin":120,"udp":300})"));
    EXPECT_EQ(result("timeout.set", R"({"tcp":60,"tcp_fin":0})"),
              json::parse(R"({"tcp":60,"tcp_fin":120,"udp":300})"));
    EXPECT_EQ(result("timeout.set", R"({"tcp_fin":2678400,"udp":1})"),
              json::parse(R"({"tcp":60,"tcp_fin":2678400,"udp":1})"));
    EXPECT_EQ(result("timeout.get"), json::parse(R"({"tcp":60,"tcp_fin":2678400,"udp":1})"));
    const auto& timeouts = control.publisher.current().timeouts;
    EXPECT_EQ(timeouts.tcp_in(TcpState::established), 60s);
    EXPECT_EQ(timeouts.tcp_in(TcpState::fin_wait), 2678400s);
    EXPECT_EQ(timeouts.tcp_in(TcpState::time_wait), 120s) << "not touched";
    EXPECT_EQ(timeouts.udp, 1s);
}

TEST_F(MethodsTest, StatusSaysWhoAnswers) {
    make_web();
    control.dests[1][0].total.add(5);
    control.ports.resize(2);
    auto status = result("status.get").as_object();
    EXPECT_GE(status["uptime"].as_double(), 0);
    EXPECT_LT(status["uptime"].as_double(), 60);
    status.erase("uptime");
    EXPECT_EQ(status, (json::object{{"version", "1.2.3"},
                                    {"protocol", 1},
                                    {"pid", getpid()},
                                    {"workers", 2},
                                    {"connections", 5},
                                    {"connections_capacity", 4096},
                                    {"services", 1},
                                    {"ports", 2}}));
}

TEST_F(MethodsTest, WorkersShowTheirCounters) {
    control.counters[1].received.add(10);
    control.counters[1].from_twin.add(1);
    control.counters[1].taken_over.add(2);
    control.counters[1].resumed.add(3);
    control.counters[1].generated.add(4);
    control.counters[1].forwarded.add(5);
    control.counters[1].to_host.add(6);
    control.counters[1].from_host.add(7);
    control.counters[1].handed_off.add(8);
    control.counters[1].held.add(9);
    control.counters[1].drop(DropReason::no_route, 11);
    control.counters[1].drop(DropReason::too_big, 2);
    control.counters[1].busy_cycles.add(250);
    control.busy.sample(1000);
    make_web();
    control.dests[1][0].total.add(12);
    const auto workers = result("worker.list").at("workers");
    EXPECT_EQ(workers.as_array().size(), 2U);
    EXPECT_EQ(workers.at(0).at("cpu"), 3);
    EXPECT_EQ(workers.at(0).at("busy"), 0.0);
    EXPECT_EQ(workers.at(1),
              json::parse(R"({"worker":1,"cpu":null,"busy":0.25,"received":10,"from_twin":1,
                "taken_over":2,"resumed":3,"generated":4,"forwarded":5,"to_host":6,"from_host":7,
                "handed_off":8,"held":9,"dropped":13,"connections":12})"));
    const auto stats = result("stats.get");
    EXPECT_EQ(stats.at("workers"), workers);
    EXPECT_EQ(stats.at("drops").at("no_route"), 11);
    EXPECT_EQ(stats.at("drops").at("too_big"), 2);
    EXPECT_EQ(stats.at("drops").as_object().size(), drop_reason_count);
}

TEST_F(MethodsTest, PortsShowTheirState) {
    control.ports = {{.name = "wan0",
                      .device = "net_null0",
                      .mac = *parse_mac("02:00:00:00:00:01"),
                      .mtu = 1500,
                      .link_up = true,
                      .steering = "by software",
                      .receive_queues = 1,
                      .transmit_queues = 2,
                      .twin = true,
                      .id = PortId(0),
                      .received = 3,
                      .sent = 4,
                      .missed = 5,
                      .errors = 6},
                     {}};
    const auto ports = result("port.list").at("ports");
    EXPECT_EQ(
        ports.at(0),
        json::parse(R"({"port":"wan0","device":"net_null0","mac":"02:00:00:00:00:01","mtu":1500,
                "link":"up","steering":"by software","receive_queues":1,"transmit_queues":2,
                "twin":true,"addresses":[],
                "received":3,"sent":4,"missed":5,"errors":6})"));
    EXPECT_EQ(ports.at(1).at("link"), "down");
    EXPECT_EQ(result("stats.get").at("ports"), ports);
}

TEST_F(MethodsTest, ConnectionsComeInPages) {
    ConnTable<Ipv4> table(1024, 1, {});
    const ConnTable<Ipv6> none(1024, 1, {});
    Conn<Ipv4> conn;
    conn.client = parse_address("192.0.2.254")->v4();
    conn.virtual_address = parse_address("192.0.2.10")->v4();
    conn.real = parse_address("10.1.0.11")->v4();
    conn.virtual_port = conn.real_port = L4Port(std::uint16_t{80});
    conn.protocol = Protocol::tcp;
    conn.state = static_cast<std::uint8_t>(TcpState::established);
    conn.expires = TickTime(Ticks(8999));
    for (std::uint16_t i = 0; i < 3; ++i) {
        conn.client_port = L4Port(static_cast<std::uint16_t>(40000 + i));
        table.insert(conn);
    }
    control.serve = [&](WorkerId worker, ConnectionPage& page) {
        if (worker == WorkerId(0))
            while (!page.step(table, none, TickTime{})) {
            }
        else
            while (!page.step(ConnTable<Ipv4>(1024, 1, {}), none, TickTime{})) {
            }
    };
    const auto first = result("conn.list", R"({"limit":2})");
    EXPECT_EQ(first.at("connections").as_array().size(), 2U);
    EXPECT_EQ(first.at("connections").at(0),
              json::parse(R"({"protocol":"tcp","client":"192.0.2.254:40000",
                "virtual":"192.0.2.10:80","server":"10.1.0.11:80","state":"ESTABLISHED",
                "expires":899,"worker":0})"));
    EXPECT_EQ(first.at("cursor"), "4:0:2");
    const auto last = result("conn.list", R"({"cursor":"4:0:2"})");
    EXPECT_EQ(last.at("connections").as_array().size(), 1U);
    EXPECT_EQ(last.at("cursor"), nullptr);
}

// docs/protocol.md against the method table.

/// A table row's cells, trimmed.
std::vector<std::string> cells(const std::string& row) {
    std::vector<std::string> out;
    std::istringstream in(row.substr(1));
    for (std::string cell; std::getline(in, cell, '|');) {
        const auto first = cell.find_first_not_of(' ');
        out.push_back(first == std::string::npos
                          ? ""
                          : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
    }
    return out;
}

/// What stands in code marks, outside brackets.
std::set<std::string> code_words(const std::string& cell) {
    std::set<std::string> words;
    int brackets = 0;
    std::optional<std::string> word;
    for (const char c : cell) {
        if (c == '(') ++brackets;
        if (c == ')') --brackets;
        if (brackets != 0) continue;
        if (c != '`') {
            if (word) *word += c;
        } else if (word) {
            words.insert(*word);
            word.reset();
        } else {
            word = "";
        }
    }
    return words;
}

/// Method and parameter names as the page has them.
std::map<std::string, std::set<std::string>> documented_methods() {
    std::ifstream page(SHUNT_SOURCE_DIR "/docs/protocol.md");
    std::map<std::string, std::set<std::string>> out;
    bool in_methods = false;
    for (std::string line; std::getline(page, line);) {
        if (line.starts_with("## ")) in_methods = line == "## Methods";
        if (!in_methods || !line.starts_with("| `")) continue;
        const auto row = cells(line);
        out[row.at(0).substr(1, row.at(0).size() - 2)] = code_words(row.at(1));
    }
    return out;
}

TEST_F(MethodsTest, TheProtocolPageListsExactlyTheseMethods) {
    std::map<std::string, std::set<std::string>> known;
    for (const auto& method : control.methods.methods()) {
        auto& names = known[method.name];
        for (const auto& p : method.parameters) names.insert(p.name);
    }
    EXPECT_EQ(known.size(), control.methods.methods().size()) << "a name stands twice";
    EXPECT_EQ(documented_methods(), known);
}

}  // namespace
}  // namespace shunt::ctl
