// SPDX-License-Identifier: BSD-3-Clause
// What a worker tells a sync master, and that it tells and changes nothing without one.
#include "dataplane/sync_offer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/sync_feed.h"
#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using namespace std::chrono_literals;
using H = TcpHeader;

constexpr int client_port = 40000;

class SyncOffer : public ::testing::TestWithParam<Addresses> {
  protected:
    void begin_master(std::uint32_t depth = 64) {
        feeds = std::make_shared<SyncFeeds>();
        for (int i = 0; i < 1; ++i) feeds->feeds.push_back(std::make_unique<SyncFeed>(256, depth));
        bench.sync_feeds = feeds;
        bench.publish();
    }
    void add_service(ForwardMethod method) {
        const int port = method == ForwardMethod::nat ? 8080 : 80;
        bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {a.endpoint(a.server, port)},
                          method);
        bench.publish();
    }
    void client(std::uint8_t flags) {
        bench.put(wan, from_client(a).tcp(client_port, 80, flags).build());
        bench.settle();
    }
    void server(std::uint8_t flags) {
        bench.put(lan, from_server(a).tcp(8080, client_port, flags).build());
        bench.settle();
    }
    void open() {
        client(H::syn);
        server(H::syn | H::ack);
        client(H::ack);
    }
    std::vector<SyncNotice> told() {
        std::vector<SyncNotice> all;
        feeds->feeds[0]->take(1000, [&](const SyncNotice& n) { all.push_back(n); });
        return all;
    }

    Addresses a = GetParam();
    WorkerBench bench;
    std::shared_ptr<SyncFeeds> feeds;
};

TEST_P(SyncOffer, TellsOfTheThirdPacketOfItsClient) {
    add_service(ForwardMethod::nat);
    begin_master();
    open();
    EXPECT_TRUE(told().empty());
    client(H::ack);
    const auto notices = told();
    ASSERT_EQ(notices.size(), 1U);
    const SyncRecord& r = notices[0].record;
    EXPECT_EQ(r.client, parse_endpoint(a.endpoint(a.client, client_port)));
    EXPECT_EQ(r.virtual_service, parse_endpoint(a.endpoint(a.vip, 80)));
    EXPECT_EQ(r.server, parse_endpoint(a.endpoint(a.server, 8080)));
    EXPECT_EQ(r.protocol, Protocol::tcp);
    EXPECT_EQ(r.state, static_cast<std::uint8_t>(TcpState::established));
    EXPECT_EQ(r.flags, 0);
    EXPECT_EQ(r.timeout, 900U);
    EXPECT_EQ(notices[0].dest, DestId(0));
    EXPECT_EQ(notices[0].affinity, no_affinity);
}

TEST_P(SyncOffer, TellsAtOnceOfTheEnd) {
    add_service(ForwardMethod::nat);
    begin_master();
    open();
    client(H::fin | H::ack);
    const auto notices = told();
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].record.state, static_cast<std::uint8_t>(TcpState::close_wait));
    EXPECT_EQ(notices[0].record.flags, sync_flag::inactive);
    EXPECT_EQ(notices[0].record.timeout, 60U);
}

TEST_P(SyncOffer, ServersThatAreNotHeardHaveTheirOwnEndpoint) {
    add_service(ForwardMethod::direct);
    begin_master();
    for (const std::uint8_t flags : {H::syn, H::ack, H::ack}) client(flags);
    const auto notices = told();
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].record.server, parse_endpoint(a.endpoint(a.server, 80)));
    EXPECT_EQ(notices[0].record.flags, 3 | sync_flag::no_output);
}

TEST_P(SyncOffer, AMasterThatBeginsHearsOfConnectionsThatAreThere) {
    add_service(ForwardMethod::nat);
    open();
    for (int i = 0; i < 49; ++i) client(H::ack);
    begin_master();
    EXPECT_TRUE(told().empty());
    client(H::ack);
    client(H::ack);
    EXPECT_EQ(told().size(), 1U) << "53 packets";
}

TEST_P(SyncOffer, AConnectionInTheSlotOfAnotherOneBeginsAnew) {
    add_service(ForwardMethod::nat);
    begin_master();
    open();
    client(H::rst);
    EXPECT_EQ(told().size(), 1U);
    bench.pass(std::chrono::duration<std::uint32_t>(11));
    bench.iterate();
    ASSERT_EQ(bench.connections(), 0U);
    open();
    client(H::rst);
    const auto notices = told();
    ASSERT_EQ(notices.size(), 1U) << "in the same state as the one before";
    EXPECT_EQ(notices[0].record.state, static_cast<std::uint8_t>(TcpState::close));
}

TEST_P(SyncOffer, AFullRingLosesAndCounts) {
    add_service(ForwardMethod::nat);
    bench.tunables.sync_threshold = "0 1";
    begin_master(4);
    open();
    for (int i = 0; i < 9; ++i) client(H::ack);
    EXPECT_EQ(feeds->feeds[0]->told.value(), 3U) << "a ring of 4 holds 3";
    EXPECT_EQ(feeds->feeds[0]->lost.value(), 7U);
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(SyncOffer, ConnectionsNameTheirTemplate) {
    add_service(ForwardMethod::nat);
    bench.services[0].persistence = Persistence{.timeout = 300s, .granularity = 32};
    begin_master();
    open();
    client(H::ack);
    const auto notices = told();
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_NE(notices[0].affinity, no_affinity);
    EXPECT_FALSE(notices[0].template_only);
    bench.tunables.sync_persist_mode = 1;
    bench.publish();
    client(H::fin | H::ack);
    EXPECT_TRUE(told().empty()) << "left to its template";
}

TEST_P(SyncOffer, WithoutAMasterConnectionsGoTheStraightWay) {
    add_service(ForwardMethod::nat);
    open();
    const auto aside = [&] {
        for (const auto* conn :
             {bench.connection<Ipv4>(a.client, client_port, a.vip, 80, Protocol::tcp)})
            if (conn != nullptr) return conn->aside;
        return bench.connection<Ipv6>(a.client, client_port, a.vip, 80, Protocol::tcp)->aside;
    };
    EXPECT_FALSE(aside());
    begin_master();
    client(H::ack);
    EXPECT_TRUE(aside());
    bench.sync_feeds = nullptr;
    bench.publish();
    client(H::ack);
    EXPECT_FALSE(aside());
}

TEST_P(SyncOffer, OnlyABackupLeavesClientsToTheHost) {
    add_service(ForwardMethod::nat);
    open();
    static_cast<void>(bench.sent(lan));
    static_cast<void>(bench.sent(wan));
    bench.sync_backup = true;
    bench.publish();
    client(H::ack);
    EXPECT_EQ(bench.sent(lan).size(), 1U) << "backup_only is 0";
    bench.tunables.backup_only = 1;
    bench.publish();
    client(H::ack);
    bench.put(wan, from_client(a).tcp(client_port + 1, 80, H::syn).build());
    bench.settle();
    EXPECT_EQ(bench.to_host(wan).size(), 2U) << "of a connection, and a new one";
    EXPECT_EQ(bench.sent(lan).size(), 0U);
    EXPECT_EQ(bench.connections(), 1U);
    server(H::ack);
    EXPECT_EQ(bench.sent(wan).size(), 1U) << "servers are served";
}

INSTANTIATE_TEST_SUITE_P(Families, SyncOffer, ::testing::Values(v4, v6),
                         [](const auto& family) { return std::string(family.param.name); });

}  // namespace
}  // namespace shunt
