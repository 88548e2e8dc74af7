// SPDX-License-Identifier: BSD-3-Clause
// Stage 5: what packets do to their connection and to the counts of its server (ipvs-behaviour 1.2,
// 1.8, 1.23, 2.8, 2.11, 3).
#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using namespace std::chrono_literals;
using H = TcpHeader;

class Advance : public ::testing::TestWithParam<Addresses> {
  protected:
    Advance() { bench.add_usual_services(); }
    [[nodiscard]] std::uint32_t tcp() const { return a.header == 20 ? 0 : 2; }
    [[nodiscard]] std::uint32_t udp() const { return tcp() + 1; }
    void client(std::uint8_t flags) {
        bench.put(wan, from_client(a).tcp(40000, 80, flags).build());
        bench.settle();
    }
    void server(std::uint8_t flags) {
        bench.put(lan, from_server(a).tcp(8080, 40000, flags).build());
        bench.settle();
    }
    template <class Fn>
    auto of_connection(Protocol protocol, Fn&& fn) {
        if (a.header == 20) return fn(bench.connection<Ipv4>(a.client, 40000, a.vip, 80, protocol));
        return fn(bench.connection<Ipv6>(a.client, 40000, a.vip, 80, protocol));
    }
    /// The state of the TCP connection and how many seconds it has left.
    struct Seen {
        std::string_view state;
        double seconds;
        bool operator==(const Seen&) const = default;
        friend void PrintTo(const Seen& s, std::ostream* out) {
            *out << s.state << " for " << s.seconds << " s";
        }
    };
    [[nodiscard]] Seen seen(Protocol protocol = Protocol::tcp) {
        return of_connection(protocol, [this](const auto* conn) {
            if (conn == nullptr) return Seen{"gone", 0};
            return Seen{tcp_state_name(static_cast<TcpState>(conn->state)),
                        std::chrono::duration<double>(conn->expires - bench.worker().now).count()};
        });
    }
    [[nodiscard]] std::uint32_t active() const { return bench.dest(tcp(), &DestCounters::active); }
    [[nodiscard]] std::uint32_t total() const { return bench.dest(tcp(), &DestCounters::total); }
    void drain() {
        static_cast<void>(bench.sent(wan));
        static_cast<void>(bench.sent(lan));
    }
    const Addresses& a = GetParam();
    WorkerBench bench;
};
INSTANTIATE_TEST_SUITE_P(Families, Advance, ::testing::ValuesIn(families), family_name);

TEST_P(Advance, AConnectionThatTheClientEnds) {
    client(H::syn);
    EXPECT_EQ(seen(), (Seen{"SYN_RECV", 60}));
    EXPECT_EQ(active(), 1U);
    server(H::syn | H::ack);
    EXPECT_EQ(seen(), (Seen{"SYN_RECV", 60}));
    client(H::ack);
    EXPECT_EQ(seen(), (Seen{"ESTABLISHED", 900}));
    server(H::ack | H::psh);
    EXPECT_EQ(seen(), (Seen{"ESTABLISHED", 900}));
    EXPECT_EQ(active(), 1U);
    client(H::fin | H::ack);
    EXPECT_EQ(seen(), (Seen{"CLOSE_WAIT", 60}));
    EXPECT_EQ(active(), 0U);
    EXPECT_EQ(total(), 1U);
    server(H::fin | H::ack);
    EXPECT_EQ(seen(), (Seen{"TIME_WAIT", 120}));
    client(H::ack);
    EXPECT_EQ(seen(), (Seen{"TIME_WAIT", 120}));
}

TEST_P(Advance, AConnectionThatTheServerEnds) {
    client(H::syn);
    server(H::syn | H::ack);
    client(H::ack);
    server(H::fin | H::ack);
    EXPECT_EQ(seen(), (Seen{"FIN_WAIT", 120}));
    EXPECT_EQ(active(), 0U);
    client(H::ack);
    EXPECT_EQ(seen(), (Seen{"FIN_WAIT", 120}));
    client(H::fin | H::ack);
    EXPECT_EQ(seen(), (Seen{"TIME_WAIT", 120}));
}

TEST_P(Advance, AResetClosesEitherWay) {
    client(H::syn);
    server(H::rst | H::ack);
    EXPECT_EQ(seen(), (Seen{"CLOSE", 10}));
    EXPECT_EQ(active(), 0U);
    EXPECT_EQ(total(), 1U);
}

