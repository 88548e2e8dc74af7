// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/service_watch.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "support/control.h"

namespace shunt::ctl {
namespace {

class ServiceWatchTest : public testing::Test {
  protected:
    /// What is told of one request.
    std::vector<std::string> told_of(const std::string& method, const std::string& params) {
        told.clear();
        const auto answer = control.ask(R"({"jsonrpc":"2.0","id":1,"method":")" + method +
                                        R"(","params":)" + params + "}");
        EXPECT_NE(answer.find("\"result\""), std::string::npos) << answer;
        return told;
    }
    std::vector<std::string> server(const std::string& verb, const std::string& more) {
        return told_of("dest." + verb,
                       R"({"service":{"mark":7},"server":{"address":"10.1.0.11:80"})" + more + "}");
    }

    test::Control control;
    std::vector<std::string> told;
    EventBus::Subscription subscription =
        control.events.subscribe(EventKinds().set(), [this](const Event& event) {
            told.push_back(std::string(name(event.kind)) + boost::json::serialize(event.about));
        });
    std::optional<ServiceWatch> watch{std::in_place, control.io, control.registry, control.events};
};

const std::string mark7 = R"({"service":{"mark":7,"family":"ipv4"},)";

TEST_F(ServiceWatchTest, TheLifeOfAService) {
    EXPECT_EQ(
        told_of("service.add", R"({"service":{"mark":7},"scheduler":"rr"})"),
        std::vector<std::string>{"service.added" + mark7 + R"("scheduler":"rr","servers":0})"});
    EXPECT_EQ(
        told_of("service.edit", R"({"service":{"mark":7},"scheduler":"wrr"})"),
        std::vector<std::string>{"service.edited" + mark7 + R"("scheduler":"wrr","servers":0})"});
    EXPECT_EQ(told_of("service.edit", R"({"service":{"mark":7},"scheduler":"wrr"})"),
              std::vector<std::string>{})
        << "nothing changed";
    server("add", "");
    EXPECT_EQ(
        told_of("service.edit", R"({"service":{"mark":7},"scheduler":"wrr","slow_start":9})"),
        std::vector<std::string>{"service.edited" + mark7 + R"("scheduler":"wrr","servers":1})"});
    EXPECT_EQ(
        told_of("service.flush", "{}"),
        std::vector<std::string>{"service.deleted" + mark7 + R"("scheduler":"wrr","servers":1})"});
}

TEST_F(ServiceWatchTest, TheLifeOfAServer) {
    told_of("service.add", R"({"service":{"mark":7},"scheduler":"wrr"})");
    const auto event = [](const std::string& kind, int weight) {
        return std::vector<std::string>{"server." + kind + mark7 +
                                        R"("server":{"address":"10.1.0.11:80"},"weight":)" +
                                        std::to_string(weight) + "}"};
    };
    EXPECT_EQ(server("add", R"(,"weight":3)"), event("added", 3));
    EXPECT_EQ(server("edit", R"(,"weight":4)"), event("edited", 4));
    EXPECT_EQ(server("edit", R"(,"weight":4)"), std::vector<std::string>{});
    EXPECT_EQ(server("edit", R"(,"weight":0)"), event("down", 0));
    EXPECT_EQ(server("edit", R"(,"weight":5)"), event("up", 5));
    auto both = event("down", 0);
    both.push_back(event("edited", 0).front());
    EXPECT_EQ(server("edit", R"(,"weight":0,"upper":9)"), both);
    EXPECT_EQ(server("delete", ""), event("deleted", 0));
}

TEST_F(ServiceWatchTest, AmongManyServersOnlyTheOneIsTold) {
    told_of("service.add", R"({"service":{"mark":7},"scheduler":"wrr"})");
    for (const char* address : {"10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80"})
        told_of("dest.add",
                R"({"service":{"mark":7},"server":{"address":")" + std::string(address) + "\"}}");
    EXPECT_EQ(told_of("dest.edit",
                      R"({"service":{"mark":7},"server":{"address":"10.1.0.2:80"},"weight":0})"),
              std::vector<std::string>{"server.down" + mark7 +
                                       R"("server":{"address":"10.1.0.2:80"},"weight":0})"});
    EXPECT_EQ(
        told_of("dest.delete", R"({"service":{"mark":7},"server":{"address":"10.1.0.1:80"}})"),
        std::vector<std::string>{"server.deleted" + mark7 +
                                 R"("server":{"address":"10.1.0.1:80"},"weight":1})"});
}

TEST_F(ServiceWatchTest, AStepOfSlowStartIsNoChange) {
    told_of("service.add", R"({"service":{"mark":7},"scheduler":"wrr","slow_start":60})");
    server("add", R"(,"weight":100)");
    told.clear();
    const auto now = ServiceRegistry::Clock::now();
    for (int second = 1; second < 9; ++second)
        control.registry.ramp(now + std::chrono::seconds(second));
    control.io.restart();
    control.io.run();
    EXPECT_EQ(told, std::vector<std::string>{});
}

TEST_F(ServiceWatchTest, WhatWasThereIsNotTold) {
    watch.reset();
    control.registry.on_change({});
    told_of("service.add", R"({"service":{"mark":7},"scheduler":"wrr"})");
    watch.emplace(control.io, control.registry, control.events);
    EXPECT_EQ(server("add", "").size(), 1U);
}

}  // namespace
}  // namespace shunt::ctl
