// SPDX-License-Identifier: BSD-3-Clause
// Bad requests by the hundred, made from good ones: whatever is wrong with a request, it is refused
// with a sentence and the place of the fault, and changes nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;

/// One good request of each method that has parameters worth spoiling.
const std::map<std::string, std::string> good_params{
    {"service.list", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"}})"},
    {"service.add", R"({"service":{"protocol":"udp","address":"[2001:db8::1]:53"},
        "scheduler":"mh","flags":["mh-port"],"persistence":{"timeout":60,"granularity":64},
        "timeouts":{"tcp":1,"tcp_fin":2,"udp":3},"mh_size":251,"mh_order":"address"})"},
    {"service.edit", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
        "scheduler":"conhash","load_bound":150,"slow_start":0})"},
    {"service.delete", R"({"service":{"mark":7,"family":"ipv4"}})"},
    {"dest.add", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
        "server":{"address":"10.1.0.12:80"},"forward":"tunnel",
        "tunnel":{"type":"gue","port":6080,"checksum":"full"},"weight":3,"upper":9,"lower":4})"},
    {"dest.edit", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
        "server":{"address":"10.1.0.11:80"},"forward":"nat","weight":0,"upper":9,"lower":4})"},
    {"dest.delete", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
        "server":{"address":"10.1.0.11:80"}})"},
    {"health.list", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"}})"},
    {"health.set", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
        "check":{"type":"http","interval_ms":1000,"timeout_ms":500,"rise":1,"fall":4,"port":8080,
            "source":"10.1.0.1","path":"/x","host":"h","status":"200","initially":"down",
            "all_down":"use_all"}})"},
    {"health.force", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
        "server":{"address":"10.1.0.11:80"},"state":"auto"})"},
    {"config.apply", R"({"dry_run":true,"state":{"log":{"level":"warn"},"tunables":{"sloppy_tcp":1},
        "marks":[{"mark":5,"source":"10.0.0.0/8","port":"wan0"}],
        "apps":[{"name":"ftp","ports":[21,2121]}],
        "services":[{"protocol":"tcp","address":"192.0.2.10:80","scheduler":"wrr",
            "servers":[{"address":"10.1.0.11:80","weight":3,"upper":9,"lower":4}]}]}})"},
    {"config.check", R"({"state":{"timeouts":{"tcp":5},"services":[{"mark":7,"family":"ipv6"}]}})"},
    {"config.diff",
     R"({"state":{"ftp":{"passive_ports":"50000-51000"},"apps":[{"name":"tftp"}]}})"},
    {"conn.list", R"({"filter":{"kind":"connection","protocol":"tcp","forward":"nat",
        "state":"ESTABLISHED","client":"198.51.100.0/24","server":{"address":"10.1.0.11:80"},
        "service":{"protocol":"tcp","address":"192.0.2.10:80"},"idle":60},"limit":5})"},
    {"conn.count", R"({"filter":{"kind":"template","protocol":"udp"}})"},
    {"conn.find", R"({"protocol":"tcp","client":"192.0.2.254:40000","virtual":"192.0.2.10:80"})"},
    {"conn.flush", R"({"filter":{"client":"198.51.100.7"}})"},
    {"drop.list", R"({"reason":"no_route"})"},
    {"explain", R"({"protocol":"tcp","client":"192.0.2.254:40000","virtual":"192.0.2.10:80",
        "port":"wan0","mark":3})"},
    {"stats.zero", R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"}})"},
    {"timeout.set", R"({"tcp":900,"tcp_fin":120,"udp":300})"},
    {"tunable.get", R"({"name":"conn_reuse_mode"})"},
    {"tunable.set", R"({"name":"conn_reuse_mode","value":0})"},
    {"mark.set", R"({"rules":[{"mark":1,"source":"10.0.0.0/8","destination":"192.0.2.0/24",
        "protocol":"tcp","source_ports":"1024-65535","destination_ports":"80","port":"wan0"}]})"},
    {"app.add", R"({"name":"tftp","port":70})"},
    {"app.remove", R"({"name":"ftp","port":21})"},
    {"events.subscribe", R"({"kinds":["server"]})"},
};

/// What a value is replaced by. The wrong type is always an error, the rest most often.
const std::vector<std::string> wrong_values{"null",
                                            "true",
                                            "-1",
                                            "1e300",
                                            "18446744073709551616",
                                            "0.5",
                                            "\"\"",
                                            "\"x\"",
                                            "[]",
                                            "[[]]",
                                            "{}",
                                            "{\"a\":1}",
                                            "\"\\u0000\\n\"",
                                            "[1,2]",
                                            "\"999.1.1.1:99999\""};

class BadRequests : public testing::Test {
  protected:
    BadRequests() {
        control.ask(R"({"jsonrpc":"2.0","method":"service.add","params":{"service":)"
                    R"({"protocol":"tcp","address":"192.0.2.10:80"},"scheduler":"wrr"}})");
        control.ask(R"({"jsonrpc":"2.0","method":"service.add","params":{"service":{"mark":7}}})");
        control.ask(R"({"jsonrpc":"2.0","method":"dest.add","params":{"service":{"protocol":)"
                    R"("tcp","address":"192.0.2.10:80"},"server":{"address":"10.1.0.11:80"}}})");
        control.ask(R"({"jsonrpc":"2.0","method":"app.add","params":{"name":"ftp"}})");
    }

