// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/limit_watch.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "support/control.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

class LimitWatchTest : public testing::Test {
  protected:
    /// What is told a second after the last look.
    std::vector<std::string> look(std::chrono::seconds passed = 1s) {
        told.clear();
        now += passed;
        watch->look(now);
        return told;
    }
    void drop(std::size_t worker, DropReason reason, std::uint64_t packets) {
        control.counters[worker].dropped[static_cast<std::size_t>(reason)].add(packets);
    }
    void start() {
        watch.emplace(
            control.events,
            std::vector<const WorkerCounters*>{&control.counters[0], &control.counters[1]},
            control.publisher, control.shared.overload, control.defence);
    }

    test::Control control;
    std::vector<std::string> told;
    EventBus::Subscription subscription =
        control.events.subscribe(EventKinds().set(), [this](const Event& event) {
            told.push_back(std::string(name(event.kind)) + boost::json::serialize(event.about));
        });
    std::optional<LimitWatch> watch;
    LimitWatch::Clock::time_point now{1000s};
};

TEST_F(LimitWatchTest, ALimitIsToldWhenItIsReachedAndWhenItIsOver) {
    drop(0, DropReason::connections_full, 5);
    start();
    EXPECT_EQ(look(), std::vector<std::string>{}) << "that was before";
    drop(0, DropReason::connections_full, 2);
    drop(1, DropReason::connections_full, 1);
    drop(1, DropReason::ttl_expired, 9);
    EXPECT_EQ(look(), std::vector<std::string>{
                          R"(limit.reached{"reason":"connections_full","packets":3})"});
    drop(0, DropReason::connections_full, 4);
    EXPECT_EQ(look(), std::vector<std::string>{}) << "it goes on";
    EXPECT_EQ(look(9s), std::vector<std::string>{});
    EXPECT_EQ(look(1s),
              std::vector<std::string>{R"(limit.over{"reason":"connections_full","packets":7})"});
    EXPECT_EQ(look(20s), std::vector<std::string>{});
    drop(0, DropReason::connections_full, 1);
    drop(0, DropReason::no_buffer, 1);
    EXPECT_EQ(look(),
              (std::vector<std::string>{R"(limit.reached{"reason":"connections_full","packets":1})",
                                        R"(limit.reached{"reason":"no_buffer","packets":1})"}));
}

TEST_F(LimitWatchTest, ServersThatHaveAllTheyMayAreTold) {
    start();
    control.ask(R"({"jsonrpc":"2.0","method":"service.add","params":{"service":{"mark":7}}})");
    control.ask(R"({"jsonrpc":"2.0","method":"dest.add","params":{"service":{"mark":7},)"
                R"("server":{"address":"10.1.0.11:80"},"upper":4,"lower":2}})");
    EXPECT_EQ(look(), std::vector<std::string>{});
    const DestId id = control.registry.list().at(0).servers.at(0).server.id;
    const auto connections = [&](std::uint32_t count) {
        control.shared.overload.update(id, [count] { return count; });
    };
    connections(4);
    const std::string place =
        R"({"service":{"mark":7,"family":"ipv4"},"server":{"address":"10.1.0.11:80"}})";
    EXPECT_EQ(look(), std::vector<std::string>{"server.overloaded" + place});
    connections(2);
    EXPECT_EQ(look(), std::vector<std::string>{}) << "not below the lower threshold";
    connections(1);
    EXPECT_EQ(look(), std::vector<std::string>{"server.relieved" + place});
}

TEST_F(LimitWatchTest, TheLevelOfTheDefenceIsTold) {
    start();
    control.ask(R"({"jsonrpc":"2.0","method":"tunable.set",)"
                R"("params":{"name":"drop_entry","value":1}})");
    EXPECT_EQ(look(), std::vector<std::string>{
                          R"(defence.level{"short":false,"drop_entry":1,"drop_packet":0,)"
                          R"("secure_tcp":0})"});
    control.room = {.connections = 10, .buffers = 10};
    control.defence.update();
    EXPECT_EQ(look(), std::vector<std::string>{
                          R"(defence.level{"short":true,"drop_entry":2,"drop_packet":0,)"
                          R"("secure_tcp":0})"});
    EXPECT_EQ(look(), std::vector<std::string>{});
}

}  // namespace
}  // namespace shunt::ctl
