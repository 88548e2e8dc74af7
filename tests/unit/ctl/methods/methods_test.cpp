// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/methods.h"

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

#include "ctl/rpc/reading_methods.h"
#include "sched/registry.h"
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
                                {"flags", json::array()},
                                {"stats", zero},
                                {"servers",
                                 {{{"address", "10.1.0.11:80"},
                                   {"forward", "nat"},
                                   {"weight", 3},
                                   {"active", 0},
                                   {"inactive", 0},
                                   {"persistent", 0},
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

TEST_F(MethodsTest, ServicesAreListedInPages) {
    for (const char* port : {"81", "80", "82"})
        result("service.add", R"({"service":{"protocol":"tcp","address":"192.0.2.10:)" +
                                  std::string(port) + R"("}})");
    const auto page = [this](const std::string& params) {
        std::string text;
        const auto got = result("service.list", params);
        for (const auto& row : got.at("services").as_array())
            text += std::string(row.at("service").at("address").as_string()) + " ";
        return text + (got.at("more").as_bool() ? "more" : "");
    };
    EXPECT_EQ(page(R"({"limit":2})"), "192.0.2.10:80 192.0.2.10:81 more");
    const std::string after = R"(,"after":{"protocol":"tcp","address":"192.0.2.10:81"}})";
    EXPECT_EQ(page(R"({"limit":2)" + after), "192.0.2.10:82 ");
    EXPECT_EQ(page(R"({"limit":1)" + after), "192.0.2.10:82 ");
    result("service.delete", R"({"service":{"protocol":"tcp","address":"192.0.2.10:81"}})");
    EXPECT_EQ(page(R"({"limit":2)" + after), "192.0.2.10:82 ") << "the one before has gone";
    EXPECT_FALSE(result("service.list").as_object().contains("more"));
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
    EXPECT_EQ(error("service.add", R"({"service":{"protocol":"tcp","address":"192.0.2.10:81"},
                                       "flags":["one_packet"]})"),
              json::parse(R"({"code":-32000,
                  "message":"one-packet scheduling is only for UDP and for marks",
                  "data":{"path":"flags","errno":"EINVAL"}})"));
    EXPECT_EQ(error("dest.add", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
                                    "server":{"address":"10.1.0.12:80"},"tunnel":{}})"),
              json::parse(R"({"code":-32000,
                  "message":"only a server of forwarding method tunnel has this",
                  "data":{"path":"tunnel","errno":"EINVAL"}})"));
}

TEST_F(MethodsTest, AServiceOnAMarkIsNamedByItAndAFamily) {
    result("service.add", R"({"service":{"mark":7},"scheduler":"rr","flags":["one_packet"]})");
    result("service.add", R"({"service":{"mark":7,"family":"ipv6"}})");
    result("dest.add", R"({"service":{"mark":7,"family":"ipv4"},
                           "server":{"address":"10.1.0.11:0"}})");
    const auto services = result("service.list").at("services");
    ASSERT_EQ(services.as_array().size(), 2U);
    EXPECT_EQ(services.at(0).at("service"), json::parse(R"({"mark":7,"family":"ipv4"})"));
    EXPECT_EQ(services.at(0).at("flags"), json::parse(R"(["one_packet"])"));
    EXPECT_EQ(services.at(0).at("servers").at(0).at("address"), "10.1.0.11:0");
    EXPECT_EQ(services.at(1).at("service"), json::parse(R"({"mark":7,"family":"ipv6"})"));
    EXPECT_EQ(services.at(1).at("flags"), json::array());
    EXPECT_EQ(result("service.list", R"({"service":{"mark":7}})").at("services").as_array(),
              json::array{services.at(0)});
    result("service.edit", R"({"service":{"mark":7},"scheduler":"rr"})");
    EXPECT_EQ(result("service.list").at("services").at(0).at("flags"), json::array());
    EXPECT_EQ(error("service.delete", R"({"service":{"mark":8,"family":"ipv6"}})"),
              json::parse(R"({"code":-32000,"message":"no service FWM 8 IPv6",
                              "data":{"path":"service","errno":"ESRCH"}})"));
}

