// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/conn_listing.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <deque>
#include <memory>
#include <set>

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

constexpr TickTime start{Ticks(1000)};

Conn<Ipv4> conn4(std::uint16_t port, Protocol protocol = Protocol::tcp) {
    Conn<Ipv4> c;
    c.client = parse_address("198.51.100.7")->v4();
    c.virtual_address = parse_address("192.0.2.10")->v4();
    c.real = parse_address("10.1.0.1")->v4();
    c.client_port = L4Port(port);
    c.virtual_port = L4Port(std::uint16_t{80});
    c.real_port = L4Port(std::uint16_t{8080});
    c.protocol = protocol;
    c.state = protocol == Protocol::tcp ? static_cast<std::uint8_t>(TcpState::established) : 0;
    c.expires = start + 900s;
    return c;
}

Conn<Ipv6> conn6(std::uint16_t port) {
    Conn<Ipv6> c;
    c.client = parse_address("2001:db8::7")->v6();
    c.virtual_address = parse_address("2001:db8::10")->v6();
    c.real = parse_address("fd00::1")->v6();
    c.client_port = L4Port(port);
    c.virtual_port = L4Port(std::uint16_t{53});
    c.real_port = L4Port(std::uint16_t{5353});
    c.protocol = Protocol::udp;
    c.expires = start + 300s;
    return c;
}

/// The two tables of a worker.
struct Tables {
    ConnTable<Ipv4> v4{4096, 1, start};
    ConnTable<Ipv6> v6{4096, 1, start};
    ServiceTable services;
    int steps = 0;

    bool step(ConnectionPage& page, TickTime now = start) {
        ++steps;
        return page.step(v4, v6, services, now);
    }
    void serve(ConnectionPage& page, TickTime now = start) {
        while (steps < 100'000 && !step(page, now)) {
        }
        page.finish();
    }
};

std::uint16_t port_of(const ConnectionRow& row) {
    return row.client.port.value();
}

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
    ConnectionPage page({.worker = WorkerId(5)}, 10);
    tables.serve(page);
    ASSERT_EQ(page.rows().size(), 2U);
    const auto& tcp = page.rows()[0];
    EXPECT_EQ(tcp.protocol, Protocol::tcp);
    EXPECT_EQ(to_string(tcp.client), "198.51.100.7:40000");
    EXPECT_EQ(to_string(tcp.virtual_service), "192.0.2.10:80");
    EXPECT_EQ(to_string(tcp.server), "10.1.0.1:8080");
    EXPECT_EQ(state_name(tcp), "ESTABLISHED");
    EXPECT_EQ(tcp.expires, 900s);
    EXPECT_EQ(tcp.worker, WorkerId(5));
    const auto& udp = page.rows()[1];
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
    ConnectionPage page({}, 10);
    tables.serve(page);
    std::string listed;
    for (const auto& row : page.rows())
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
        ConnectionPage page({}, 10);
        tables.serve(page, start + Ticks(later));
        ASSERT_EQ(page.rows().size(), 1U);
        EXPECT_EQ(page.rows()[0].expires, std::chrono::seconds(left)) << later;
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
        ConnectionPage page(*at, 3);
        tables.serve(page);
        ASSERT_LE(page.rows().size(), 3U);
        for (const auto& row : page.rows()) seen.insert(port_of(row));
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
    ConnectionPage page({}, 10'000);
    EXPECT_FALSE(tables.step(page));
    EXPECT_EQ(page.rows().size(), 256U);
    tables.serve(page);
    EXPECT_EQ(tables.steps, 5) << "the other three quarters, then the IPv6 table";
    EXPECT_EQ(page.rows().size(), 1000U);
}

TEST(ConnectionPage, APositionBeyondTheTableIsItsEnd) {
    Tables tables;
    tables.v4.insert(conn4(1));
    ConnectionPage page({.worker = {}, .family = Family::ipv4, .slot = 0xFFFFFFFF}, 10);
    tables.serve(page);
    EXPECT_TRUE(page.rows().empty());
    EXPECT_EQ(page.next(), std::nullopt);
    ConnectionPage last({.worker = {}, .family = Family::ipv6, .slot = 0xFFFFFFFF}, 10);
    tables.serve(last);
    EXPECT_EQ(last.next(), std::nullopt);
}

