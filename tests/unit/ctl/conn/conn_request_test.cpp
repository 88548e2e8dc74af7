// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/conn/conn_request.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "support/connections.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;
using namespace test;

TEST(ListPosition, SurvivesItsText) {
    const ListPosition p{.worker = WorkerId(3), .family = Family::ipv6, .slot = 4'294'967'295U};
    EXPECT_EQ(to_string(p), "6:3:4294967295");
    EXPECT_EQ(parse_list_position("6:3:4294967295", 4), p);
    EXPECT_EQ(parse_list_position("4:0:0", 1), ListPosition{});
    const ListPosition t{.worker = {}, .slot = 7, .templates = true};
    EXPECT_EQ(to_string(t), "t:7");
    EXPECT_EQ(parse_list_position("t:7", 1), t);
}

TEST(ListPosition, RefusesAnythingElse) {
    for (const auto* const text :
         {"",          "4",       "4:0",    "4:0:",   ":0:0",         "4::0",
          "5:0:0",     "44:0:0",  "4:2:0",  "4:-1:0", "4:0:-1",       "4:0:4294967296",
          "4:65536:0", "4:0:0:0", " 4:0:0", "4:0:0 ", "4:0:1e3",      "4:+1:0",
          "t",         "t:",      "t:x",    "t:0:0",  "t:4294967296", "T:0"})
        EXPECT_FALSE(parse_list_position(text, 2)) << text;
}

TEST(ConnectionPage, CopiesWhatAListingShows) {
    Tables tables;
    tables.v4.insert(conn4(40000));
    tables.v6.insert(conn6(50000));
    ConnectionPage page(everything, {.worker = WorkerId(5)}, 10);
    tables.serve(page);
    ASSERT_EQ(rows_of(page).size(), 2U);
    const auto rows = rows_of(page);
    const auto& tcp = rows[0];
    EXPECT_EQ(tcp.protocol, Protocol::tcp);
    EXPECT_EQ(to_string(tcp.client), "198.51.100.7:40000");
    EXPECT_EQ(to_string(tcp.virtual_service), "192.0.2.10:80");
    EXPECT_EQ(to_string(tcp.server), "10.1.0.1:8080");
    EXPECT_EQ(state_name(tcp), "ESTABLISHED");
    EXPECT_EQ(tcp.expires, 900s);
    EXPECT_EQ(tcp.worker, WorkerId(5));
    const auto& udp = rows[1];
    EXPECT_EQ(to_string(udp.client), "[2001:db8::7]:50000");
    EXPECT_EQ(to_string(udp.virtual_service), "[2001:db8::10]:53");
    EXPECT_EQ(to_string(udp.server), "[fd00::1]:5353");
    EXPECT_EQ(state_name(udp), "UDP");
    EXPECT_EQ(page.next(), std::nullopt);
}

TEST(ConnectionPage, AServerIsWherePacketsOfTheConnectionGo) {
    Tables tables;
    std::vector<ServiceTable::DestSlot> slots(2);
    slots[0] = {.available = false,
                .endpoint = parse_endpoint("10.1.0.9:7").value(),
                .tunnel = {},
                .virtual_address = {},
                .in_use = true};
    slots[1] = {.endpoint = parse_endpoint("[fd00::9]:80").value(),
                .tunnel = {},
                .virtual_address = {},
                .in_use = true};
    tables.services = ServiceTable({}, slots);
    const auto add = [&](std::uint16_t port, ForwardMethod method, std::uint32_t dest) {
        auto c = conn4(port);
        c.method = method;
        c.dest = DestId(dest);
        if (method == ForwardMethod::nat) {
            tables.v4.insert(c);
            return;
        }
        c.real = c.virtual_address;
        c.real_port = c.virtual_port;
        tables.v4.insert(c);
    };
    add(1, ForwardMethod::nat, 1);
    add(2, ForwardMethod::direct, 0);
    add(3, ForwardMethod::tunnel, 1);
    add(4, ForwardMethod::bypass, 4711);
    ConnectionPage page(everything, {}, 10);
    tables.serve(page);
    std::string listed;
    for (const auto& row : rows_of(page))
        listed += std::to_string(port_of(row)) + '/' +
                  std::to_string(static_cast<int>(row.method)) + ' ' + to_string(row.server) + ", ";
    EXPECT_EQ(listed, "1/0 10.1.0.1:8080, 2/3 10.1.0.9:80, 3/2 [fd00::9]:80, 4/4 192.0.2.10:80, ");
}

TEST(ConnectionPage, EachProtocolHasItsStates) {
    const auto name = [](Protocol protocol, auto state) {
        ConnectionRow row;
        row.protocol = protocol;
        row.state = static_cast<std::uint8_t>(state);
        return state_name(row);
    };
    EXPECT_EQ(name(Protocol::tcp, TcpState::fin_wait), "FIN_WAIT");
    EXPECT_EQ(name(Protocol::sctp, SctpState::cookie_echoed),
              sctp_state_name(SctpState::cookie_echoed));
    EXPECT_EQ(name(Protocol::udp, 0), "UDP");
}

TEST(ConnectionPage, TimeLeftIsRoundedDownAndNeverNegative) {
    Tables tables;
    tables.v4.insert(conn4(1));
    for (const auto& [later, left] : {std::pair(1U, 899),
                                      {9U, 899},
                                      {10U, 899},
                                      {11U, 898},
                                      {8991U, 0},
                                      {9000U, 0},
                                      {10'000U, 0}}) {
        ConnectionPage page(everything, {}, 10);
        tables.serve(page, start + Ticks(later));
        ASSERT_EQ(rows_of(page).size(), 1U);
        EXPECT_EQ(rows_of(page)[0].expires, std::chrono::seconds(left)) << later;
    }
}

TEST(ConnectionPage, StopsWhenFullAndSaysWhereToGoOn) {
    Tables tables;
    for (std::uint16_t i = 0; i < 10; ++i)
        tables.v4.insert(conn4(static_cast<std::uint16_t>(1000 + i)));
    for (std::uint16_t i = 0; i < 10; ++i)
        tables.v6.insert(conn6(static_cast<std::uint16_t>(2000 + i)));
    std::multiset<std::uint16_t> seen;
    std::optional<ListPosition> at = ListPosition{};
    int pages = 0;
    for (; at && pages < 100; ++pages) {
        ConnectionPage page(everything, *at, 3);
        tables.serve(page);
        ASSERT_LE(rows_of(page).size(), 3U);
        for (const auto& row : rows_of(page)) seen.insert(port_of(row));
        at = page.next();
    }
    EXPECT_EQ(pages, 7);
    EXPECT_EQ(seen.size(), 20U);
    for (std::uint16_t i = 0; i < 10; ++i) {
        EXPECT_EQ(seen.count(static_cast<std::uint16_t>(1000 + i)), 1U);
        EXPECT_EQ(seen.count(static_cast<std::uint16_t>(2000 + i)), 1U);
    }
}

TEST(ConnectionPage, AStepLooksAtABoundedNumberOfSlots) {
    Tables tables;
    for (std::uint16_t i = 0; i < 1000; ++i)
        tables.v4.insert(conn4(static_cast<std::uint16_t>(1000 + i)));
    ConnectionPage page(everything, {}, 10'000);
    EXPECT_FALSE(tables.step(page));
    EXPECT_EQ(rows_of(page).size(), 256U);
    tables.serve(page);
    EXPECT_EQ(tables.steps, 5) << "the other three quarters, then the IPv6 table";
    EXPECT_EQ(rows_of(page).size(), 1000U);
}

TEST(ConnectionPage, APositionBeyondTheTableIsItsEnd) {
    Tables tables;
    tables.v4.insert(conn4(1));
    ConnectionPage page(everything, {.worker = {}, .family = Family::ipv4, .slot = 0xFFFFFFFF}, 10);
    tables.serve(page);
    EXPECT_TRUE(rows_of(page).empty());
    EXPECT_EQ(page.next(), std::nullopt);
    ConnectionPage last(everything, {.worker = {}, .family = Family::ipv6, .slot = 0xFFFFFFFF}, 10);
    tables.serve(last);
    EXPECT_EQ(last.next(), std::nullopt);
}

TEST(ConnectionPage, EndsEarlyWhereItIs) {
    Tables tables;
    for (std::uint16_t i = 0; i < 1000; ++i)
        tables.v4.insert(conn4(static_cast<std::uint16_t>(1000 + i)));
    ConnectionPage page(everything, {}, 10'000);
    EXPECT_FALSE(tables.step(page));
    page.end_early();
    EXPECT_TRUE(tables.step(page));
    EXPECT_EQ(rows_of(page).size(), 256U);
    EXPECT_EQ(page.next(), (ListPosition{.worker = {}, .family = Family::ipv4, .slot = 256}));
}

TEST(ConnectionPage, HasOnlyWhatMatches) {
    Tables tables;
    for (std::uint16_t i = 0; i < 600; ++i)
        tables.v4.insert(conn4(i, i % 3 == 0 ? Protocol::udp : Protocol::tcp));
    const auto filter =
        std::make_shared<const ConnectionFilter>(ConnectionFilter{.protocol = Protocol::udp});
    ConnectionPage page(filter, {}, 150);
    tables.serve(page);
    const auto rows = rows_of(page);
    ASSERT_EQ(rows.size(), 150U);
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(port_of(rows[i]), 3 * i);
    EXPECT_EQ(page.next(), (ListPosition{.worker = {}, .family = Family::ipv4, .slot = 448}));
    EXPECT_EQ(tables.steps, 2);
}

TEST(ConnectionCount, CountsConnectionsAndTemplates) {
    Tables tables;
    for (std::uint16_t i = 0; i < 1000; ++i) tables.v4.insert(conn4(i));
    for (std::uint16_t i = 0; i < 10; ++i) tables.v6.insert(conn6(i));
    ConnectionCount connections(everything, {});
    tables.serve(connections);
    EXPECT_EQ(connections.tally(), (ConnectionTally{.connections = 1010, .templates = 0}));
    EXPECT_EQ(connections.next(), std::nullopt);
    ConnectionCount templates(everything, template_at(0));
    tables.serve(templates);
    EXPECT_EQ(templates.tally(), ConnectionTally{}) << "there are none";
    EXPECT_EQ(templates.next(), std::nullopt);
}

TEST(ConnectionFlush, EndsABoundedNumberAStep) {
    Tables tables;
    for (std::uint16_t i = 0; i < 300; ++i)
        tables.v4.insert(conn4(i, i % 3 == 0 ? Protocol::udp : Protocol::tcp));
    tables.v6.insert(conn6(1));
    const auto filter =
        std::make_shared<const ConnectionFilter>(ConnectionFilter{.protocol = Protocol::udp});
    ConnectionFlush flush(filter, {});
    EXPECT_FALSE(tables.step(flush));
    EXPECT_EQ(tables.v4.size(), 300U - ConnectionFlush::ended_a_step);
    tables.serve(flush);
    EXPECT_EQ(flush.tally().connections, 101U);
    EXPECT_EQ(tables.v4.size(), 200U);
    EXPECT_EQ(tables.v6.size(), 0U);
    tables.v4.for_each(0, 300, [](const Conn<Ipv4>& c) { EXPECT_EQ(c.protocol, Protocol::tcp); });
    EXPECT_EQ(tables.v4.find(conn4(3, Protocol::udp).tuple(Direction::from_client)).conn, nullptr);
    EXPECT_NE(tables.v4.find(conn4(4).tuple(Direction::from_client)).conn, nullptr);
}

TEST(ConnectionFlush, StopsWhenToldToEnd) {
    Tables tables;
    for (std::uint16_t i = 0; i < 300; ++i) tables.v4.insert(conn4(i));
    ConnectionFlush flush(everything, {});
    EXPECT_FALSE(tables.step(flush));
    flush.end_early();
    EXPECT_TRUE(tables.step(flush));
    EXPECT_EQ(tables.v4.size(), 300U - ConnectionFlush::ended_a_step);
    EXPECT_EQ(flush.next(),
              (ListPosition{
                  .worker = {}, .family = Family::ipv4, .slot = ConnectionFlush::ended_a_step}));
}

TEST(ConnectionSearch, FindsTheClientsSideOnly) {
    Tables tables;
    tables.v4.insert(conn4(40000));
    tables.v6.insert(conn6(50000));
    const auto found = [&](const ClientTuple& tuple) {
        ConnectionSearch search(tuple, WorkerId(3));
        tables.serve(search);
        return search.found();
    };
    const auto row = found(conn4(40000).tuple(Direction::from_client));
    ASSERT_TRUE(row);
    EXPECT_EQ(to_string(row->client), "198.51.100.7:40000");
    EXPECT_EQ(to_string(row->server), "10.1.0.1:8080");
    EXPECT_EQ(row->worker, WorkerId(3));
    EXPECT_TRUE(found(conn6(50000).tuple(Direction::from_client)));
    EXPECT_FALSE(found(conn4(40001).tuple(Direction::from_client)));
    EXPECT_FALSE(found(conn4(40000, Protocol::udp).tuple(Direction::from_client)));
    EXPECT_FALSE(found(conn4(40000).tuple(Direction::from_server)));
}

}  // namespace
}  // namespace shunt::ctl
