// SPDX-License-Identifier: BSD-3-Clause
#include "app/expectation_table.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace shunt {
namespace {

using Seconds = std::chrono::duration<std::uint32_t>;

constexpr TickTime start{Ticks(5000)};
constexpr Ticks timeout = Seconds(120);

TickTime after(std::uint32_t seconds) {
    return start + Seconds(seconds);
}
L4Port port(int number) {
    return L4Port(static_cast<std::uint16_t>(number));
}
Endpoint at(const char* text) {
    return parse_endpoint(text).value();
}
bool any(const Expectation&) {
    return true;
}
bool is_free(L4Port) {
    return true;
}

const PortRange unprivileged{port(1024), port(65535)};
const Endpoint shown20 = at("192.0.2.10:20");

class Expectations : public ::testing::Test {
  protected:
    Expectation passive(const char* client, const char* server) {
        return {.client = {at(client).address, {}},
                .server = at(server),
                .shown = {at("192.0.2.10:0").address, {}},
                .dest = DestId(3),
                .control = control};
    }
    Expectation active(const char* client, const char* server) {
        return {.client = at(client),
                .server = at(server),
                .shown = shown20,
                .dest = DestId(3),
                .control = control};
    }
    int offer(const Expectation& what, TickTime now = start, PortRange range = unprivileged) {
        const auto given = table.offer(what, range, now, timeout, is_free);
        return given ? given->value() : 0;
    }
    std::optional<ExpectationTable::Taken> call(const char* client, int to, TickTime now = start) {
        return table.take_for_client(Protocol::tcp, at(client),
                                     {at("192.0.2.10:0").address, port(to)}, now, any);
    }
    ExpectationTable table{64, 8, 7};
    ControlRef control = table.open_control();
};

TEST_F(Expectations, AClientFindsWhatWasOfferedToItOnceAndWhoeverElseDoesNot) {
    EXPECT_FALSE(table.any());
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50000")), 50000);
    EXPECT_TRUE(table.waits());
    EXPECT_FALSE(call("203.0.113.2:4000", 50000)) << "another client";
    EXPECT_FALSE(call("203.0.113.1:4000", 50001)) << "another port";
    EXPECT_FALSE(table.take_for_client(Protocol::udp, at("203.0.113.1:4000"),
                                       at("192.0.2.10:50000"), start, any));
    EXPECT_FALSE(table.take_for_client(Protocol::tcp, at("203.0.113.1:4000"),
                                       at("192.0.2.10:50000"), start,
                                       [](const Expectation&) { return false; }));
    const auto taken = call("203.0.113.1:4000", 50000);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->what.server, at("10.1.0.11:50000"));
    EXPECT_EQ(taken->what.shown, at("192.0.2.10:50000"));
    EXPECT_EQ(taken->what.dest, DestId(3));
    EXPECT_FALSE(table.waits());
    EXPECT_EQ(table.in_use(), 1U);
    EXPECT_FALSE(call("203.0.113.1:4000", 50000)) << "it was taken";
    table.release(taken->ref, start);
    EXPECT_FALSE(table.any());
}

TEST_F(Expectations, AServerFindsTheClientThatWaitsForIt) {
    ASSERT_TRUE(table.expect(active("203.0.113.1:5001", "10.1.0.11:20"), start, timeout));
    const auto serve = [&](const char* server, const char* client) {
        return table.take_for_server(Protocol::tcp, at(server), at(client), start, any).has_value();
    };
    EXPECT_FALSE(serve("10.1.0.11:20", "203.0.113.1:5002"));
    EXPECT_FALSE(serve("10.1.0.12:20", "203.0.113.1:5001"));
    EXPECT_FALSE(serve("10.1.0.11:21", "203.0.113.1:5001"));
    EXPECT_TRUE(serve("10.1.0.11:20", "203.0.113.1:5001"));
    ASSERT_TRUE(table.expect(active("203.0.113.1:5001", "10.1.0.11:0"), start, timeout));
    EXPECT_TRUE(serve("10.1.0.11:1022", "203.0.113.1:5001")) << "any port";
}

TEST_F(Expectations, IPv6ClientsAreFoundAsWell) {
    const Endpoint client = at("[2001:db8::7]:5001");
    const Expectation what{.client = client,
                           .server = at("[2001:db8:2::11]:20"),
                           .shown = at("[2001:db8:1::10]:20"),
                           .dest = DestId(1)};
    ASSERT_TRUE(table.expect(what, start, timeout));
    EXPECT_TRUE(table.take_for_client(Protocol::tcp, client, what.shown, start, any));
}

