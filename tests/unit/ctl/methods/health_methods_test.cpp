// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/health_methods.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;

class HealthMethodsTest : public testing::Test {
  protected:
    json::object ask(const std::string& method, const std::string& params) {
        const auto answer = control.ask(R"({"jsonrpc":"2.0","id":1,"method":")" + method +
                                        R"(","params":)" + params + "}");
        return json::parse(answer).as_object();
    }
    json::value result(const std::string& method, const std::string& params) {
        const auto answer = ask(method, params);
        EXPECT_TRUE(answer.contains("result")) << json::serialize(answer);
        return answer.contains("result") ? answer.at("result") : json::value(nullptr);
    }
    /// "path errno: message" of a refusal.
    std::string refusal(const std::string& method, const std::string& params) {
        const auto answer = ask(method, params);
        if (!answer.contains("error")) return "none";
        const auto& error = answer.at("error").as_object();
        const auto& data = error.at("data").as_object();
        const std::string path = data.contains("path") ? data.at("path").as_string().c_str() : "";
        return path + ' ' + data.at("errno").as_string().c_str() + ": " +
               error.at("message").as_string().c_str();
    }
    void make(const std::string& service = web) {
        result("service.add", "{" + service + R"(,"scheduler":"wrr"})");
        result("dest.add", "{" + service + R"(,"server":{"address":"10.1.0.11:80"},"weight":3})");
    }
    std::string set(const std::string& check) {
        return refusal("health.set", "{" + web + R"(,"check":)" + check + "}");
    }

    static inline const std::string web =
        R"("service":{"protocol":"tcp","address":"192.0.2.10:80"})";
    static inline const std::string server = R"("server":{"address":"10.1.0.11:80"})";
    test::Control control;
};

TEST_F(HealthMethodsTest, AServiceIsGivenChecks) {
    make();
    EXPECT_EQ(result("health.list", "{}"), (json::parse(R"({"services":[]})")));
    EXPECT_EQ(set(R"({"type":"http","interval_ms":1000,"timeout_ms":500,"rise":1,"fall":4,
                      "port":8080,"source":"10.1.0.1","path":"/x","host":"h","status":"200",
                      "initially":"down","all_down":"use_all"})"),
              "none");
    const auto listed = result("health.list", "{" + web + "}");
    EXPECT_EQ(json::serialize(listed.at("services").at(0).at("check")),
              R"({"type":"http","interval_ms":1000,"timeout_ms":500,"rise":1,"fall":4,)"
              R"("port":8080,"source":"10.1.0.1","path":"/x","host":"h","status":"200",)"
              R"("initially":"down","all_down":"use_all"})");
    EXPECT_EQ(json::serialize(listed.at("services").at(0).at("servers")),
              R"([{"address":"10.1.0.11:80","weight":3,"health":"up"}])");
    const auto service = result("service.list", "{}").at("services").at(0);
    EXPECT_EQ(service.at("check"), listed.at("services").at(0).at("check"));
    EXPECT_EQ(service.at("scheduler"), "wrr") << "the rest stays";
    EXPECT_EQ(service.at("servers").at(0).at("health"), "up");
    EXPECT_EQ(set("null"), "none");
    EXPECT_FALSE(result("service.list", "{}").at("services").at(0).as_object().contains("check"));
}

TEST_F(HealthMethodsTest, DefaultsAreShownWhole) {
    make();
    EXPECT_EQ(set(R"({"type":"tcp"})"), "none");
    const auto listed = result("health.list", "{}");
    EXPECT_EQ(json::serialize(listed.at("services").at(0).at("check")),
              R"({"type":"tcp","interval_ms":5000,"timeout_ms":2000,"rise":2,"fall":3,)"
              R"("initially":"up","all_down":"refuse"})");
}

TEST_F(HealthMethodsTest, WhatCannotBeIsRefusedWithItsPlace) {
    make();
    EXPECT_EQ(set("{}"), "check.type EINVAL: check.type: is missing");
    EXPECT_TRUE(set(R"({"type":"ping"})").starts_with("check.type EINVAL"));
    EXPECT_TRUE(set(R"({"type":"tcp","interval_ms":99})").starts_with("check.interval_ms EINVAL"));
    EXPECT_TRUE(set(R"({"type":"tcp","path":"/x"})").starts_with("check.path EINVAL"));
    EXPECT_TRUE(set(R"({"type":"http","path":"x y"})").starts_with("check.path EINVAL"));
    EXPECT_TRUE(set(R"({"type":"http","status":"2xx"})").starts_with("check.status EINVAL"));
    EXPECT_TRUE(set(R"({"type":"tcp","source":"x"})").starts_with("check.source EINVAL"));
    EXPECT_TRUE(set(R"({"type":"tcp","every":1})").starts_with("check.every EINVAL"));
    EXPECT_TRUE(refusal("health.set", "{" + web + "}").starts_with("check EINVAL"));
    EXPECT_TRUE(refusal("health.set", R"({"service":{"mark":9},"check":null})")
                    .starts_with("service ESRCH"));
    EXPECT_EQ(result("health.list", "{}"), (json::parse(R"({"services":[]})"))) << "nothing done";
}