TEST_P(Advance, AServiceMayHaveTimeoutsOfItsOwn) {
    for (auto& service : bench.services)
        service.timeouts = {.tcp = Ticks(77), .tcp_fin = {}, .udp = 5s};
    bench.publish();
    client(H::syn);
    EXPECT_EQ(seen(), (Seen{"SYN_RECV", 60}));
    client(H::ack);
    EXPECT_EQ(seen(), (Seen{"ESTABLISHED", 7.7}));
    server(H::fin | H::ack);
    EXPECT_EQ(seen(), (Seen{"FIN_WAIT", 120})) << "that of all";
    for (auto& service : bench.services) service.timeouts.tcp_fin = 9s;
    bench.publish();
    client(H::ack);
    EXPECT_EQ(seen(), (Seen{"FIN_WAIT", 9}));
    bench.put(wan, from_client(a).udp(40000, 80).build());
    bench.settle();
    EXPECT_EQ(seen(Protocol::udp).seconds, 5);
}

TEST_P(Advance, EachPacketRestartsTheTimeoutOfItsState) {
    client(H::syn);
    client(H::ack);
    bench.pass(500s);
    bench.settle();
    EXPECT_EQ(seen(), (Seen{"ESTABLISHED", 400}));
    server(H::ack);
    EXPECT_EQ(seen(), (Seen{"ESTABLISHED", 900}));
    bench.pass(899s);
    bench.settle();
    EXPECT_EQ(bench.connections(), 1U);
    bench.pass(1s);
    bench.settle();
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(total(), 0U);
    EXPECT_EQ(active(), 0U);
}

TEST_P(Advance, AShorterTimeoutTakesEffectAtOnce) {
    client(H::syn);
    client(H::ack);
    bench.pass(1s);
    client(H::rst);
    EXPECT_EQ(seen(), (Seen{"CLOSE", 10}));
    bench.pass(9s);
    bench.settle();
    EXPECT_EQ(bench.connections(), 1U);
    bench.pass(1s);
    bench.settle();
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(total(), 0U);
}

TEST_P(Advance, TimeoutsOfTheSnapshotCountFromTheNextPacketOn) {
    client(H::syn);
    client(H::ack);
    bench.pass(10s);
    bench.settle();  // the timer looks far ahead now
    bench.timeouts.tcp[static_cast<std::size_t>(TcpState::established)] = 30s;
    bench.timeouts.udp = 7s;
    bench.publish();
    bench.settle();
    EXPECT_EQ(seen(), (Seen{"ESTABLISHED", 890}));
    client(H::ack);
    EXPECT_EQ(seen(), (Seen{"ESTABLISHED", 30}));
    bench.pass(30s);
    bench.settle();
    EXPECT_EQ(seen().state, "gone") << "with the same state an earlier expiry must be noticed too";
    bench.put(wan, from_client(a).udp(40000, 80).build());
    bench.settle();
    EXPECT_EQ(seen(Protocol::udp).seconds, 7);
}

TEST_P(Advance, UdpIsNeverActiveAndLivesFor300Seconds) {
    bench.put(wan, from_client(a).udp(40000, 80).build());
    bench.settle();
    EXPECT_EQ(seen(Protocol::udp).seconds, 300);
    bench.pass(200s);
    bench.put(lan, from_server(a).udp(8080, 40000).build());
    bench.settle();
    EXPECT_EQ(seen(Protocol::udp).seconds, 300);
    EXPECT_EQ(bench.dest(udp(), &DestCounters::active), 0U);
    EXPECT_EQ(bench.dest(udp(), &DestCounters::total), 1U);
    bench.pass(300s);
    bench.settle();
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bench.dest(udp(), &DestCounters::total), 0U);
}

TEST_P(Advance, PacketsAndNetworkBytesAreCountedByDirection) {
    bench.put(wan, from_client(a).udp(40000, 80).payload(10).pad_to(120).build());
    bench.put(wan, from_client(a).udp(40000, 80).payload(500).build());
    bench.settle();
    bench.put(lan, from_server(a).udp(8080, 40000).payload(1).pad_to(60).build());
    bench.settle();
    EXPECT_EQ(bench.dest(udp(), &DestCounters::packets_in), 2U);
    EXPECT_EQ(bench.dest(udp(), &DestCounters::bytes_in), 2 * (a.header + 8) + 510);
    EXPECT_EQ(bench.dest(udp(), &DestCounters::packets_out), 1U);
    EXPECT_EQ(bench.dest(udp(), &DestCounters::bytes_out), a.header + 9);
    EXPECT_EQ(of_connection(Protocol::udp, [](const auto* c) { return c->packets_in; }), 2U);
}