TEST_F(MethodsTest, PersistenceIsSetListedAndTakenAway) {
    const auto listed = [this] { return result("service.list").at("services").at(0).as_object(); };
    const std::string any = R"({"service":{"protocol":"tcp","address":"192.0.2.10:0"})";
    EXPECT_EQ(error("service.add", any + "}").at("data"),
              json::parse(R"({"path":"service.address","errno":"EINVAL"})"));
    result("service.add", any + R"(,"persistence":{"timeout":360}})");
    EXPECT_EQ(listed().at("persistence"), json::parse(R"({"timeout":360,"granularity":32})"));
    result("service.edit", any + R"(,"persistence":{"timeout":5,"granularity":24}})");
    EXPECT_EQ(listed().at("persistence"), json::parse(R"({"timeout":5,"granularity":24})"));
    EXPECT_EQ(error("service.edit", any + "}").at("data"),
              json::parse(R"({"path":"service.address","errno":"EINVAL"})"));
    for (const auto& [given, path] :
         {std::pair{"{\"timeout\":0}", "persistence.timeout"},
          std::pair{"{\"granularity\":24}", "persistence.timeout"},
          std::pair{"{\"timeout\":1,\"granularity\":33}", "persistence.granularity"},
          std::pair{"{\"timeout\":1,\"mask\":33}", "persistence.mask"},
          std::pair{"300", "persistence"}})
        EXPECT_EQ(
            error("service.edit", any + ",\"persistence\":" + given + "}").at("data").at("path"),
            path);
    result("service.flush");
    result("service.add", R"({"service":{"mark":7},"persistence":{"timeout":9}})");
    EXPECT_TRUE(listed().contains("persistence"));
    result("service.edit", R"({"service":{"mark":7},"persistence":null})");
    EXPECT_FALSE(listed().contains("persistence"));
}

TEST_F(MethodsTest, SctpIsBalancedToo) {
    const auto* const service = R"({"service":{"protocol":"sctp","address":"192.0.2.10:36412"}})";
    result("service.add", service);
    EXPECT_EQ(result("service.list", service).at("services").at(0).at("service"),
              json::parse(R"({"protocol":"sctp","address":"192.0.2.10:36412"})"));
}

TEST_F(MethodsTest, ServersHaveAMethodAndATunnel) {
    make_web();
    const auto add = [this](const char* server) {
        auto params = json::parse(server).as_object();
        params["service"] = {{"protocol", "tcp"}, {"address", "192.0.2.10:80"}};
        result("dest.add", json::serialize(params));
        auto row = result("service.list").at("services").at(0).at("servers").at(0).as_object();
        row.erase("stats");
        row.erase("health");
        return row;
    };
    EXPECT_EQ(add(R"({"server":{"address":"10.1.0.1:8080"},"forward":"direct","weight":2})"),
              json::parse(R"({"address":"10.1.0.1:80","forward":"direct","weight":2,
                              "active":0,"inactive":0,"persistent":0})"));
    EXPECT_EQ(add(R"({"server":{"address":"10.1.0.2:80"},"forward":"tunnel"})"),
              json::parse(R"({"address":"10.1.0.2:80","forward":"tunnel",
                              "tunnel":{"type":"ipip","checksum":"none"},"weight":1,
                              "active":0,"inactive":0,"persistent":0})"));
    EXPECT_EQ(add(R"({"server":{"address":"[fd00::1]:80"},"forward":"tunnel",
                      "tunnel":{"type":"gue","port":6080,"checksum":"remote"}})"),
              json::parse(R"({"address":"[fd00::1]:80","forward":"tunnel",
                              "tunnel":{"type":"gue","port":6080,"checksum":"remote"},"weight":1,
                              "active":0,"inactive":0,"persistent":0})"));
    EXPECT_EQ(add(R"({"server":{"address":"10.1.0.4:80"},"forward":"tunnel",
                      "tunnel":{"type":"gre","checksum":"full"}})")
                  .at("tunnel"),
              json::parse(R"({"type":"gre","checksum":"full"})"));
    EXPECT_EQ(add(R"({"server":{"address":"10.1.0.5:8080"},"forward":"nat"})"),
              json::parse(R"({"address":"10.1.0.5:8080","forward":"nat","weight":1,
                              "active":0,"inactive":0,"persistent":0})"));
}

