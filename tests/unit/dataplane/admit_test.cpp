// SPDX-License-Identifier: BSD-3-Clause
// Stages 3 and 4: packets find their connection or open one (ipvs-behaviour 1.3-1.7, 2.2, 2.10).
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;

class Admit : public ::testing::TestWithParam<Addresses> {
  protected:
    Admit() { bench.add_usual_services(); }
    [[nodiscard]] std::uint32_t tcp_server() const { return a.header == 20 ? 0 : 2; }
    [[nodiscard]] Frame syn(std::uint16_t port) {
        return from_client(a).tcp(port, 80, H::syn).build();
    }
    void expect_to_host(const Frame& frame) {
        bench.put(wan, frame);
        bench.settle();
        EXPECT_TRUE(same_frame(bench.one_to_host(wan), frame));
        EXPECT_EQ(bench.connections(), 0U);
    }
    /// Both servers, in turn.
    void add_second_server() {
        bench.services.clear();
        bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80),
                          {a.endpoint(a.server, 8080), a.endpoint(a.server2, 8080)});
        bench.publish();
    }
    const Addresses& a = GetParam();
    WorkerBench bench{{.connections = 4}};
};
INSTANTIATE_TEST_SUITE_P(Families, Admit, ::testing::ValuesIn(families), family_name);

TEST_P(Admit, ASynOpensAConnectionThatBothDirectionsFind) {
    bench.put(wan, syn(40000));
    bench.settle();
    EXPECT_EQ(bench.sent(lan).size(), 1U);
    bench.put(wan, from_client(a).tcp(40000, 80, H::ack).build());
    bench.put(lan, from_server(a).tcp(8080, 40000, H::ack).build());
    bench.settle();
    EXPECT_EQ(bench.sent(lan).size(), 1U);
    EXPECT_EQ(bench.sent(wan).size(), 1U);
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(bench.dest(tcp_server(), &DestCounters::connections), 1U);
    EXPECT_EQ(bench.dest(tcp_server(), &DestCounters::total), 1U);
}

TEST_P(Admit, OnlyASynWithoutResetOpensATcpConnection) {
    for (const int flags : {0, +H::ack, +H::fin, +H::rst, H::ack | H::psh, H::fin | H::ack,
                            H::rst | H::ack, H::syn | H::rst, H::syn | H::rst | H::ack})
        expect_to_host(from_client(a).tcp(40000, 80, static_cast<std::uint8_t>(flags)).build());
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(Admit, ASynWithOtherFlagsOpensOne) {
    std::uint16_t port = 40000;
    for (const int flags : {H::syn | H::ack, H::syn | H::fin, H::syn | H::psh})
        bench.put(wan, from_client(a).tcp(port++, 80, static_cast<std::uint8_t>(flags)).build());
    bench.settle();
    EXPECT_EQ(bench.sent(lan).size(), 3U);
    EXPECT_EQ(bench.connections(), 3U);
}

TEST_P(Admit, AnyUdpPacketOpensOne) {
    bench.put(wan, from_client(a).udp(40000, 80).build());
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(lan), to_server(a).udp(40000, 8080).build()));
    EXPECT_EQ(bench.connections(), 1U);
}

TEST_P(Admit, NeverFromPort20) {
    expect_to_host(syn(20));
    expect_to_host(from_client(a).udp(20, 80).build());
}

TEST_P(Admit, NeverForAPortOrProtocolWithoutService) {
    expect_to_host(from_client(a).tcp(40000, 81, H::syn).build());
    expect_to_host(from_client(a).udp(40000, 81).build());
    bench.services.resize(0);
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {a.endpoint(a.server, 8080)});
    bench.publish();
    expect_to_host(from_client(a).udp(40000, 80).build());
}

TEST_P(Admit, AServerWithoutPortGetsThePortOfThePacket) {
    bench.services.clear();
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {a.endpoint(a.server, 0)});
    bench.publish();
    bench.put(wan, syn(40000));
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(lan), to_server(a).tcp(40000, 80, H::syn).build()));
}