TEST(ConnectionPage, EndsEarlyWhereItIs) {
    Tables tables;
    for (std::uint16_t i = 0; i < 1000; ++i)
        tables.v4.insert(conn4(static_cast<std::uint16_t>(1000 + i)));
    ConnectionPage page({}, 10'000);
    EXPECT_FALSE(tables.step(page));
    page.end_early();
    EXPECT_TRUE(tables.step(page));
    EXPECT_EQ(page.rows().size(), 256U);
    EXPECT_EQ(page.next(), (ListPosition{.worker = {}, .family = Family::ipv4, .slot = 256}));
}

// The lister.

struct Answer {
    ConnectionList list;
    std::optional<RpcError> error;
    int calls = 0;
};

ConnectionLister::Done into(Answer& answer) {
    return [&answer](ConnectionList list, std::optional<RpcError> error) {
        answer.list = std::move(list);
        answer.error = std::move(error);
        ++answer.calls;
    };
}

constexpr ConnectionLister::Patience impatient{.poll = 1ms, .page = 20ms, .worker = 60ms};

TEST(ConnectionLister, WalksAllWorkersPageByPage) {
    boost::asio::io_context io;
    std::array<Tables, 3> workers;
    std::uint16_t port = 1000;
    for (auto& w : workers)
        for (int i = 0; i < 7; ++i) w.v4.insert(conn4(port++));
    workers[1].v6.insert(conn6(60000));
    ConnectionLister lister(io, 3, [&](WorkerId w, ConnectionPage& page) {
        workers.at(w.value()).serve(page);
        return true;
    });
    std::set<std::uint16_t> seen;
    std::optional<ListPosition> at = ListPosition{};
    int pages = 0;
    while (at && ++pages < 100) {
        Answer answer;
        lister.list(*at, 5, into(answer));
        EXPECT_EQ(answer.calls, 0) << "later, never at once";
        io.restart();
        io.run();
        ASSERT_EQ(answer.calls, 1);
        ASSERT_FALSE(answer.error);
        ASSERT_LE(answer.list.rows.size(), 5U);
        for (const auto& row : answer.list.rows) {
            EXPECT_TRUE(seen.insert(port_of(row)).second);
            const auto expected = row.protocol == Protocol::tcp ? (port_of(row) - 1000) / 7 : 1;
            EXPECT_EQ(row.worker.value(), expected);
        }
        at = answer.list.next;
    }
    EXPECT_EQ(seen.size(), 22U);
    EXPECT_EQ(pages, 5);
}

TEST(ConnectionLister, TemplatesComeLast) {
    boost::asio::io_context io;
    Tables tables;
    for (std::uint16_t i = 0; i < 3; ++i) tables.v4.insert(conn4(i));
    SharedState shared;
    shared.tsc_per_tick = UINT64_MAX;
    shared.affinity = std::make_unique<AffinityTable>(8, 4, 1);
    Publisher publisher(shared);
    publisher.set_services(std::make_shared<const ServiceTable>(
        std::vector<std::shared_ptr<const VirtualService>>{},
        std::vector<ServiceTable::DestSlot>{{.endpoint = *parse_endpoint("10.1.0.11:80"),
                                             .forward = ForwardMethod::nat,
                                             .tunnel = {},
                                             .virtual_address = {}}}));
    const auto make = [&](std::uint8_t last, Protocol protocol, AffinityTable::Verdict verdict) {
        AffinityKey key{};
        key.client = {198, 51, 100, last};
        key.service = protocol == Protocol::none ? std::array<std::uint8_t, 16>{0, 0, 0, 7}
                                                 : std::array<std::uint8_t, 16>{192, 0, 2, 10};
        key.port = L4Port(std::uint16_t{80});
        key.protocol = protocol;
        const AffinityTable::Lease lease{
            .dest = DestId(0), .port = L4Port(std::uint16_t{8080}), .timeout = Ticks(3005)};
        const auto judge = [&](DestId) { return verdict; };
        const auto found = shared.affinity->take_or_make(key, lease, TickTime(), judge);
        ASSERT_TRUE(found);
        if (last == 7) shared.affinity->assure(found->ref);
        static_cast<void>(shared.affinity->take(key, TickTime(), judge));
    };
    make(7, Protocol::tcp, AffinityTable::Verdict::usable);
    make(8, Protocol::udp, AffinityTable::Verdict::unusable);
    make(9, Protocol::none, AffinityTable::Verdict::usable);
    ConnectionLister lister(
        io, 1,
        [&](WorkerId, ConnectionPage& page) {
            tables.serve(page);
            return true;
        },
        templates_of(shared, publisher));
    std::vector<std::string> seen;
    std::optional<ListPosition> at = ListPosition{};
    for (int pages = 0; at && pages < 10; ++pages) {
        Answer answer;
        lister.list(*at, 2, into(answer));
        io.restart();
        io.run();
        ASSERT_LE(answer.list.rows.size(), 2U);
        for (const auto& row : answer.list.rows)
            if (row.is_template)
                seen.push_back(std::string(to_string(row.protocol)) + ' ' + to_string(row.client) +
                               ' ' + to_string(row.virtual_service) + ' ' + to_string(row.server) +
                               ' ' + std::string(state_name(row)) + ' ' +
                               std::to_string(row.expires.count()));
            else
                seen.push_back(std::to_string(port_of(row)));
        at = answer.list.next;
    }
    const std::vector<std::string> expected{
        "0",
        "1",
        "2",
        "tcp 198.51.100.7:0 192.0.2.10:80 10.1.0.11:8080 ASSURED 300",
        "udp 198.51.100.8:0 192.0.2.10:65535 10.1.0.11:65535 NONE 300",
        "none 198.51.100.9:0 0.0.0.7:80 10.1.0.11:8080 NONE 300"};
    EXPECT_EQ(seen, expected);
}

TEST(ConnectionLister, TriesAgainWhenARingIsFull) {
    boost::asio::io_context io;
    Tables tables;
    tables.v4.insert(conn4(1));
    int refusals = 3;
    ConnectionLister lister(io, 1, [&](WorkerId, ConnectionPage& page) {
        if (refusals-- > 0) return false;
        tables.serve(page);
        return true;
    });
    Answer answer;
    lister.list({}, 5, into(answer));
    io.run();
    EXPECT_EQ(answer.list.rows.size(), 1U);
    EXPECT_EQ(refusals, -1);
}

TEST(ConnectionLister, ASlowWorkersPageEndsEarlyWithACursor) {
    boost::asio::io_context io;
    Tables tables;
    for (std::uint16_t i = 0; i < 1000; ++i)
        tables.v4.insert(conn4(static_cast<std::uint16_t>(1000 + i)));
    ConnectionPage* held = nullptr;
    ConnectionLister lister(
        io, 2, [&](WorkerId, ConnectionPage& page) { return (held = &page) != nullptr; },
        impatient);
    Answer answer;
    lister.list({}, 5000, into(answer));
    io.run_for(5ms);
    ASSERT_NE(held, nullptr);
    EXPECT_FALSE(tables.step(*held));
    io.run_for(30ms);
    EXPECT_TRUE(tables.step(*held)) << "told to end";
    held->finish();
    io.run();
    ASSERT_EQ(answer.calls, 1);
    ASSERT_FALSE(answer.error);
    EXPECT_EQ(answer.list.rows.size(), 256U);
    EXPECT_EQ(answer.list.next, (ListPosition{.worker = {}, .family = Family::ipv4, .slot = 256}));
}

TEST(ConnectionLister, GivesUpOnAStuckWorkerButKeepsItsRequestAlive) {
    boost::asio::io_context io;
    Tables tables;
    tables.v4.insert(conn4(1));
    ConnectionPage* held = nullptr;
    ConnectionLister lister(
        io, 1, [&](WorkerId, ConnectionPage& page) { return (held = &page) != nullptr; },
        impatient);
    Answer answer;
    lister.list({}, 5, into(answer));
    io.run();
    ASSERT_EQ(answer.calls, 1);
    ASSERT_TRUE(answer.error);
    EXPECT_EQ(answer.error->error_number(), ETIMEDOUT);
    EXPECT_STREQ(answer.error->what(), "worker 0 did not answer within 60 ms");
    // The worker wakes up at last; the sanitizer would see a request that is gone.
    tables.serve(*held);
    EXPECT_TRUE(held->done());

    io.restart();
    Answer second;
    lister.list({}, 5, into(second));
    tables.serve(*held);
    io.run();
    EXPECT_EQ(second.list.rows.size(), 1U);
}

}  // namespace
}  // namespace shunt::ctl