TEST_F(MethodsTest, TunablesAreListedShownAndSet) {
    const auto listed = result("tunable.list").at("tunables").as_array();
    ASSERT_EQ(listed.size(), tunable_list.size() + text_tunable_list.size());
    const auto* const about = find_tunable("icmp_msgs_burst");
    ASSERT_NE(about, nullptr);
    EXPECT_NE(std::ranges::find(listed, json::value{{"name", "icmp_msgs_burst"},
                                                    {"value", about->standard},
                                                    {"default", about->standard},
                                                    {"least", about->least},
                                                    {"most", about->most},
                                                    {"meaning", about->text}}),
              listed.end());
    EXPECT_EQ(result("tunable.get", R"({"name":"conn_reuse_mode"})"),
              json::parse(R"({"name":"conn_reuse_mode","value":1})"));
    const auto generation = control.publisher.current().generation;
    EXPECT_EQ(result("tunable.set", R"({"name":"conn_reuse_mode","value":3})"),
              json::parse(R"({"name":"conn_reuse_mode","value":3})"));
    EXPECT_EQ(control.publisher.current().generation, generation + 1);
    result("tunable.set", R"({"name":"sloppy_tcp","value":1})");
    const auto& tunables = control.publisher.current().tunables;
    EXPECT_EQ(tunables.conn_reuse_mode, 3U) << "the others stay";
    EXPECT_EQ(tunables.sloppy_tcp, 1U);
    EXPECT_EQ(result("tunable.get", R"({"name":"conn_reuse_mode"})").at("value"), 3);
    EXPECT_EQ(result("tunable.set", R"({"name":"conn_lfactor","value":-8})").at("value"), -8);
    control.room.buffers = 10;
    EXPECT_EQ(result("tunable.set", R"({"name":"drop_entry","value":1})").at("value"), 2)
        << "room is short: it is in force at once";
    EXPECT_TRUE(control.shared.defence.end_idle);
    EXPECT_EQ(error("tunable.set", R"({"name":"conn_lfactor","value":-9})").at("message"),
              "value: is out of range, expected a whole number, -8 to 8");
    for (const auto* const method : {"tunable.get", "tunable.set"})
        EXPECT_EQ(error(method, method == std::string_view("tunable.get")
                                    ? R"({"name":"sync_thresh"})"
                                    : R"({"name":"sync_thresh","value":1})"),
                  json::parse(R"({"code":-32000,
                      "message":"no tunable \"sync_thresh\"; tunable.list has all of them",
                      "data":{"path":"name","errno":"ENOENT"}})"));
}

TEST_F(MethodsTest, SomeTunablesAreTexts) {
    const auto listed = result("tunable.list").at("tunables").as_array();
    EXPECT_EQ(listed.back(),
              json::parse(R"({"name":"sync_threshold","value":"3 50","default":"3 50",
                              "meaning":"packets before a connection is told, and between"})"));
    EXPECT_EQ(result("tunable.set", R"({"name":"sync_threshold","value":"5 0"})").at("value"),
              "5 0");
    EXPECT_EQ(result("tunable.get", R"({"name":"sync_threshold"})").at("value"), "5 0");
    EXPECT_EQ(error("tunable.set", R"({"name":"sync_threshold","value":"50 3"})").at("message"),
              "value: \"50 3\" cannot be the value of sync_threshold");
    EXPECT_EQ(error("tunable.set", R"({"name":"sync_threshold","value":3})").at("data").at("path"),
              "value");
    EXPECT_EQ(result("tunable.set", R"({"name":"est_cpulist","value":"0,2-3"})").at("value"),
              "0,2-3");
}

TEST_F(MethodsTest, AServiceMayHaveTimeoutsOfItsOwn) {
    const std::string service = R"("service":{"protocol":"tcp","address":"192.0.2.10:80"})";
    result("service.add", "{" + service + R"(,"timeouts":{"tcp":7200}})");
    result("dest.add", "{" + service + R"(,"server":{"address":"10.0.0.1:80"}})");
    const auto timeouts = [this] {
        return result("service.list").at("services").at(0).at("timeouts");
    };
    EXPECT_EQ(timeouts(), json::parse(R"({"tcp":7200,"tcp_fin":0,"udp":0})"));
    const auto slot = [this] { return control.publisher.current().services->slot(DestId(0)); };
    EXPECT_EQ(slot().timeouts.tcp, Ticks(72000));
    result("service.edit", "{" + service + R"(,"timeouts":{"udp":5}})");
    EXPECT_EQ(timeouts(), json::parse(R"({"tcp":0,"tcp_fin":0,"udp":5})"));
    EXPECT_EQ(slot().timeouts, (ServiceTimeouts{.tcp = {}, .tcp_fin = {}, .udp = Ticks(50)}));
    result("service.edit", "{" + service + "}");
    EXPECT_EQ(slot().timeouts, ServiceTimeouts{});
    EXPECT_EQ(error("service.edit", "{" + service + R"(,"timeouts":{"tcp":2678401}})")
                  .at("data")
                  .at("path"),
              "timeouts.tcp");
}