TEST_P(Admit, ServersTakeTurnsAndEachConnectionKeepsItsOwn) {
    add_second_server();
    for (const std::uint16_t port :
         std::initializer_list<std::uint16_t>{40000, 40001, 40002, 40003})
        bench.put(wan, syn(port));
    for (const std::uint16_t port :
         std::initializer_list<std::uint16_t>{40003, 40001, 40000, 40002})
        bench.put(wan, from_client(a).tcp(port, 80, H::ack).build());
    bench.settle();
    std::map<std::uint16_t, std::vector<Frame>> macs;
    const std::size_t l4 = 14 + a.header;
    for (const Frame& f : bench.sent(lan))
        macs[get16(f, l4)].emplace_back(f.begin(), f.begin() + 6);
    ASSERT_EQ(macs.size(), 4U);
    for (const auto& [port, seen] : macs) {
        ASSERT_EQ(seen.size(), 2U);
        EXPECT_EQ(seen[0], seen[1]) << port;
        EXPECT_EQ(seen[0][5], port % 2 == 0 ? std::byte{0x0b} : std::byte{0x0c}) << port;
    }
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 2U);
    EXPECT_EQ(bench.dest(1, &DestCounters::connections), 2U);
}

TEST_P(Admit, TheSameNewFlowTwiceInABurstIsOneConnection) {
    add_second_server();
    bench.put(wan, syn(40000));
    bench.put(wan, syn(40000));
    bench.put(wan, from_client(a).tcp(40000, 80, H::ack).build());
    EXPECT_GT(bench.iterate(), 0U);
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 1U);
    EXPECT_EQ(bench.dest(1, &DestCounters::connections), 0U);
    EXPECT_EQ(bench.dest(0, &DestCounters::packets_in), 3U);
    EXPECT_EQ(bench.sent(lan).size(), 3U);
}

/// The server with the fewest active connections.
class LeastActive final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "least"; }
    [[nodiscard]] std::optional<std::size_t> choose(const Candidates& from,
                                                    const SchedulingKey&) const noexcept override {
        const auto active = [&](const RealServer& s) { return from.loads.active(s.id); };
        return static_cast<std::size_t>(std::ranges::min_element(from.servers, {}, active) -
                                        from.servers.begin());
    }
};

TEST_P(Admit, EachConnectionOfABurstSeesTheLoadOfTheOnesBefore) {
    const LeastActive least;
    add_second_server();
    bench.services[0].scheduler = &least;
    bench.publish();
    // The second one is over before the fourth is scheduled.
    bench.put(wan, syn(40000));
    bench.put(wan, syn(40001));
    bench.put(wan, from_client(a).tcp(40001, 80, H::ack).build());
    bench.put(wan, from_client(a).tcp(40001, 80, H::rst).build());
    bench.put(wan, syn(40002));
    bench.put(wan, syn(40003));
    bench.iterate();
    std::map<std::uint16_t, std::byte> servers;
    for (const Frame& f : bench.sent(lan)) servers[get16(f, 14 + a.header)] = f[5];
    const std::map<std::uint16_t, std::byte> one_by_one{{40000, std::byte{0x0b}},
                                                        {40001, std::byte{0x0c}},
                                                        {40002, std::byte{0x0c}},
                                                        {40003, std::byte{0x0b}}};
    EXPECT_EQ(servers, one_by_one);
    bench.services[0].scheduler = nullptr;
    bench.publish();
}

/// Notes what it is told.
class Curious final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "curious"; }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept override {
        destination = key.destination_address;
        now = from.now;
        lblcr_expiration = from.lblcr_expiration;
        return 0;
    }
    mutable IpAddress destination;
    mutable TickTime now;
    mutable std::int64_t lblcr_expiration = 0;
};

TEST_P(Admit, TellsTheSchedulerWhereToAndWhen) {
    const Curious curious;
    bench.services[tcp_server() == 0 ? 0 : 2].scheduler = &curious;
    bench.tunables.lblcr_expiration = 77;
    bench.publish();
    bench.pass(Ticks(5));
    bench.put(wan, syn(40000));
    bench.settle();
    EXPECT_EQ(curious.destination, ip(a.vip));
    EXPECT_EQ(curious.now, bench.worker().now);
    EXPECT_GE(curious.now, TickTime(Ticks(5)));
    EXPECT_EQ(curious.lblcr_expiration, 77);
    bench.services[tcp_server() == 0 ? 0 : 2].scheduler = nullptr;
    bench.publish();
}