TEST_F(Expectations, WaitForTheirTimeAndNoLonger) {
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50000")), 50000);
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50000"), after(100)), 50000) << "anew";
    EXPECT_EQ(table.waiting(), 1U);
    EXPECT_TRUE(call("203.0.113.1:4000", 50000, after(219)));
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50001")), 50001);
    EXPECT_FALSE(call("203.0.113.1:4000", 50001, after(120)));
    EXPECT_FALSE(table.waits());
}

TEST_F(Expectations, SweepGivesFreeWhatNobodyAsksFor) {
    for (int i = 1; i <= 8; ++i)
        EXPECT_TRUE(table.expect(
            active(("203.0.113." + std::to_string(i) + ":5001").c_str(), "10.1.0.11:20"), start,
            timeout));
    table.sweep(0, 64, after(119));
    EXPECT_EQ(table.waiting(), 8U);
    table.sweep(0, 64, after(120));
    EXPECT_FALSE(table.any());
}

TEST_F(Expectations, ThePortOfAnotherServerIsNotShownToTheSameClient) {
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50000")), 50000);
    const int other = offer(passive("203.0.113.1:0", "10.1.0.12:50000"));
    EXPECT_NE(other, 50000);
    EXPECT_GE(other, 1024);
    EXPECT_EQ(offer(passive("203.0.113.2:0", "10.1.0.12:50000")), 50000) << "another client";
    const auto first = call("203.0.113.1:4000", 50000);
    ASSERT_TRUE(first);
    EXPECT_NE(offer(passive("203.0.113.1:0", "10.1.0.13:50000")), 50000) << "in use";
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50000")), 50000) << "the same server";
    const auto second = call("203.0.113.1:4001", other);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->what.server, at("10.1.0.12:50000"));
}

TEST_F(Expectations, ServersPortsOutsideTheRangeAreShownAsOthersOfIt) {
    const PortRange range{port(40000), port(40003)};
    std::set<int> shown;
    for (int i = 1; i <= 4; ++i)
        shown.insert(
            offer(passive("203.0.113.1:0", ("10.1.0.11:" + std::to_string(50000 + i)).c_str()),
                  start, range));
    EXPECT_EQ(shown, (std::set<int>{40000, 40001, 40002, 40003}));
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50009"), start, range), 0) << "all taken";
    EXPECT_EQ(table.waiting(), 4U);
}

TEST_F(Expectations, PortsThatAreNotFreeAreNotShown) {
    const auto given = table.offer(passive("203.0.113.1:0", "10.1.0.11:8080"), unprivileged, start,
                                   timeout, [](L4Port p) { return p != port(8080); });
    ASSERT_TRUE(given);
    EXPECT_NE(given->value(), 8080);
}

TEST_F(Expectations, AControlConnectionAndAClientHaveLimits) {
    for (int i = 0; i < 8; ++i)
        EXPECT_NE(
            offer(passive("203.0.113.1:0", ("10.1.0.11:" + std::to_string(5000 + i)).c_str())), 0);
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:6000")), 0) << "of one control connection";
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:6000"), after(120)), 6000) << "time passed";

    ExpectationTable small(64, 8, 7, {.per_client = 2, .per_control = 8, .list = 3});
    control = no_control;
    EXPECT_TRUE(small.expect(active("203.0.113.1:1", "10.1.0.11:20"), start, timeout));
    EXPECT_TRUE(small.expect(active("203.0.113.1:2", "10.1.0.11:20"), start, timeout));
    EXPECT_FALSE(small.expect(active("203.0.113.1:3", "10.1.0.11:20"), start, timeout));
    EXPECT_TRUE(small.expect(active("203.0.113.2:3", "10.1.0.11:20"), start, timeout));
    const auto use = [&](const char* client) {
        return small.take_for_server(Protocol::tcp, at("10.1.0.11:20"), at(client), start, any);
    };
    EXPECT_TRUE(use("203.0.113.1:1"));
    EXPECT_TRUE(use("203.0.113.1:2"));
    EXPECT_TRUE(small.expect(active("203.0.113.1:3", "10.1.0.11:20"), start, timeout));
    EXPECT_FALSE(small.expect(active("203.0.113.1:4", "10.1.0.11:20"), start, timeout))
        << "with those in use";
}

TEST_F(Expectations, AFullTableRefuses) {
    ExpectationTable small(2, 1, 7);
    control = no_control;
    EXPECT_TRUE(small.expect(active("203.0.113.1:1", "10.1.0.11:20"), start, timeout));
    EXPECT_TRUE(small.expect(active("203.0.113.2:1", "10.1.0.11:20"), start, timeout));
    EXPECT_FALSE(small.expect(active("203.0.113.3:1", "10.1.0.11:20"), start, timeout));
    EXPECT_NE(small.open_control(), no_control);
    EXPECT_EQ(small.open_control(), no_control);
}