TEST_F(MethodsTest, ApplicationsAreAddedListedAndRemoved) {
    EXPECT_EQ(result("app.list").at("apps"), json::array());
    EXPECT_EQ(result("app.add", R"({"name":"ftp"})"), json::object());
    result("app.add", R"({"name":"tftp","port":6969})");
    control.app_counters[0].bound[0].add(2);
    control.app_counters[1].bound[0].add(1);
    control.app_counters[1].ftp[0].add(5);
    control.app_counters[0].kept.add(7);
    const auto all = result("app.list");
    EXPECT_EQ(all.at("apps"), json::parse(R"([
        {"name":"ftp","protocol":"tcp","port":21,"connections":3},
        {"name":"tftp","protocol":"udp","port":6969,"connections":0}])"));
    EXPECT_EQ(all.at("expected"), 0);
    EXPECT_EQ(all.at("counters").at("active"), 5);
    EXPECT_EQ(all.at("counters").at("kept"), 7);
    EXPECT_EQ(all.at("counters").at("data_connections"), 0);
    EXPECT_EQ(error("app.add", R"({"name":"ftp","port":21})"),
              json::parse(R"({"code":-32000,"message":"ftp on port 21 is loaded already",
                              "data":{"path":"port","errno":"EEXIST"}})"));
    EXPECT_EQ(error("app.add", R"({"name":"ftp","port":0})").at("data").at("path"), "port");
    result("app.remove", R"({"name":"ftp"})");
    result("app.remove", R"({"name":"tftp","port":6969})");
    EXPECT_EQ(result("app.list").at("apps"), json::array());
}

