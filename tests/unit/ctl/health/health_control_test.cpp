// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/health/health_control.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <filesystem>

#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

/// A service with servers on the loopback interface that can be closed and opened again.
class HealthControlTest : public testing::Test {
  protected:
    static constexpr auto patience = 20s;

    ServiceSettings checked(CheckType type = CheckType::tcp) {
        ServiceSettings settings;
        HealthCheck& check = settings.check.emplace();
        check.type = type;
        check.interval = 100ms;
        check.timeout = 5s;
        check.rise = 2;
        check.fall = 2;
        return settings;
    }
    /// A server of the service, listening.
    void add_server() {
        auto& listener =
            listeners.emplace_back(control.io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        const auto port = std::to_string(listener.local_endpoint().port());
        addresses.push_back(parse_endpoint("127.0.0.1:" + port).value());
        control.registry.add_server(web, {.address = addresses.back(), .weight = 3});
    }
    void make(unsigned servers, const ServiceSettings& settings) {
        control.registry.add_service(web, settings);
        for (unsigned i = 0; i < servers; ++i) add_server();
    }
    void close(unsigned server) { listeners[server].close(); }
    void open(unsigned server) {
        const tcp::endpoint at(asio::ip::address_v4::loopback(), addresses[server].port.value());
        listeners[server].open(tcp::v4());
        listeners[server].set_option(asio::socket_base::reuse_address(true));
        listeners[server].bind(at);
        listeners[server].listen();
    }
    template <class Fn>
    bool until(Fn condition) {
        const auto end = std::chrono::steady_clock::now() + patience;
        control.io.restart();
        while (!condition() && std::chrono::steady_clock::now() < end) control.io.run_one_for(1s);
        return condition();
    }
    [[nodiscard]] Health health(unsigned server) const {
        const auto service = control.registry.health(web);
        for (const auto& each : service->servers)
            if (each.address == addresses[server]) return each.state.health();
        return Health::unchecked;
    }
    [[nodiscard]] std::uint64_t checks(unsigned server) const {
        const auto report = health_control.report(web, addresses[server]);
        return report ? report->checks : 0;
    }

    const ServiceKey web{
        .protocol = Protocol::tcp, .endpoint = parse_endpoint("192.0.2.10:80").value(), .mark = {}};
    test::Control control;
    std::vector<tcp::acceptor> listeners;
    std::vector<Endpoint> addresses;
    std::vector<std::string> told;
    HealthControl health_control{
        control.io,
        control.registry,
        [this](const ServiceKey&, const ServiceHealth::Server& server, const std::string& reason) {
            told.push_back(to_string(server.address) + ' ' +
                           (server.state.health() == Health::down ? "down: " : "up: ") + reason);
        },
        {.running = 64, .turn = 5ms}};
};

TEST_F(HealthControlTest, AServerFallsAndRises) {
    make(2, checked());
    health_control.start();
    EXPECT_TRUE(until([&] { return checks(0) > 0 && checks(1) > 0; }));
    EXPECT_EQ(health(0), Health::up);
    close(0);
    ASSERT_TRUE(until([&] { return health(0) == Health::down; }));
    EXPECT_EQ(health(1), Health::up);
    auto report = health_control.report(web, addresses[0]);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->reason, "connect: Connection refused");
    EXPECT_FALSE(report->passed);
    EXPECT_GE(report->in_a_row, 2U);
    open(0);
    ASSERT_TRUE(until([&] { return health(0) == Health::up; }));
    const std::string name = to_string(addresses[0]);
    EXPECT_EQ(told, (std::vector<std::string>{name + " down: connect: Connection refused",
                                              name + " up: connected"}));
    const auto numbers = health_control.numbers();
    EXPECT_EQ(numbers.servers, 2U);
    EXPECT_GE(numbers.ends[static_cast<std::size_t>(CheckEnd::failed)], 2U);
    EXPECT_GT(numbers.ends[static_cast<std::size_t>(CheckEnd::passed)], 2U);
    EXPECT_GT(numbers.took, 0ns);
}

TEST_F(HealthControlTest, FollowsWhatTheRegistryHas) {
    make(1, {});
    health_control.start();
    EXPECT_EQ(health_control.numbers().servers, 0U);
    control.registry.edit_service(web, checked());
    EXPECT_EQ(health_control.numbers().servers, 1U);
    add_server();
    EXPECT_EQ(health_control.numbers().servers, 2U);
    EXPECT_TRUE(until([&] { return checks(1) > 1; }));
    control.registry.delete_server(web, addresses[1]);
    EXPECT_EQ(health_control.numbers().servers, 1U);
    EXPECT_EQ(health_control.report(web, addresses[1]), std::nullopt);
    control.registry.edit_service(web, {});
    EXPECT_EQ(health_control.numbers().servers, 0U);
    control.registry.edit_service(web, checked());
    control.registry.delete_service(web);
    EXPECT_EQ(health_control.numbers().servers, 0U);
    EXPECT_EQ(told, std::vector<std::string>{});
}