    /// All that a request can change.
    std::string state() {
        std::string all;
        for (const char* method : {"service.list", "tunable.list", "mark.list", "app.list",
                                   "timeout.get", "config.save", "conn.list"})
            all +=
                control.ask(R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(method) + "\"}");
        return all;
    }

    /// Counts the request if it is refused, and then holds that it is told what was wrong, and that
    /// nothing changed. What is not refused was not bad: the daemon's state is made anew then.
    bool refused(const std::string& line) {
        const auto& before = known_state();
        const auto answer = json::parse(control.ask(line)).as_object();
        const auto* error = answer.if_contains("error");
        if (error == nullptr) {
            known_.clear();
            return false;
        }
        ++bad;
        EXPECT_EQ(state(), before) << line;
        const auto code = error->at("code").as_int64();
        const std::string message(error->at("message").as_string());
        EXPECT_GE(message.size(), 10U) << line;
        EXPECT_LE(message.size(), 1200U) << line;  // It may list all tunables.
        EXPECT_NE(code, -32603) << line << '\n' << message;
        for (const char c : message) EXPECT_TRUE(c >= ' ' && c <= '~') << line << '\n' << message;
        if (code != -32602 || message == "params must be an object") return true;
        const std::string path(error->at("data").at("path").as_string());
        EXPECT_FALSE(path.empty()) << line;
        EXPECT_TRUE(message.starts_with(path + ": ")) << message;
        return true;
    }

    static std::string request(const std::string& method, const json::value& params) {
        return json::serialize(
            json::object{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}});
    }

    /// Calls `spoil` with each value below `value`, which it may replace for the call.
    static void each_below(json::value& value, const std::function<void(json::value&)>& spoil) {
        const auto go_on = [&spoil](json::value& below) {
            spoil(below);
            each_below(below, spoil);
        };
        if (auto* object = value.if_object())
            for (auto& member : *object) go_on(member.value());
        if (auto* array = value.if_array())
            for (auto& element : *array) go_on(element);
    }

    test::Control control;
    int bad = 0;

  private:
    const std::string& known_state() {
        if (known_.empty()) known_ = state();
        return known_;
    }
    std::string known_;
};

bool same_type(const json::value& a, const json::value& b) {
    return a.kind() == b.kind() || (a.is_number() && b.is_number());
}

TEST_F(BadRequests, OfEveryMethodChangeNothing) {
    for (const Method& method : control.methods.methods()) {
        for (const char* params : {"null", "[]", "[1]", "7", "\"x\""})
            EXPECT_TRUE(refused(request(method.name, json::parse(params)))) << method.name;
        EXPECT_TRUE(refused(request(method.name, json::object{{"no_such", 1}}))) << method.name;
        for (const char* name : {"no.such.", "", "."})
            EXPECT_TRUE(refused(request(method.name + name + "x", json::object())));
        EXPECT_TRUE(refused(R"({"jsonrpc":"1.0","id":1,"method":")" + method.name + "\"}"));
        EXPECT_TRUE(refused(R"({"jsonrpc":"2.0","id":[],"method":")" + method.name + "\"}"));
        EXPECT_TRUE(refused(R"({"jsonrpc":"2.0","id":1,"x":1,"method":")" + method.name + "\"}"));
        EXPECT_TRUE(refused(R"({"jsonrpc":"2.0","id":1,"method":")" + method.name));
        if (std::ranges::any_of(method.parameters, &Parameter::required)) {
            EXPECT_TRUE(refused(request(method.name, json::object()))) << method.name;
        }
    }
    EXPECT_GE(bad, 300);
    std::cout << bad << " bad requests\n";
}

TEST_F(BadRequests, WithASpoiltParameterChangeNothing) {
    for (const auto& [method, text] : good_params) {
        ASSERT_NE(control.methods.find(method), nullptr) << method;
        json::value params = json::parse(text);
        each_below(params, [&, name = method](json::value& value) {
            const json::value good = value;
            for (const std::string& wrong : wrong_values) {
                value = json::parse(wrong);
                const bool is_null = value.is_null();
                const bool is_other = !same_type(value, good);
                const auto line = request(name, params);
                const bool was_refused = refused(line);
                EXPECT_TRUE(was_refused || !is_other || is_null) << line;
            }
            value = good;
        });
    }
    EXPECT_GE(bad, 500);
    std::cout << bad << " bad requests\n";
}

TEST_F(BadRequests, WithAMemberTooManyOrTooFewChangeNothing) {
    for (const auto& [method, text] : good_params) {
        json::value params = json::parse(text);
        each_below(params, [&, name = method](json::value& value) {
            auto* const object = value.if_object();
            if (object == nullptr) return;
            (*object)["no_such"] = 1;
            const auto line = request(name, params);
            EXPECT_TRUE(refused(line)) << line;
            object->erase("no_such");
            const json::object good = *object;
            for (const auto& [key, member] : good) {
                object->erase(key);
                refused(request(name, params));
                *object = good;
            }
        });
    }
    EXPECT_GE(bad, 30);
    std::cout << bad << " bad requests\n";
}

}  // namespace
}  // namespace shunt::ctl