TEST_F(MethodsTest, MarkRulesAreReplacedWhole) {
    EXPECT_EQ(result("mark.list"), json::parse(R"({"rules":[]})"));
    const auto rules = json::parse(R"([
        {"mark":1,"source":"10.0.0.0/8","destination":"192.0.2.10/32","protocol":"tcp",
         "source_ports":"1024-65535","destination_ports":"80","port":"lan0"},
        {"mark":4294967295,"destination":"2001:db8::/32"},
        {"mark":2}])");
    const auto generation = control.publisher.current().generation;
    EXPECT_EQ(result("mark.set", json::serialize(json::object{{"rules", rules}})), json::object());
    EXPECT_EQ(control.publisher.current().generation, generation + 1);
    EXPECT_NE(control.publisher.current().marks, nullptr);
    EXPECT_EQ(result("mark.list").at("rules"), rules);
    const auto e = error("mark.set", R"({"rules":[{"mark":1},{"mark":2,"port":"eth9"}]})");
    EXPECT_EQ(e, json::parse(R"({"code":-32000,"message":"\"eth9\" is not the name of a port",
                                 "data":{"path":"rules[1].port","errno":"EINVAL"}})"));
    EXPECT_EQ(result("mark.list").at("rules"), rules) << "nothing has changed";
    result("mark.set", R"({"rules":[]})");
    EXPECT_EQ(result("mark.list"), json::parse(R"({"rules":[]})"));
    EXPECT_EQ(control.publisher.current().marks, nullptr);
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
         "service.protocol",
         "service.protocol: \"http\" is not known, expected one of tcp, udp, sctp"},
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
         "forward", "forward: \"masq\" is not known, expected one of nat, direct, tunnel"},
        {"service.add", R"({"service":{"mark":0}})", "service.mark",
         "service.mark: is out of range, expected a whole number, 1 to 4294967295"},
        {"service.add", R"({"service":{"mark":4294967296}})", "service.mark",
         "service.mark: is out of range, expected a whole number, 1 to 4294967295"},
        {"service.add", R"({"service":{"mark":1,"family":"inet"}})", "service.family",
         "service.family: \"inet\" is not known, expected one of ipv4, ipv6"},
        {"service.add", R"({"service":{"mark":1,"address":"192.0.2.1:80"}})", "service.address",
         "service.address: is not for a service on a mark"},
        {"service.add", R"({"service":{"mark":1,"protocol":"tcp"}})", "service.protocol",
         "service.protocol: is not for a service on a mark"},
        {"service.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.1:80","family":"ipv4"}})",
         "service.family", "service.family: is only for a service on a mark"},
        {"service.add", R"({"service":{"mark":1},"flags":"one_packet"})", "flags",
         "flags: is string, expected an array"},
        {"service.add", R"({"service":{"mark":1},"flags":["one_packet",1]})", "flags[1]",
         "flags[1]: is int64, expected a string"},
        {"service.add", R"({"service":{"mark":1},"flags":["ops"]})", "flags[0]",
         "flags[0]: \"ops\" is not known, expected one of one_packet, flag-1, flag-2, flag-3"},
        {"dest.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
              "server":{"address":"10.1.0.12:80"},"forward":"tunnel","tunnel":"gue"})",
         "tunnel", "tunnel: is string, expected an object"},
        {"dest.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
              "server":{"address":"10.1.0.12:80"},"forward":"tunnel","tunnel":{"type":"sit"}})",
         "tunnel.type", "tunnel.type: \"sit\" is not known, expected one of ipip, gue, gre"},
        {"dest.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
              "server":{"address":"10.1.0.12:80"},"forward":"tunnel",
              "tunnel":{"type":"gue","port":65536}})",
         "tunnel.port", "tunnel.port: is out of range, expected a whole number, 1 to 65535"},
        {"dest.add",
         R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
              "server":{"address":"10.1.0.12:80"},"forward":"tunnel",
              "tunnel":{"type":"gre","checksum":1}})",
         "tunnel.checksum", "tunnel.checksum: is int64, expected a string"},
        {"tunable.set", R"({"name":"conn_reuse_mode","value":4})", "value",
         "value: is out of range, expected a whole number, 0 to 3"},
        {"tunable.set", R"({"name":"conn_reuse_mode","value":"1"})", "value",
         "value: is string, expected a number, 0 to 3"},
        {"tunable.set", R"({"name":"conn_reuse_mode"})", "value", "value: is missing"},
        {"mark.set", R"({"rules":{}})", "rules", "rules: is object, expected an array"},
        {"mark.set", R"({"rules":[7]})", "rules[0]", "rules[0]: is int64, expected an object"},
        {"mark.set", R"({"rules":[{"mark":1},{}]})", "rules[1].mark", "rules[1].mark: is missing"},
        {"mark.set", R"({"rules":[{"mark":1,"sport":"1"}]})", "rules[0].sport",
         "rules[0].sport: unknown parameter"},
        {"mark.set", R"({"rules":[{"mark":1,"source":"10.0.0.1/8"}]})", "rules[0].source",
         "rules[0].source: \"10.0.0.1/8\" is no network, expected such as 192.0.2.0/24 or "
         "2001:db8::/32 with no bits behind the prefix"},
        {"mark.set", R"({"rules":[{"mark":1,"protocol":"icmp"}]})", "rules[0].protocol",
         "rules[0].protocol: \"icmp\" is not known, expected one of tcp, udp, sctp"},
        {"mark.set", R"({"rules":[{"mark":1,"protocol":"tcp","source_ports":"2-1"}]})",
         "rules[0].source_ports",
         "rules[0].source_ports: \"2-1\" is no range of ports, expected such as 80 or 80-90"},
        {"mark.set", R"({"rules":[{"mark":1,"port":""}]})", "rules[0].port",
         "rules[0].port: is empty, expected the name of a port"},
        {"conn.list", R"({"limit":0})", "limit",
         "limit: is out of range, expected a whole number, 1 to 10000"},
        {"conn.list", R"({"limit":10001})", "limit",
         "limit: is out of range, expected a whole number, 1 to 10000"},
        {"conn.list", R"({"cursor":"4:2:0"})", "cursor",
         "cursor: \"4:2:0\" is no cursor of this list"},
        {"conn.list", R"({"filter":[]})", "filter", "filter: is array, expected an object"},
        {"conn.list", R"({"filter":{"age":1}})", "filter.age", "filter.age: unknown parameter"},
        {"conn.list", R"({"filter":{"client":"198.51.100.0/33"}})", "filter.client",
         "filter.client: \"198.51.100.0/33\" is no network, expected such as 192.0.2.0/24 or "
         "2001:db8::/32 with no bits behind the prefix"},
        {"conn.count", R"({"filter":{"state":"OPEN"}})", "filter.state",
         "filter.state: \"OPEN\" is not known, expected one of NONE, ESTABLISHED, SYN_SENT, "
         "SYN_RECV, FIN_WAIT, TIME_WAIT, CLOSE, CLOSE_WAIT, LAST_ACK, LISTEN, SYNACK, INIT1, "
         "INIT, C-SENT, C-REPLIED, C-WAIT, COOKIE, C-ECHOED, S-SENT, S-RECEIVED, S-ACK-SENT, "
         "REJECTED, CLOSED, UDP, ASSURED"},
        {"conn.count", R"({"filter":{"kind":"all"}})", "filter.kind",
         "filter.kind: \"all\" is not known, expected one of connection, template"},
        {"conn.count", R"({"filter":{"protocol":"icmp"}})", "filter.protocol",
         "filter.protocol: \"icmp\" is not known, expected one of tcp, udp, sctp, ip"},
        {"conn.count", R"({"filter":{"forward":"masq"}})", "filter.forward",
         "filter.forward: \"masq\" is not known, expected one of nat, direct, tunnel, bypass"},
        {"conn.count", R"({"filter":{"idle":-1}})", "filter.idle",
         "filter.idle: is out of range, expected a whole number, 0 to 2678400"},
        {"conn.flush", R"({"filter":{"server":{"address":"10.1.0.11"}}})", "filter.server.address",
         "filter.server.address: \"10.1.0.11\" is no endpoint, expected ADDRESS:PORT such as "
         "192.0.2.1:80 or [2001:db8::1]:80"},
        {"conn.flush", R"({"filter":{"service":{"mark":0}}})", "filter.service.mark",
         "filter.service.mark: is out of range, expected a whole number, 1 to 4294967295"},
        {"conn.flush", R"({})", "all",
         "all: must be true to end all connections; or give a filter"},
        {"conn.flush", R"({"filter":{},"all":false})", "all",
         "all: must be true to end all connections; or give a filter"},
        {"conn.flush", R"({"filter":{"idle":5},"all":true})", "all",
         "all: cannot be true beside a filter"},
        {"conn.flush", R"({"all":1})", "all", "all: is int64, expected true or false"},
        {"conn.find", R"({"protocol":"tcp","client":"192.0.2.1:1"})", "virtual",
         "virtual: is missing"},
        {"conn.find", R"({"protocol":"tcp","client":"192.0.2.1:1","virtual":"[::1]:80"})",
         "virtual", "virtual: is not of the client's address family"},
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
    control.defence.update();
    auto status = result("status.get").as_object();
    EXPECT_GE(status["uptime"].as_double(), 0);
    EXPECT_LT(status["uptime"].as_double(), 60);
    status.erase("uptime");
    EXPECT_EQ(status,
              (json::object{{"version", "1.2.3"},
                            {"protocol", 1},
                            {"pid", getpid()},
                            {"workers", 2},
                            {"connections", 5},
                            {"connections_capacity", 4096},
                            {"room", {{"connections", 3000}, {"buffers", 2000}, {"short", false}}},
                            {"services", 1},
                            {"ports", 2}}));
}