TEST_F(Expectations, WhatAControlConnectionAnnouncedEndsWithIt) {
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50000")), 50000);
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50001")), 50001);
    const auto taken = call("203.0.113.1:4000", 50000);
    table.close_control(control);
    EXPECT_FALSE(call("203.0.113.1:4001", 50001));
    EXPECT_EQ(table.waiting(), 0U);
    EXPECT_EQ(table.in_use(), 1U) << "what lives goes on";
    ASSERT_TRUE(taken);
    table.release(taken->ref, start);
    EXPECT_EQ(table.open_control(), control) << "the link is free again";
}

TEST_F(Expectations, ALinkKnowsWhenTheLastDataConnectionEnded) {
    EXPECT_EQ(table.last_data(control, start), std::nullopt);
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50000")), 50000);
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50001")), 50001);
    EXPECT_EQ(table.last_data(control, start), std::nullopt) << "it only waits";
    const auto first = call("203.0.113.1:4000", 50000);
    const auto second = call("203.0.113.1:4001", 50001);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(table.last_data(control, after(7)), after(7));
    table.release(second->ref, after(8));
    EXPECT_EQ(table.last_data(control, after(9)), after(9));
    table.release(first->ref, after(10));
    EXPECT_EQ(table.last_data(control, after(99)), after(10));
}

TEST_F(Expectations, WhoAnnouncesTheSameAgainHasItFromThenOn) {
    const ControlRef second = table.open_control();
    EXPECT_EQ(offer(passive("203.0.113.1:0", "10.1.0.11:50000")), 50000);
    auto again = passive("203.0.113.1:0", "10.1.0.11:50000");
    again.control = second;
    EXPECT_EQ(offer(again), 50000);
    EXPECT_EQ(table.waiting(), 1U);
    table.close_control(control);
    EXPECT_TRUE(call("203.0.113.1:4000", 50000)) << "of the second one";
    EXPECT_EQ(table.last_data(second, after(1)), after(1));
}

TEST_F(Expectations, WhatAnotherServerAnnouncesByTheSameAddressIsItsOwn) {
    // With direct routing all servers call from the virtual address.
    Expectation what = active("203.0.113.1:5001", "192.0.2.10:20");
    what.method = ForwardMethod::direct;
    ASSERT_TRUE(table.expect(what, start, timeout));
    what.dest = DestId(4);
    ASSERT_TRUE(table.expect(what, start, timeout));
    EXPECT_EQ(table.waiting(), 1U);
    const auto taken = call("203.0.113.1:5001", 20);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->what.dest, DestId(4));
    // A server that was taken out and came back has the same endpoint, and another place.
    Expectation passively = passive("203.0.113.1:0", "10.1.0.11:50000");
    EXPECT_EQ(offer(passively), 50000);
    passively.dest = DestId(5);
    EXPECT_EQ(offer(passively), 50000);
    const auto called = call("203.0.113.1:4000", 50000);
    ASSERT_TRUE(called);
    EXPECT_EQ(called->what.dest, DestId(5));
}

TEST_F(Expectations, ThreadsLeaveNothingBehind) {
    constexpr int rounds = 20000;
    ExpectationTable shared(256, 16, 7);
    const auto work = [&](int id) {
        const ControlRef own = shared.open_control();
        for (int i = 0; i < rounds; ++i) {
            // Two threads share each client.
            const std::string client = "203.0.113." + std::to_string(id / 2) + ":0";
            Expectation what{.client = {at(client.c_str()).address, {}},
                             .server = {at("10.1.0.11:0").address, port(2000 + id)},
                             .shown = {at("192.0.2.10:0").address, {}},
                             .dest = DestId(1),
                             .control = own};
            const auto shown = shared.offer(what, unprivileged, start, timeout, is_free);
            ASSERT_TRUE(shown);
            if (i % 3 == 0) continue;
            const auto taken = shared.take_for_client(Protocol::tcp, {what.client.address, port(9)},
                                                      {what.shown.address, *shown}, start, any);
            ASSERT_TRUE(taken);
            EXPECT_EQ(taken->what.server, what.server);
            shared.release(taken->ref, start);
        }
        shared.close_control(own);
    };
    std::vector<std::thread> threads;
    for (int id = 0; id < 4; ++id) threads.emplace_back(work, id);
    for (auto& thread : threads) thread.join();
    shared.sweep(0, 256, start);
    EXPECT_FALSE(shared.any());
    std::set<ControlRef> links;
    for (int i = 0; i < 16; ++i) links.insert(shared.open_control());
    EXPECT_EQ(links.size(), 16U);
    EXPECT_FALSE(links.contains(no_control));
}

}  // namespace
}  // namespace shunt
