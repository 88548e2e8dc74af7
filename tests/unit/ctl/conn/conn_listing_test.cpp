// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/conn/conn_listing.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <memory>
#include <set>

#include "support/connections.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;
using namespace test;

struct Answer {
    ConnectionList list;
    std::optional<RpcError> error;
    int calls = 0;
};

ConnectionLister::Done<ConnectionList> into(Answer& answer) {
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
    ConnectionLister lister(io, 3, false, [&](WorkerId w, ConnectionRequest& page) {
        workers.at(w.value()).serve(page);
        return true;
    });
    std::set<std::uint16_t> seen;
    std::optional<ListPosition> at = ListPosition{};
    int pages = 0;
    while (at && ++pages < 100) {
        Answer answer;
        lister.list(everything, *at, 5, into(answer));
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
    tables.affinity = std::make_unique<AffinityTable>(8, 4, 1);
    tables.services = ServiceTable({}, {{.endpoint = *parse_endpoint("10.1.0.11:80"),
                                         .forward = ForwardMethod::nat,
                                         .tunnel = {},
                                         .virtual_address = {}}});
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
        const auto found = tables.affinity->take_or_make(key, lease, start, judge);
        ASSERT_TRUE(found);
        if (last == 7) tables.affinity->assure(found->ref);
        static_cast<void>(tables.affinity->take(key, start, judge));
    };
    make(7, Protocol::tcp, AffinityTable::Verdict::usable);
    make(8, Protocol::udp, AffinityTable::Verdict::unusable);
    make(9, Protocol::none, AffinityTable::Verdict::usable);
    ConnectionLister lister(io, 1, true, [&](WorkerId, ConnectionRequest& request) {
        tables.serve(request);
        return true;
    });
    std::vector<std::string> seen;
    std::optional<ListPosition> at = ListPosition{};
    for (int pages = 0; at && pages < 10; ++pages) {
        Answer answer;
        lister.list(everything, *at, 2, into(answer));
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
    ConnectionLister lister(io, 1, false, [&](WorkerId, ConnectionRequest& page) {
        if (refusals-- > 0) return false;
        tables.serve(page);
        return true;
    });
    Answer answer;
    lister.list(everything, {}, 5, into(answer));
    io.run();
    EXPECT_EQ(answer.list.rows.size(), 1U);
    EXPECT_EQ(refusals, -1);
}

TEST(ConnectionLister, ASlowWorkersPageEndsEarlyWithACursor) {
    boost::asio::io_context io;
    Tables tables;
    for (std::uint16_t i = 0; i < 1000; ++i)
        tables.v4.insert(conn4(static_cast<std::uint16_t>(1000 + i)));
    ConnectionRequest* held = nullptr;
    ConnectionLister lister(
        io, 2, false, [&](WorkerId, ConnectionRequest& page) { return (held = &page) != nullptr; },
        impatient);
    Answer answer;
    lister.list(everything, {}, 5000, into(answer));
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
    ConnectionRequest* held = nullptr;
    ConnectionLister lister(
        io, 1, false, [&](WorkerId, ConnectionRequest& page) { return (held = &page) != nullptr; },
        impatient);
    Answer answer;
    lister.list(everything, {}, 5, into(answer));
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
    lister.list(everything, {}, 5, into(second));
    tables.serve(*held);
    io.run();
    EXPECT_EQ(second.list.rows.size(), 1U);
}

TEST(ConnectionLister, ACountGoesOnWhereASlowWorkerPaused) {
    boost::asio::io_context io;
    Tables tables;
    for (std::uint16_t i = 0; i < 1000; ++i) tables.v4.insert(conn4(i));
    int posted = 0;
    ConnectionRequest* held = nullptr;
    ConnectionLister lister(
        io, 1, false,
        [&](WorkerId, ConnectionRequest& request) {
            ++posted;
            held = &request;
            if (posted > 1) tables.serve(request);
            return true;
        },
        impatient);
    std::optional<ConnectionTally> tally;
    lister.count(everything, [&](ConnectionTally counted, const std::optional<RpcError>& error) {
        EXPECT_FALSE(error);
        tally = counted;
    });
    EXPECT_FALSE(tables.step(*held));
    io.run_for(30ms);
    EXPECT_TRUE(tables.step(*held)) << "told to end";
    held->finish();
    io.run();
    EXPECT_EQ(posted, 2);
    EXPECT_EQ(tally, (ConnectionTally{.connections = 1000, .templates = 0}));
}

TEST(ConnectionLister, AFlushThatIsGivenUpEndsNothingMore) {
    boost::asio::io_context io;
    Tables tables;
    for (std::uint16_t i = 0; i < 100; ++i) tables.v4.insert(conn4(i));
    ConnectionRequest* held = nullptr;
    ConnectionLister lister(
        io, 1, false,
        [&](WorkerId, ConnectionRequest& request) { return (held = &request) != nullptr; },
        {.poll = 1ms, .page = 1000ms, .worker = 20ms});
    int error_number = 0;
    lister.flush(everything, [&](ConnectionTally, const std::optional<RpcError>& error) {
        ASSERT_TRUE(error);
        error_number = error->error_number();
    });
    io.run();
    EXPECT_EQ(error_number, ETIMEDOUT);
    tables.serve(*held);
    EXPECT_EQ(tables.v4.size(), 100U);
}

}  // namespace
}  // namespace shunt::ctl