TEST_F(MethodsTest, SchedulersAreThoseOfTheRegistry) {
    const auto names = result("scheduler.list").at("schedulers").as_array();
    ASSERT_EQ(names.size(), scheduler_names().size());
    for (const auto& name : names) EXPECT_NE(find_scheduler(name.as_string()), nullptr) << name;
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
    control.counters[1].split.add(20);
    control.counters[1].joined.add(21);
    control.counters[1].ended_early.add(23);
    control.counters[1].evicted_half_open.add(24);
    control.counters[1].errors_suppressed.add(22);
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
    EXPECT_EQ(workers.at(1), json::parse(R"({"worker":1,"cpu":null,"busy":0.25,"busy_cycles":250,
                "received":10,"from_twin":1,
                "taken_over":2,"resumed":3,"generated":4,"split":20,"forwarded":5,"to_host":6,
                "from_host":7,"handed_off":8,"held":9,"joined":21,"dropped":13,
                
                "ended_early":23,"evicted_half_open":24,"errors_suppressed":22,
                "connections":12})"));
    const auto stats = result("stats.get");
    EXPECT_EQ(stats.at("workers"), workers);
    EXPECT_EQ(stats.at("drops").at("no_route"), 11);
    EXPECT_EQ(stats.at("drops").at("too_big"), 2);
    EXPECT_EQ(stats.at("drops").as_object().size(), drop_reason_count);
}

