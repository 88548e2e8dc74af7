// SPDX-License-Identifier: BSD-3-Clause
// What becomes of new and idle connections while room is short (ipvs-behaviour 2.13, 3.2), and of
// half-open ones.
#include "dataplane/defence.h"

#include "support/admission.h"

namespace shunt {
namespace {

using namespace test;
using namespace std::chrono_literals;

class Defending : public Admission {
  protected:
    explicit Defending(std::uint32_t connections = 256)
        : Admission({.connections = connections, .templates = 16}) {
        add(Protocol::tcp, 80, 8080);
        add(Protocol::udp, 53, 5353);
        bench.publish();
    }
    [[nodiscard]] Frame datagram(std::uint16_t port) const {
        return from_client(a).udp(port, 53).build();
    }
    /// A client's handshake is complete.
    void establish(std::uint16_t port) {
        ASSERT_NE(send(syn(port)), "dropped");
        send(tcp(port, H::ack));
    }
    [[nodiscard]] std::string states() {
        std::string text;
        const auto add_states = [&text](const auto& conn) {
            text += std::to_string(conn.client_port.value()) + ":" +
                    std::string(tcp_state_name(static_cast<TcpState>(conn.state))) + " ";
        };
        bench.worker().conns_v4.for_each(0, 1000, add_states);
        bench.worker().conns_v6.for_each(0, 1000, add_states);
        return text;
    }
    DefenceOrders& orders() { return bench.shared().defence; }
    WorkerCounters& counters() { return bench.counters(); }
};
INSTANTIATE_TEST_SUITE_P(Families, Defending, ::testing::ValuesIn(families), family_name);

TEST_P(Defending, OneOfSoManyNewConnectionsIsRefusedBeginningWithTheFirst) {
    orders().refuse_one_of = 3;
    std::string seen;
    for (std::uint16_t port = 40000; port < 40007; ++port)
        seen += send(syn(port)) == "dropped" ? '-' : '+';
    EXPECT_EQ(seen, "-++-++-");
    EXPECT_EQ(bench.dropped(DropReason::refused_by_defence), 3U);
    EXPECT_NE(send(tcp(40001, H::ack)), "dropped") << "a connection that is there goes on";
    orders().refuse_one_of = 0;
    EXPECT_NE(send(syn(40007)), "dropped");
    EXPECT_NE(send(syn(40008)), "dropped");
}

TEST_P(Defending, CountingBeginsAnewWhenTheControlThreadSaysSo) {
    orders().refuse_one_of = 3;
    orders().recount = 1;
    std::string seen;
    for (std::uint16_t port = 40000; port < 40004; ++port)
        seen += send(syn(port)) == "dropped" ? '-' : '+';
    EXPECT_EQ(seen, "++-+");
}

TEST_P(Defending, WithSecureTcpTheClientAloneEstablishesNothing) {
    establish(40000);
    EXPECT_EQ(states(), "40000:ESTABLISHED ");
    orders().secure_tcp = true;
    send(syn(40001));
    send(tcp(40001, H::ack));
    EXPECT_EQ(states(), "40000:ESTABLISHED 40001:SYN_RECV ");
    bench.put(lan, from_server(a).ip(a.server, a.client).tcp(8080, 40001, H::syn | H::ack).build());
    bench.put(lan,
              from_server(a).ip(a.server2, a.client).tcp(8080, 40001, H::syn | H::ack).build());
    bench.settle();
    EXPECT_EQ(states(), "40000:ESTABLISHED 40001:SYNACK ");
}

TEST_P(Defending, HalfOpenConnectionsEndWithinASweepAndEstablishedOnesStay) {
    establish(40000);
    send(syn(40001));
    send(syn(40002));
    orders().end_idle = true;
    for (int second = 0; second < 33; ++second) {
        bench.pass(1s);
        bench.settle();
    }
    EXPECT_EQ(states(), "40000:ESTABLISHED ");
    EXPECT_EQ(counters().ended_early.value(), 2U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total) + bench.dest(1, &DestCounters::total), 1U);
}

TEST_P(Defending, OneASecondOfThirtyTwoConnectionsIsLookedAt) {
    for (std::uint16_t port = 40000; port < 40032; ++port) send(syn(port));
    orders().end_idle = true;
    for (int second = 1; second <= 5; ++second) {
        bench.pass(1s);
        bench.settle();
        bench.settle();
        EXPECT_EQ(counters().ended_early.value(), static_cast<std::uint64_t>(second));
    }
}

TEST_P(Defending, IdleOnesGoTheMoreOftenTheLessTheySent) {
    // 32 clients of two datagrams each, silent for a minute: every second one is drawn.
    for (std::uint16_t port = 40000; port < 40032; ++port) {
        send(datagram(port));
        send(datagram(port));
    }
    bench.pass(59s);
    orders().end_idle = true;
    EXPECT_EQ(bench.connections(), 32U);
    for (int second = 0; second < 33; ++second) {
        bench.pass(1s);
        bench.settle();
    }
    EXPECT_EQ(counters().ended_early.value(), 16U);
}

TEST_P(Defending, WhoWasHeardLatelyOrSentMoreThanEightPacketsStays) {
    for (int i = 0; i < 9; ++i) send(datagram(40000));
    send(datagram(40001));
    orders().end_idle = true;
    for (int second = 0; second < 59; ++second) {
        bench.pass(1s);
        bench.settle();
    }
    EXPECT_EQ(bench.connections(), 2U);
    for (int second = 0; second < 40; ++second) {
        bench.pass(1s);
        bench.settle();
    }
    EXPECT_EQ(bench.connections(), 1U) << "the one that sent once is gone";
}

TEST_P(Defending, HowLongAConnectionWasSilentIsToldByTheTimeoutsOfItsService) {
    for (auto& service : bench.services) service.timeouts.udp = Seconds(2000);
    bench.publish();
    send(datagram(40000));
    bench.pass(61s);
    orders().end_idle = true;
    for (int second = 0; second < 33; ++second) {
        bench.pass(1s);
        bench.settle();
    }
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(Defending, ATemplateThatNeverCameToLifeGoesWithItsLastConnection) {
    add_persistent(Protocol::tcp, 81, 8080);
    bench.publish();
    bench.put(wan, from_client(a).tcp(40000, 81, H::syn).build());
    bench.settle();
    AffinityTable& templates = *bench.shared().affinity;
    const auto live = [&] {
        int rows = 0;
        templates.for_each(0, 100, bench.worker().now, [&](const auto&) { ++rows; });
        return rows;
    };
    EXPECT_EQ(live(), 1);
    orders().end_idle = true;
    for (int second = 0; second < 33; ++second) {
        bench.pass(1s);
        bench.settle();
    }
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(live(), 0);
}

// --- half-open connections -----------------------------------------------------------------------

class SmallTable : public Defending {
  protected:
    SmallTable() : Defending(10) {
        bench.tunables.half_open_share = 50;
        bench.publish();
    }
};
INSTANTIATE_TEST_SUITE_P(Families, SmallTable, ::testing::ValuesIn(families), family_name);

TEST_P(SmallTable, BeyondTheirShareTheOldestHalfOpenOneMakesRoom) {
    establish(39000);
    for (std::uint16_t port = 40000; port < 40005; ++port) EXPECT_NE(send(syn(port)), "dropped");
    EXPECT_EQ(counters().evicted_half_open.value(), 0U);
    EXPECT_NE(send(syn(40005)), "dropped");
    EXPECT_EQ(counters().evicted_half_open.value(), 1U);
    EXPECT_EQ(states().find("40000:"), std::string::npos);
    EXPECT_EQ(bench.connections(), 6U);
    for (std::uint16_t port = 41000; port < 41100; ++port) EXPECT_NE(send(syn(port)), "dropped");
    EXPECT_NE(states().find("39000:ESTABLISHED"), std::string::npos);
    EXPECT_NE(send(tcp(39000, H::ack)), "dropped");
    EXPECT_EQ(bench.connections(), 6U);
    EXPECT_EQ(counters().evicted_half_open.value(), 101U);
}

TEST_P(SmallTable, WhenItIsFullAHalfOpenOneGoesAndAnEstablishedOneNever) {
    bench.tunables.half_open_share = 100;
    bench.publish();
    for (std::uint16_t port = 39000; port < 39009; ++port) establish(port);
    EXPECT_NE(send(syn(40000)), "dropped");
    EXPECT_NE(send(syn(40001)), "dropped") << "in the place of the one before";
    EXPECT_EQ(counters().evicted_half_open.value(), 1U);
    send(tcp(40001, H::ack));
    EXPECT_EQ(send(syn(40002)), "dropped");
    EXPECT_EQ(bench.dropped(DropReason::connections_full), 1U);
    EXPECT_EQ(bench.connections(), 10U);
}

TEST_P(SmallTable, ConnMaxIsAFullTableToo) {
    bench.tunables.conn_max = 3;
    bench.tunables.half_open_share = 100;
    bench.publish();
    for (std::uint16_t port = 39000; port < 39003; ++port) establish(port);
    EXPECT_EQ(send(syn(40000)), "dropped");
    EXPECT_EQ(bench.dropped(DropReason::connections_full), 1U);
}

TEST_P(SmallTable, AnAnswerOrASecondDatagramMakesUdpMoreThanHalfOpen) {
    send(datagram(40000));
    send(datagram(40001));
    EXPECT_EQ(bench.worker().conns_v4.half_open() + bench.worker().conns_v6.half_open(), 2U);
    send(datagram(40000));
    EXPECT_EQ(bench.worker().conns_v4.half_open() + bench.worker().conns_v6.half_open(), 1U);
    for (const auto server : {a.server, a.server2})
        bench.put(lan, from_server(a).ip(server, a.client).udp(5353, 40001).build());
    bench.settle();
    EXPECT_EQ(bench.worker().conns_v4.half_open() + bench.worker().conns_v6.half_open(), 0U);
}

// --- networks ------------------------------------------------------------------------------------

TEST_P(Defending, ANetworkOpensSoManyConnectionsASecond) {
    bench.tunables.prefix_rate = 4;
    bench.publish();
    std::string seen;
    for (std::uint16_t port = 40000; port < 40006; ++port)
        seen += send(syn(port)) == "dropped" ? '-' : '+';
    EXPECT_EQ(seen, "++++--") << "as many as a second brings at once";
    EXPECT_EQ(bench.dropped(DropReason::prefix_limited), 2U);
    EXPECT_NE(send(tcp(40000, H::ack)), "dropped") << "no new connection";
    bench.pass(Ticks(5));
    seen.clear();
    for (std::uint16_t port = 40010; port < 40014; ++port)
        seen += send(syn(port)) == "dropped" ? '-' : '+';
    EXPECT_EQ(seen, "++--");
}

TEST(DefencePrefixes, NetworksAreOfTheLengthThatIsSetAndWorkersShareTheRate) {
    Defence defence(1);
    Tunables tunables;
    tunables.prefix_rate = 2;
    const auto allows = [&](std::string_view source, std::uint16_t workers = 1) {
        return defence.allows(ip(source), TickTime(), tunables, workers);
    };
    EXPECT_TRUE(allows("192.0.2.1"));
    EXPECT_TRUE(allows("192.0.2.255"));
    EXPECT_FALSE(allows("192.0.2.77"));
    EXPECT_TRUE(allows("192.0.3.1"));
    EXPECT_TRUE(allows("2001:db8:1:100::1"));
    EXPECT_TRUE(allows("2001:db8:1:1ff::1"));
    EXPECT_FALSE(allows("2001:db8:1:1aa::1"));
    EXPECT_TRUE(allows("2001:db8:1:200::1"));
    EXPECT_TRUE(allows("10.0.0.1", 2));
    EXPECT_FALSE(allows("10.0.0.1", 2)) << "the other worker has the other half";
}

}  // namespace
}  // namespace shunt
