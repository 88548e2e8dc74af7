// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/connections.h"

#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

/// Does a packet of the client, or the server, take the place of a connection?
class BeginsAnew : public ::testing::Test {
  protected:
    BeginsAnew() {
        conn.protocol = Protocol::tcp;
        meta.tcp_flags = TcpHeader::syn;
        bench.add_usual_services();
    }
    bool anew(TcpState state, Direction direction = Direction::from_client) {
        conn.state = static_cast<std::uint8_t>(state);
        bench.iterate();
        return begins_anew<Ipv4>(bench.worker(), conn, meta, direction);
    }
    void set(std::int64_t Tunables::*tunable, std::uint32_t value) {
        bench.tunables.*tunable = value;
        bench.publish();
    }

    WorkerBench bench;
    Conn<Ipv4> conn;
    PacketMeta meta;
};

TEST_F(BeginsAnew, OnlyASynFromTheClientOfAConnectionThatIsOver) {
    for (std::size_t s = 0; s < tcp_state_count; ++s) {
        const auto state = static_cast<TcpState>(s);
        EXPECT_EQ(anew(state), state == TcpState::time_wait || state == TcpState::close)
            << tcp_state_name(state);
        EXPECT_FALSE(anew(state, Direction::from_server));
    }
    meta.tcp_flags = TcpHeader::syn | TcpHeader::ack;
    EXPECT_TRUE(anew(TcpState::time_wait));
    for (const std::uint8_t flags : {TcpHeader::ack, TcpHeader::fin, TcpHeader::rst}) {
        meta.tcp_flags = flags;
        EXPECT_FALSE(anew(TcpState::time_wait));
    }
    meta.tcp_flags = TcpHeader::syn;
    conn.protocol = Protocol::udp;
    EXPECT_FALSE(anew(TcpState::time_wait));
}

TEST_F(BeginsAnew, AsTheReuseModeSays) {
    set(&Tunables::conn_reuse_mode, 0);
    EXPECT_FALSE(anew(TcpState::time_wait));
    set(&Tunables::conn_reuse_mode, 2);
    EXPECT_TRUE(anew(TcpState::time_wait));
    EXPECT_FALSE(anew(TcpState::fin_wait)) << "the server was heard";
    conn.server_silent = true;
    EXPECT_TRUE(anew(TcpState::fin_wait));
    set(&Tunables::conn_reuse_mode, 1);
    EXPECT_FALSE(anew(TcpState::fin_wait));
}

TEST_F(BeginsAnew, WhenItsServerIsQuiescedAndConnectionsShallNotStay) {
    bench.services[0].servers[0].weight = 0;
    set(&Tunables::expire_nodest_conn, 0);
    EXPECT_FALSE(anew(TcpState::established));
    set(&Tunables::expire_nodest_conn, 1);
    EXPECT_TRUE(anew(TcpState::established));
    bench.services[0].servers[0].weight = 1;
    bench.publish();
    EXPECT_FALSE(anew(TcpState::established));
}

TEST_F(BeginsAnew, SctpByAnInitOfAClosedAssociation) {
    conn.protocol = Protocol::sctp;
    meta.tcp_flags = 0;
    meta.sctp_chunk = SctpChunkHeader::init;
    conn.state = static_cast<std::uint8_t>(SctpState::closed);
    bench.iterate();
    EXPECT_TRUE(begins_anew<Ipv4>(bench.worker(), conn, meta, Direction::from_client));
    conn.state = static_cast<std::uint8_t>(SctpState::established);
    EXPECT_FALSE(begins_anew<Ipv4>(bench.worker(), conn, meta, Direction::from_client));
}

TEST(Connections, AreCountedActiveOnce) {
    WorkerBench bench;
    bench.add_usual_services();
    bench.iterate();
    auto& worker = bench.worker();
    Conn<Ipv4> conn;
    conn.dest = DestId(1);
    worker.counters_of(conn.dest).total.add();
    const auto active = [&] { return bench.dest(1, &DestCounters::active); };
    count_active<Ipv4>(worker, conn, false);
    EXPECT_EQ(active(), 0U);
    count_active<Ipv4>(worker, conn, true);
    count_active<Ipv4>(worker, conn, true);
    EXPECT_EQ(active(), 1U);
    uncount_connection<Ipv4>(worker, conn);
    EXPECT_EQ(active(), 0U);
    EXPECT_EQ(bench.dest(1, &DestCounters::total), 0U);
}

