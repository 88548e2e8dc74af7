// SPDX-License-Identifier: BSD-3-Clause
// Servers that have all the connections that they may have (ipvs-behaviour 2.11).
#include "support/admission.h"

namespace shunt {
namespace {

using namespace test;

class Overloaded : public Admission {
  protected:
    explicit Overloaded(const BenchOptions& options = {.connections = 64}) : Admission(options) {
        add(Protocol::tcp, 80, 8080);
    }
    [[nodiscard]] WorkerBench::Server& server(std::size_t i) {
        return bench.services[0].servers[i];
    }
    void only_one_server() { bench.services[0].servers.pop_back(); }
    /// As the control thread does it: what is counted already is judged at once.
    void publish() {
        bench.publish();
        for (std::uint32_t id = 0; id < 2; ++id)
            bench.shared().overload.update(DestId(id),
                                           [&] { return bench.dest(id, &DestCounters::total); });
    }
    [[nodiscard]] std::uint32_t total(std::uint32_t id = 0) {
        return bench.dest(id, &DestCounters::total);
    }
    /// The handshakes of this many connections, from ports 40000 on; "2+1" is what the servers
    /// have then.
    std::string open(int connections) {
        for (; connections > 0; --connections, ++next_port_) {
            refused_ += send(syn(next_port_)) == "refused" ? 1 : 0;
            bench.put(wan, tcp(next_port_, H::ack));
            went();
        }
        return std::to_string(total(0)) + '+' + std::to_string(total(1));
    }
    /// Ends an established connection and waits until it is forgotten. One that is half open would
    /// stay: a client's reset does not end SYN_RECV (3.1).
    void end(std::uint16_t port) {
        send(tcp(port, H::rst));
        bench.pass(Seconds(11));
        bench.settle();
    }
    std::uint16_t next_port_ = 40000;
    int refused_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Families, Overloaded, ::testing::ValuesIn(families), family_name);

TEST_P(Overloaded, AFullServerGetsNoMore) {
    server(0).thresholds = {2, 1};
    publish();
    EXPECT_EQ(open(4), "2+2");
    EXPECT_EQ(open(3), "2+5");
    EXPECT_EQ(refused_, 0);
}

TEST_P(Overloaded, ItsConnectionsGoOn) {
    server(0).thresholds = {1, 0};
    only_one_server();
    publish();
    EXPECT_EQ(send(syn(40000)), "first:8080");
    EXPECT_EQ(send(syn(40001)), "refused");
    EXPECT_EQ(send(syn(40000)), "first:8080") << "sent again";
    EXPECT_EQ(send(tcp(40000, H::ack)), "first:8080");
    EXPECT_EQ(send(from_server(a).tcp(8080, 40000, H::ack).build(), lan), "client:40000");
}

TEST_P(Overloaded, WhenAllAreFullTheClientIsRefused) {
    server(0).thresholds = {2, 1};
    server(1).thresholds = {1, 1};
    publish();
    EXPECT_EQ(open(3), "2+1");
    EXPECT_EQ(refused_, 0);
    EXPECT_EQ(send(syn(41000)), "refused");
    EXPECT_EQ(send(syn(41001)), "refused");
    EXPECT_EQ(bench.dropped(DropReason::no_destination), 2U);
    EXPECT_EQ(total(0) + total(1), 3U);
}

TEST_P(Overloaded, EndsBelowTheLowerThreshold) {
    server(0).thresholds = {4, 3};
    only_one_server();
    publish();
    EXPECT_EQ(open(5), "4+0");
    end(40000);
    EXPECT_EQ(total(), 3U);
    EXPECT_EQ(send(syn(41000)), "refused") << "3 is not below 3";
    end(40001);
    EXPECT_EQ(total(), 2U);
    EXPECT_EQ(open(3), "4+0");
    EXPECT_EQ(refused_, 2);
}

TEST_P(Overloaded, WithoutALowerThresholdThreeQuartersAre) {
    server(0).thresholds = {8, 0};
    only_one_server();
    publish();
    EXPECT_EQ(open(9), "8+0");
    end(40000);
    end(40001);
    EXPECT_EQ(total(), 6U);
    EXPECT_EQ(send(syn(41000)), "refused");
    end(40002);
    EXPECT_EQ(send(syn(41000)), "first:8080");
    EXPECT_EQ(send(syn(41001)), "first:8080") << "between the two it stays as it was";
    EXPECT_EQ(send(syn(41002)), "first:8080");
    EXPECT_EQ(total(), 8U);
    EXPECT_EQ(send(syn(41003)), "refused");
}

TEST_P(Overloaded, OfAFewThreeQuartersAreAllOfThem) {
    server(0).thresholds = {2, 0};
    only_one_server();
    publish();
    EXPECT_EQ(open(3), "2+0");
    end(40000);
    EXPECT_EQ(send(syn(41000)), "first:8080");
    EXPECT_EQ(send(syn(41001)), "refused");
}

TEST_P(Overloaded, AConnectionThatIsOverCountsUntilItIsForgotten) {
    server(0).thresholds = {1, 0};
    only_one_server();
    publish();
    EXPECT_EQ(open(1), "1+0");
    send(tcp(40000, H::rst));
    bench.pass(Seconds(9));
    EXPECT_EQ(send(syn(41000)), "refused");
    bench.pass(Seconds(2));
    bench.settle();
    EXPECT_EQ(send(syn(41001)), "first:8080");
}

TEST_P(Overloaded, StaysAcrossSnapshots) {
    server(0).thresholds = {4, 2};
    only_one_server();
    publish();
    EXPECT_EQ(open(4), "4+0");
    publish();
    EXPECT_EQ(send(syn(41000)), "refused");
    end(40000);
    publish();
    EXPECT_EQ(total(), 3U);
    EXPECT_EQ(send(syn(41000)), "refused") << "between the two";
    server(0).thresholds = {4, 4};
    publish();
    EXPECT_EQ(send(syn(41000)), "first:8080") << "3 is below 4";
}

TEST_P(Overloaded, FollowsAnEditedUpperThreshold) {
    only_one_server();
    publish();
    EXPECT_EQ(open(3), "3+0");
    server(0).thresholds = {3, 1};
    publish();
    EXPECT_EQ(send(syn(41000)), "refused") << "what was open before counts";
    server(0).thresholds = {4, 1};
    publish();
    EXPECT_EQ(send(syn(41000)), "first:8080");
    EXPECT_EQ(send(syn(41001)), "refused");
    server(0).thresholds = {};
    publish();
    EXPECT_EQ(send(syn(41001)), "first:8080");
    EXPECT_EQ(total(), 5U);
}

TEST_P(Overloaded, AServerThatComesBackIsAsFullAsItWas) {
    server(0).thresholds = {2, 2};
    only_one_server();
    publish();
    EXPECT_EQ(open(2), "2+0");
    server(0).removed = true;
    publish();
    EXPECT_EQ(send(syn(41000)), "refused");
    server(0).removed = false;
    publish();
    EXPECT_EQ(send(syn(41000)), "refused");
    server(0).removed = true;
    publish();
    bench.pass(Seconds(901));  // the two end meanwhile
    bench.settle();
    server(0).removed = false;
    publish();
    EXPECT_EQ(send(syn(41000)), "first:8080");
}

TEST_P(Overloaded, DatagramsCountAsTheirConnections) {
    bench.services.clear();
    add(Protocol::udp, 80, 8080);
    server(0).thresholds = {1, 0};
    only_one_server();
    publish();
    EXPECT_EQ(send(udp(40000)), "first:8080");
    EXPECT_EQ(send(udp(40000)), "first:8080");
    EXPECT_EQ(send(udp(40001)), "refused");
    bench.pass(Seconds(301));
    bench.settle();
    EXPECT_EQ(send(udp(40001)), "first:8080");
}

TEST_P(Overloaded, ThoseThatAreOneEachNeverFillAServer) {
    bench.services.clear();
    add(Protocol::udp, 80, 8080).one_packet = true;
    server(0).thresholds = {1, 0};
    only_one_server();
    publish();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(send(udp(40000)), "first:8080") << i;
    EXPECT_EQ(total(), 0U);
}

TEST_P(Overloaded, AClientThatIsTiedToAFullServerGetsThere) {
    bench.services.clear();
    add_persistent(Protocol::tcp, 80, 8080);
    server(0).thresholds = {1, 0};
    publish();
    EXPECT_EQ(send(syn(40000, 80, 101)), "first:8080");
    EXPECT_EQ(send(syn(40000, 80, 102)), "second:8080");
    EXPECT_EQ(send(syn(40000, 80, 103)), "second:8080");
    EXPECT_EQ(send(syn(40001, 80, 101)), "first:8080");
    EXPECT_EQ(total(0), 2U);
}

class OverloadedWorkers : public Overloaded {
  protected:
    OverloadedWorkers() : Overloaded({.workers = 3, .connections = 64}) {}
};
INSTANTIATE_TEST_SUITE_P(Families, OverloadedWorkers, ::testing::ValuesIn(families), family_name);

TEST_P(OverloadedWorkers, CountTogether) {
    server(0).thresholds = {6, 5};
    only_one_server();
    publish();
    EXPECT_EQ(open(8), "6+0");
    EXPECT_EQ(refused_, 2);
    int with_some = 0;
    for (std::uint16_t w = 0; w < 3; ++w)
        with_some += bench.worker(w).dests[0].total.value() > 0 ? 1 : 0;
    EXPECT_GT(with_some, 1);
    end(40000);
    end(40003);
    EXPECT_EQ(total(), 4U);
    EXPECT_EQ(open(4), "6+0");
}

}  // namespace
}  // namespace shunt