TEST_F(MethodsTest, StatisticsHaveThoseOfApplications) {
    result("app.add", R"({"name":"ftp"})");
    control.app_counters[1].bound[0].add(3);
    control.app_counters[0].kept.add(4);
    const auto shown = result("stats.get").at("applications");
    EXPECT_EQ(shown.at("apps").at(0).at("connections"), 3);
    EXPECT_EQ(shown.at("counters").at("kept"), 4);
    EXPECT_EQ(shown, result("app.list"));
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
    auto& table = control.connections[0].v4;
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
    const auto first = result("conn.list", R"({"limit":2})");
    EXPECT_EQ(first.at("connections").as_array().size(), 2U);
    EXPECT_EQ(first.at("connections").at(0),
              json::parse(R"({"protocol":"tcp","client":"192.0.2.254:40000",
                "virtual":"192.0.2.10:80","server":"10.1.0.11:80","forward":"nat",
                "state":"ESTABLISHED","expires":899,"worker":0})"));
    EXPECT_EQ(first.at("cursor"), "4:0:2");
    const auto last = result("conn.list", R"({"cursor":"4:0:2"})");
    EXPECT_EQ(last.at("connections").as_array().size(), 1U);
    EXPECT_EQ(last.at("cursor"), nullptr);
}

TEST_F(MethodsTest, ConnectionsSayHowTheirPacketsTravel) {
    auto& table = control.connections[0].v4;
    Conn<Ipv4> conn;
    conn.protocol = Protocol::udp;
    std::uint16_t port = 0;
    for (const auto method : {ForwardMethod::nat, ForwardMethod::direct, ForwardMethod::tunnel,
                              ForwardMethod::bypass}) {
        conn.method = method;
        conn.client_port = conn.real_port = L4Port(++port);
        table.insert(conn);
    }
    control.publisher.set_services(
        std::make_shared<const ServiceTable>(std::vector<std::shared_ptr<const VirtualService>>{},
                                             std::vector<ServiceTable::DestSlot>(1)));
    std::string words;
    const auto listed = result("conn.list", R"({"limit":4})");
    for (const auto& row : listed.at("connections").as_array())
        words += std::string(row.at("forward").as_string()) + ' ';
    EXPECT_EQ(words, "nat direct tunnel bypass ");
}

Conn<Ipv4> web_connection(std::uint16_t client_port, std::uint32_t dest) {
    Conn<Ipv4> conn;
    conn.client = parse_address("192.0.2.254")->v4();
    conn.client_port = L4Port(client_port);
    conn.virtual_address = parse_address("192.0.2.10")->v4();
    conn.real = parse_address("10.1.0.11")->v4();
    conn.virtual_port = conn.real_port = L4Port(std::uint16_t{80});
    conn.protocol = Protocol::tcp;
    conn.state = static_cast<std::uint8_t>(TcpState::established);
    conn.expires = TickTime(Ticks(9000));
    conn.dest = DestId(dest);
    return conn;
}

TEST_F(MethodsTest, ConnectionsAreFoundByTheirTuple) {
    control.connections[1].v4.insert(web_connection(40000, 0));
    const auto found = result("conn.find", R"({"protocol":"tcp","client":"192.0.2.254:40000",
                                               "virtual":"192.0.2.10:80"})");
    EXPECT_EQ(found, json::parse(R"({"connection":{"protocol":"tcp","client":"192.0.2.254:40000",
                "virtual":"192.0.2.10:80","server":"10.1.0.11:80","forward":"nat",
                "state":"ESTABLISHED","expires":900,"worker":1}})"));
    for (const auto* other : {R"({"protocol":"udp","client":"192.0.2.254:40000",
                                  "virtual":"192.0.2.10:80"})",
                              R"({"protocol":"tcp","client":"192.0.2.254:40001",
                                  "virtual":"192.0.2.10:80"})",
                              R"({"protocol":"tcp","client":"[2001:db8::1]:40000",
                                  "virtual":"[2001:db8::10]:80"})"})
        EXPECT_EQ(result("conn.find", other), json::parse(R"({"connection":null})")) << other;
}

TEST_F(MethodsTest, WithExpireNodestConnThoseOfARemovedServerEnd) {
    make_web();
    const auto count = [this] { return result("conn.count").at("connections").as_int64(); };
    const auto remove = [this] {
        result("dest.delete", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
                                  "server":{"address":"10.1.0.11:80"}})");
    };
    auto past = web_connection(40005, 0);
    past.method = ForwardMethod::bypass;
    control.connections[1].v4.insert(web_connection(40000, 0));
    control.connections[0].v4.insert(past);
    remove();
    EXPECT_EQ(count(), 2);
    result("dest.add", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
                           "server":{"address":"10.1.0.11:80"},"forward":"nat"})");
    result("tunable.set", R"({"name":"expire_nodest_conn","value":1})");
    EXPECT_EQ(count(), 2);
    remove();
    EXPECT_EQ(count(), 1) << "one that goes past all servers stays";
}