TEST_P(Admit, NoServerMeansPortUnreachable) {
    const auto refuse = [&](const Frame& frame) {
        bench.put(wan, frame);
        bench.settle();
        const Frame error = bench.one_sent(wan);
        EXPECT_TRUE(checksums_ok(error)) << checksum_problem(error);
        EXPECT_EQ(get16(error, 14 + a.header), a.header == 20 ? 0x0303 : 0x0104);
        EXPECT_EQ(bench.connections(), 0U);
    };
    for (auto& service : bench.services) service.servers[0].weight = 0;
    bench.publish();
    refuse(syn(40000));
    refuse(from_client(a).udp(40000, 80).build());
    for (auto& service : bench.services) {
        service.servers[0].weight = 1;
        service.servers[0].removed = true;
    }
    bench.publish();
    refuse(syn(40000));
    EXPECT_EQ(bench.dropped(DropReason::no_destination), 3U);
    EXPECT_EQ(bench.counters().generated.value(), 3U);
}

TEST_P(Admit, WeightZeroLeavesExistingConnectionsAlone) {
    bench.put(wan, syn(40000));
    bench.settle();
    for (auto& service : bench.services) service.servers[0].weight = 0;
    bench.publish();
    static_cast<void>(bench.sent(lan));
    bench.put(wan, from_client(a).tcp(40000, 80, H::ack).build());
    bench.settle();
    EXPECT_EQ(bench.sent(lan).size(), 1U);
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(Admit, AFullTableRefusesNewConnectionsSilentlyAndServesTheOthers) {
    for (std::uint16_t port = 40000; port < 40006; ++port) {
        bench.put(wan, syn(port));
        if (port < 40004) bench.put(wan, from_client(a).tcp(port, 80, H::ack).build());
    }
    bench.settle();
    EXPECT_EQ(bench.connections(), 4U);
    EXPECT_EQ(bench.dropped(DropReason::connections_full), 2U);
    EXPECT_EQ(bench.sent(lan).size(), 8U);
    EXPECT_TRUE(bench.sent(wan).empty());
    EXPECT_EQ(bench.dest(tcp_server(), &DestCounters::total), 4U);
    EXPECT_EQ(bench.dest(tcp_server(), &DestCounters::connections), 4U);
    bench.put(wan, from_client(a).tcp(40001, 80, H::ack).build());
    bench.settle();
    EXPECT_EQ(bench.sent(lan).size(), 1U);
}

TEST_P(Admit, APartialChecksumOpensNothing) {
    bench.put(wan, left_to_the_card(from_client(a).tcp(40000, 80, H::syn).payload(10)));
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::partial_checksum), 1U);
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_TRUE(bench.sent(lan).empty());
}

TEST_P(Admit, AWrongChecksumOpensOneAndStaysWrong) {
    bench.put(wan, from_client(a).tcp(40000, 80, H::syn).l4_checksum(0x1234).build());
    bench.settle();
    const Frame sent = bench.one_sent(lan);
    EXPECT_FALSE(checksums_ok(sent));
    EXPECT_EQ(bench.connections(), 1U);
}

/// A connection in TIME_WAIT or CLOSE.
class AdmitReuse : public Admit {
  protected:
    void open(std::uint8_t last_flags, std::uint16_t port = 40000) {
        add_second_server();
        bench.put(wan, syn(port));
        bench.settle();
        bench.put(lan, from_server(a).tcp(8080, port, H::syn | H::ack).build());
        bench.settle();
        for (const std::uint8_t flags : {std::uint8_t{H::ack}, last_flags}) {
            bench.put(wan, from_client(a).tcp(port, 80, flags).build());
            bench.settle();
        }
        static_cast<void>(bench.sent(lan));
        static_cast<void>(bench.sent(wan));
    }
    [[nodiscard]] std::byte server_of(const Frame& f) { return f.size() > 5 ? f[5] : std::byte{}; }
};
INSTANTIATE_TEST_SUITE_P(Families, AdmitReuse, ::testing::ValuesIn(families), family_name);