TEST(Connections, EachChangeOfALoadIsCounted) {
    WorkerBench bench({.workers = 2});
    bench.add_usual_services();
    bench.iterate();
    bench.iterate(1);
    auto& worker = bench.worker(1);
    Conn<Ipv4> conn;
    conn.dest = DestId(1);
    const auto changes = [&] { return worker.loads().changes(load_group(conn.dest)); };
    ASSERT_TRUE(worker.loads().counts_changes());
    EXPECT_EQ(worker.loads().self(), WorkerId(1));
    count_connection<Ipv4>(worker, conn);
    EXPECT_EQ(changes(), 1U);
    count_active<Ipv4>(worker, conn, true);
    EXPECT_EQ(changes(), 2U);
    count_active<Ipv4>(worker, conn, true);
    EXPECT_EQ(changes(), 2U);
    uncount_connection<Ipv4>(worker, conn);
    EXPECT_EQ(changes(), 3U);
    EXPECT_EQ(bench.worker(0).loads().changes(load_group(conn.dest)), 3U);
    // The slot of connections without server has its place, too.
    conn.dest = worker.no_server();
    conn.method = ForwardMethod::bypass;
    count_connection<Ipv4>(worker, conn);
    EXPECT_EQ(changes(), 1U);
    uncount_connection<Ipv4>(worker, conn);
}

/// Looks up again what an open connection keeps, after a change.
class RefreshConnection : public ::testing::Test {
  protected:
    RefreshConnection() {
        bench.add_usual_services();
        bench.put(wan, from_client(v4).udp(40000, 80).build());
        bench.settle();
        static_cast<void>(bench.sent(lan));
        conn = bench.connection<Ipv4>(v4.client, 40000, v4.vip, 80, Protocol::udp);
    }
    void refresh() {
        bench.publish();
        bench.iterate();
        refresh_connection<Ipv4>(bench.worker(), *conn);
        EXPECT_EQ(conn->generation, bench.worker().snapshot->generation);
    }
    [[nodiscard]] NextHopIndex hop(Direction d) const {
        return conn->next_hop[static_cast<std::size_t>(d)];
    }
    WorkerBench bench;
    Conn<Ipv4>* conn = nullptr;
};

TEST_F(RefreshConnection, FindsBothNextHops) {
    ASSERT_NE(conn, nullptr);
    refresh();
    const auto& network = bench.worker().network();
    ASSERT_NE(hop(Direction::from_client), no_next_hop);
    ASSERT_NE(hop(Direction::from_server), no_next_hop);
    EXPECT_EQ(network[hop(Direction::from_client)].port, lan);
    EXPECT_EQ(network[hop(Direction::from_server)].port, wan);
}

TEST_F(RefreshConnection, LosesThemWithTheNeighbourOrTheRoute) {
    ASSERT_NE(conn, nullptr);
    bench.network = links();
    bench.network.add_neighbour(wan_link, ip(v4.client), mac(client_mac));
    refresh();
    EXPECT_EQ(hop(Direction::from_client), no_next_hop);
    EXPECT_NE(hop(Direction::from_server), no_next_hop);
    add_neighbours(bench.network);
    bench.network.add_unreachable({ip(v4.client), 32});
    refresh();
    EXPECT_NE(hop(Direction::from_client), no_next_hop);
    EXPECT_EQ(hop(Direction::from_server), no_next_hop);
}

TEST_F(RefreshConnection, SeesWhetherTheServerIsInItsService) {
    ASSERT_NE(conn, nullptr);
    bench.services[1].servers[0].removed = true;
    refresh();
    EXPECT_FALSE(conn->server_available);
    bench.services[1].servers[0].removed = false;
    refresh();
    EXPECT_TRUE(conn->server_available);
    bench.services[1].removed = true;
    refresh();
    EXPECT_FALSE(conn->server_available);
}

}  // namespace
}  // namespace shunt