TEST_F(MethodsTest, ConnectionsAreCountedAndFlushedByFilter) {
    make_web();
    const auto* const named = R"({"filter":{"service":{"protocol":"tcp",
                                  "address":"192.0.2.10:80"}}})";
    for (std::uint16_t i = 0; i < 6; ++i)
        control.connections[i % 2].v4.insert(web_connection(i, i < 4 ? 0 : 1));
    const auto counted = [](int n) { return json::value{{"connections", n}, {"templates", 0}}; };
    EXPECT_EQ(result("conn.count"), counted(6));
    EXPECT_EQ(result("conn.count", R"({"filter":{}})"), counted(6));
    EXPECT_EQ(result("conn.count", named), counted(4)) << "server 1 is not of this service";
    EXPECT_EQ(result("conn.list", named).at("connections").as_array().size(), 4U);
    // The service goes; what was its is known as long as connections may live on.
    result("service.flush");
    EXPECT_EQ(result("conn.flush", named), counted(4));
    EXPECT_EQ(result("conn.count"), counted(2));
    EXPECT_EQ(result("conn.flush", R"({"all":true})"), counted(2));
    EXPECT_EQ(result("conn.count"), counted(0));
    const auto unknown = error(
        "conn.count", R"({"filter":{"service":{"protocol":"udp","address":"192.0.2.10:80"}}})");
    EXPECT_EQ(unknown, json::parse(R"({"code":-32000,"message":"no service udp 192.0.2.10:80",
                                       "data":{"path":"filter.service","errno":"ESRCH"}})"));
}

TEST_F(MethodsTest, TemplatesAreListedWithTheirEnginesData) {
    make_web();
    control.affinity = std::make_unique<AffinityTable>(8, 4, 1);
    control.affinity->prepare_engine_data();
    AffinityKey key{};
    key.client = {192, 0, 2, 254};
    key.service = {192, 0, 2, 10};
    key.port = L4Port(std::uint16_t{5060});
    key.protocol = Protocol::udp;
    constexpr std::string_view call_id = "call\xff@host";
    const auto found = control.affinity->take_or_make(
        key, {.dest = DestId(0), .port = L4Port(std::uint16_t{5060}), .timeout = Ticks(600)},
        control.now, [](DestId) { return AffinityTable::Verdict::usable; },
        EngineData(std::as_bytes(std::span(call_id))));
    ASSERT_TRUE(found);
    const auto rows = result("conn.list", R"({"filter":{"kind":"template"}})").at("connections");
    EXPECT_EQ(rows, json::parse(R"([{"protocol":"udp","client":"192.0.2.254:0",
                "virtual":"192.0.2.10:5060","server":"10.1.0.11:5060","forward":"nat",
                "state":"NONE","expires":60,"worker":null,
                "engine":"sip","engine_data":"call?@host"}])"));
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

struct DocumentedMethod {
    std::set<std::string> parameters;
    std::string right;
    bool operator==(const DocumentedMethod&) const = default;
};

std::ostream& operator<<(std::ostream& out, const DocumentedMethod& method) {
    for (const auto& parameter : method.parameters) out << parameter << ' ';
    return out << '(' << method.right << ')';
}

/// Methods as the page has them.
std::map<std::string, DocumentedMethod> documented_methods() {
    std::ifstream page(SHUNT_SOURCE_DIR "/docs/protocol.md");
    std::map<std::string, DocumentedMethod> out;
    bool in_methods = false;
    for (std::string line; std::getline(page, line);) {
        if (line.starts_with("## ")) in_methods = line == "## Methods";
        if (!in_methods || !line.starts_with("| `")) continue;
        const auto row = cells(line);
        out[row.at(0).substr(1, row.at(0).size() - 2)] = {code_words(row.at(1)),
                                                          row.size() > 3 ? row[3] : ""};
    }
    return out;
}

TEST_F(MethodsTest, TheProtocolPageListsExactlyTheseMethods) {
    std::map<std::string, DocumentedMethod> known;
    for (const auto& method : control.methods.methods()) {
        auto& about = known[method.name];
        for (const auto& p : method.parameters) about.parameters.insert(p.name);
        about.right = name(method.access);
    }
    for (const auto reading : reading_methods)
        EXPECT_TRUE(known.contains(std::string(reading))) << reading;
    EXPECT_EQ(known.size(), control.methods.methods().size()) << "a name stands twice";
    EXPECT_EQ(documented_methods(), known);
}

}  // namespace
}  // namespace shunt::ctl