TEST_P(AdmitReuse, ASynOfAClosedConnectionIsScheduledAnew) {
    open(H::rst);
    bench.put(wan, syn(40000));
    bench.settle();
    EXPECT_EQ(server_of(bench.one_sent(lan)), std::byte{0x0c});
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 0U);
    EXPECT_EQ(bench.dest(0, &DestCounters::active), 0U);
    EXPECT_EQ(bench.dest(1, &DestCounters::total), 1U);
    EXPECT_EQ(bench.dest(1, &DestCounters::active), 1U);
}

TEST_P(AdmitReuse, ASynOfALiveConnectionStays) {
    open(H::ack);
    bench.put(wan, syn(40000));
    bench.settle();
    EXPECT_EQ(server_of(bench.one_sent(lan)), std::byte{0x0b});
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 1U);
    EXPECT_EQ(bench.dest(1, &DestCounters::connections), 0U);
}

TEST_P(AdmitReuse, OtherPacketsOfAClosedConnectionStay) {
    open(H::rst);
    bench.put(wan, from_client(a).tcp(40000, 80, H::ack).build());
    bench.put(lan, from_server(a).tcp(8080, 40000, H::syn | H::ack).build());
    bench.settle();
    EXPECT_EQ(server_of(bench.one_sent(lan)), std::byte{0x0b});
    EXPECT_EQ(bench.sent(wan).size(), 1U);
    EXPECT_EQ(bench.connections(), 1U);
}

TEST_P(AdmitReuse, TheEndAndTheNewBeginningInOneBurst) {
    open(H::ack);
    bench.put(wan, from_client(a).tcp(40000, 80, H::rst).build());
    bench.put(wan, syn(40000));
    bench.put(wan, from_client(a).tcp(40000, 80, H::ack).build());
    bench.iterate();
    const auto sent = bench.sent(lan);
    ASSERT_EQ(sent.size(), 3U);
    EXPECT_EQ(server_of(sent[0]), std::byte{0x0b});
    EXPECT_EQ(server_of(sent[1]), std::byte{0x0c});
    EXPECT_EQ(server_of(sent[2]), std::byte{0x0c});
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 0U);
    EXPECT_EQ(bench.dest(1, &DestCounters::packets_in), 2U);
}

TEST_P(AdmitReuse, ThreeConnectionsOfOnePortInOneBurst) {
    open(H::ack);
    for (int i = 0; i < 2; ++i) {
        bench.put(wan, from_client(a).tcp(40000, 80, H::rst).build());
        bench.put(wan, syn(40000));
        bench.put(wan, from_client(a).tcp(40000, 80, H::ack).build());
    }
    bench.iterate();
    std::string servers;
    for (const Frame& f : bench.sent(lan)) servers += server_of(f) == std::byte{0x0b} ? 'b' : 'c';
    // The second RST resets the second connection, and the third goes to the first server again.
    EXPECT_EQ(servers, "bcccbb");
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 1U);
    EXPECT_EQ(bench.dest(1, &DestCounters::total), 0U);
}

TEST_P(AdmitReuse, WithoutAnyServerTheOldConnectionEndsToo) {
    open(H::rst);
    for (auto& server : bench.services[0].servers) server.weight = 0;
    bench.publish();
    bench.put(wan, syn(40000));
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::no_destination), 1U);
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 0U);
    EXPECT_EQ(bench.sent(wan).size(), 1U);
}

TEST_P(AdmitReuse, InAFullTableItTakesThePlaceOfTheOld) {
    open(H::rst);
    for (const std::uint16_t port : std::initializer_list<std::uint16_t>{40001, 40002, 40003})
        bench.put(wan, syn(port));
    bench.settle();
    ASSERT_EQ(bench.connections(), 4U);
    bench.put(wan, syn(40000));
    bench.settle();
    EXPECT_EQ(bench.connections(), 4U);
    EXPECT_EQ(bench.all_dropped(), 0U);
}

}  // namespace
}  // namespace shunt