TEST_F(HealthMethodsTest, AnEditOfTheServiceLeavesItsChecks) {
    make();
    set(R"({"type":"tcp","rise":9})");
    result("service.edit", "{" + web + R"(,"scheduler":"rr"})");
    const auto service = result("service.list", "{}").at("services").at(0);
    EXPECT_EQ(service.at("scheduler"), "rr");
    EXPECT_EQ(service.at("check").at("rise"), 9);
}

TEST_F(HealthMethodsTest, AServerIsForced) {
    make();
    result("health.force", "{" + web + "," + server + R"(,"state":"down"})");
    const auto row = [&] {
        return json::serialize(result("health.list", "{}").at("services").at(0).at("servers"));
    };
    EXPECT_EQ(row(), R"([{"address":"10.1.0.11:80","weight":3,"health":"down","forced":"down",)"
                     R"("effective_weight":0}])");
    const auto listed = result("service.list", "{}").at("services").at(0).at("servers").at(0);
    EXPECT_EQ(listed.at("weight"), 3);
    EXPECT_EQ(listed.at("effective_weight"), 0);
    result("health.force", "{" + web + "," + server + R"(,"state":"up"})");
    EXPECT_EQ(row(), R"([{"address":"10.1.0.11:80","weight":3,"health":"up","forced":"up"}])");
    result("health.force", "{" + web + "," + server + R"(,"state":"auto"})");
    EXPECT_EQ(result("health.list", "{}"), (json::parse(R"({"services":[]})")));
    EXPECT_TRUE(refusal("health.force", "{" + web + "," + server + R"(,"state":"drain"})")
                    .starts_with("state EINVAL"));
    EXPECT_TRUE(
        refusal("health.force", "{" + web + R"(,"server":{"address":"10.1.0.12:80"},"state":"up"})")
            .starts_with("server ENOENT"));
    EXPECT_TRUE(refusal("health.list", R"({"service":{"mark":9}})").starts_with("service ESRCH"));
}

TEST_F(HealthMethodsTest, TheListHasPages) {
    for (const char* port : {"80", "81", "82"}) {
        const std::string service =
            R"("service":{"protocol":"tcp","address":"192.0.2.10:)" + std::string(port) + "\"}";
        make(service);
        result("health.set", "{" + service + R"(,"check":{"type":"tcp"}})");
    }
    auto page = result("health.list", R"({"limit":2})");
    EXPECT_EQ(page.at("more"), true);
    ASSERT_EQ(page.at("services").as_array().size(), 2U);
    page =
        result("health.list", R"({"limit":2,"after":)" +
                                  json::serialize(page.at("services").at(1).at("service")) + "}");
    EXPECT_EQ(page.at("more"), false);
    EXPECT_EQ(page.at("services").at(0).at("service").at("address"), "192.0.2.10:82");
    EXPECT_TRUE(refusal("health.list", "{" + web + R"(,"limit":2})").starts_with("limit EINVAL"));
}

TEST_F(HealthMethodsTest, EventsHaveAReason) {
    std::vector<std::string> told;
    const auto subscription = control.events.subscribe(EventKinds().set(), [&](const Event& event) {
        told.push_back(std::string(name(event.kind)) + json::serialize(event.about));
    });
    const ServiceKey key{
        .protocol = Protocol::tcp, .endpoint = *parse_endpoint("192.0.2.10:80"), .mark = {}};
    ServiceHealth::Server row{.address = *parse_endpoint("10.1.0.11:80"), .weight = 3, .state = {}};
    row.state.checked = Health::down;
    const auto tell = tell_health(control.events);
    tell(key, row, "timeout 3 s");
    row.state.checked = Health::up;
    tell(key, row, "connected");
    const std::string about = "{" + web + "," + server + R"(,"weight":3,"reason":)";
    EXPECT_EQ(told, (std::vector<std::string>{"server.down" + about + R"("timeout 3 s"})",
                                              "server.up" + about + R"("connected"})"}));
}

}  // namespace
}  // namespace shunt::ctl