TEST_P(Advance, ClientPacketsAreCountedEvenWhenTheyDoNotPass) {
    client(H::syn);
    bench.put(wan, from_client(a).ttl(1).tcp(40000, 80, H::ack).build());
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::ttl_expired), 1U);
    EXPECT_EQ(bench.dest(tcp(), &DestCounters::packets_in), 2U);
    EXPECT_EQ(seen(), (Seen{"ESTABLISHED", 900}));
}

TEST_P(Advance, RepliesThatDoNotPassAreNot) {
    client(H::syn);
    bench.put(lan, from_server(a).ttl(1).tcp(8080, 40000, H::rst).build());
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::ttl_expired), 1U);
    EXPECT_EQ(bench.dest(tcp(), &DestCounters::packets_out), 0U);
    EXPECT_EQ(seen(), (Seen{"SYN_RECV", 60}));
}

TEST_P(Advance, AServersPartialChecksumShowsInItsSynAck) {
    client(H::syn);
    drain();
    const auto syn_ack = from_server(a).tcp(8080, 40000, H::syn | H::ack);
    bench.put(lan, left_to_the_card(syn_ack));
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::partial_checksum), 1U);
    EXPECT_EQ(bench.dest(tcp(), &DestCounters::packets_out), 0U);
    EXPECT_TRUE(bench.sent(wan).empty());
    // Only there, and only of the server.
    bench.put(lan, left_to_the_card(from_server(a).tcp(8080, 40000, H::ack)));
    bench.put(wan, left_to_the_card(from_client(a).tcp(40000, 80, H::syn)));
    bench.settle();
    EXPECT_EQ(bench.sent(wan).size(), 1U);
    EXPECT_EQ(bench.sent(lan).size(), 1U);
    EXPECT_EQ(bench.all_dropped(), 1U);
}

/// A server that leaves its service while a connection of it is open.
class AdvanceRemoved : public Advance {
  protected:
    AdvanceRemoved() {
        client(H::syn);
        client(H::ack);
        drain();
        set_removed(true);
    }
    void set_removed(bool removed) {
        for (auto& service : bench.services) service.servers[0].removed = removed;
        bench.publish();
    }
};
INSTANTIATE_TEST_SUITE_P(Families, AdvanceRemoved, ::testing::ValuesIn(families), family_name);

TEST_P(AdvanceRemoved, ClientPacketsAreDroppedSilentlyAndMoveNothing) {
    bench.pass(100s);
    client(H::ack);
    client(H::fin | H::ack);
    EXPECT_EQ(bench.dropped(DropReason::destination_removed), 2U);
    EXPECT_TRUE(bench.sent(lan).empty());
    EXPECT_TRUE(bench.sent(wan).empty());
    EXPECT_EQ(seen(), (Seen{"ESTABLISHED", 800}));
    EXPECT_EQ(bench.dest(tcp(), &DestCounters::packets_in), 2U);
    bench.pass(800s);
    bench.settle();
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(total(), 0U);
}

TEST_P(AdvanceRemoved, RepliesAreStillTranslatedAndNotCounted) {
    server(H::ack);
    EXPECT_TRUE(same_frame(bench.one_sent(wan), to_client(a).tcp(80, 40000, H::ack).build()));
    EXPECT_EQ(bench.dest(tcp(), &DestCounters::packets_out), 0U);
    server(H::fin | H::ack);
    EXPECT_EQ(seen(), (Seen{"FIN_WAIT", 120}));
    EXPECT_EQ(active(), 0U);
    EXPECT_EQ(total(), 1U);
}

TEST_P(AdvanceRemoved, AddedAgainItGoesOn) {
    client(H::ack);
    set_removed(false);
    client(H::ack);
    EXPECT_EQ(bench.sent(lan).size(), 1U);
    EXPECT_EQ(bench.dest(tcp(), &DestCounters::packets_in), 3U);
}

TEST_P(AdvanceRemoved, ANewConnectionOfAClosedOneNeedsAnotherServer) {
    server(H::rst);
    drain();
    client(H::syn);
    EXPECT_EQ(bench.dropped(DropReason::no_destination), 1U);
    EXPECT_EQ(bench.dropped(DropReason::destination_removed), 0U);
    EXPECT_EQ(bench.connections(), 0U);
}

}  // namespace
}  // namespace shunt