TEST_F(HealthControlTest, AnotherIntervalHoldsAtOnce) {
    auto settings = checked();
    settings.check->interval = 3'600'000ms;
    make(1, settings);
    health_control.start();
    settings.check->interval = 100ms;
    control.registry.edit_service(web, settings);
    EXPECT_TRUE(until([&] { return checks(0) > 2; }));
}

TEST_F(HealthControlTest, AChangeWhileACheckIsUnderWayDoesNotEndTheChecks) {
    auto settings = checked(CheckType::http);  // nobody answers: it takes its time
    settings.check->timeout = 60s;
    make(1, settings);
    health_control.start();
    ASSERT_TRUE(until([&] { return health_control.numbers().running == 1; }));
    settings.check->timeout = 50ms;
    control.registry.edit_service(web, settings);
    EXPECT_EQ(health_control.numbers().running, 0U);
    EXPECT_TRUE(until([&] { return checks(0) > 2; }));
}

TEST_F(HealthControlTest, OneThatLeavesWhileItIsCheckedIsForgotten) {
    make(1, checked(CheckType::http));
    health_control.start();
    ASSERT_TRUE(until([&] { return health_control.numbers().running == 1; }));
    control.registry.delete_server(web, addresses[0]);
    EXPECT_EQ(health_control.numbers().running, 0U);
    control.io.restart();
    control.io.run_for(30ms);
    EXPECT_EQ(told, std::vector<std::string>{});
}

TEST_F(HealthControlTest, NoMoreAreUnderWayThanTheLimitAndAllHaveTheirTurn) {
    auto settings = checked(CheckType::http);
    settings.check->timeout = 200ms;  // of an interval of 100 ms: 64 are not enough
    settings.check->fall = 100;
    make(200, settings);
    health_control.start();
    std::size_t most = 0;
    bool waited = false;
    EXPECT_TRUE(until([&] {
        const auto numbers = health_control.numbers();
        most = std::max(most, numbers.running);
        waited = waited || numbers.waiting > 0;
        for (unsigned i = 0; i < 200; ++i)
            if (checks(i) < 2) return false;
        return true;
    }));
    EXPECT_EQ(most, 64U);
    EXPECT_TRUE(waited);
}

TEST_F(HealthControlTest, WhatTheOperatorForcesIsTold) {
    make(1, checked());
    health_control.start();
    const std::string name = to_string(addresses[0]);
    health_control.force(web, addresses[0], Forced::down);
    EXPECT_EQ(health(0), Health::down);
    health_control.force(web, addresses[0], Forced::down);
    health_control.force(web, addresses[0], Forced::automatic);
    health_control.force(web, addresses[0], Forced::up);
    EXPECT_EQ(told, (std::vector<std::string>{name + " down: forced down",
                                              name + " up: not forced any more"}));
    told.clear();
    close(0);
    EXPECT_TRUE(until([&] {
        const auto report = health_control.report(web, addresses[0]);
        return report && !report->passed && report->in_a_row > 3;
    }));
    EXPECT_EQ(health(0), Health::up);
    EXPECT_EQ(told, std::vector<std::string>{}) << "what it would be otherwise is not told";
    health_control.force(web, addresses[0], Forced::automatic);
    EXPECT_EQ(told, std::vector<std::string>{name + " down: not forced any more"});
}

TEST_F(HealthControlTest, WhatThisHostLacksTakesNobodyDown) {
    auto settings = checked();
    settings.check->source = parse_address("192.0.2.77");
    make(1, settings);
    health_control.start();
    ASSERT_TRUE(until([&] { return checks(0) > 4; }));
    EXPECT_EQ(health(0), Health::up);
    EXPECT_EQ(health_control.report(web, addresses[0])->in_a_row, 0U);
}

TEST_F(HealthControlTest, TheLimitLeavesDescriptorsToOthers) {
    const auto limits = HealthControl::limits_of_process();
    EXPECT_GE(limits.running, 16U);
    EXPECT_LE(limits.running, 4096U);
}

}  // namespace
}  // namespace shunt::ctl
