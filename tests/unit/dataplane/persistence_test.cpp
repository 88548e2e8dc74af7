// SPDX-License-Identifier: BSD-3-Clause
// Clients come back to their server (ipvs-behaviour 2.9, 2.10, 5).
#include "dataplane/persistence.h"

#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using namespace std::chrono_literals;
using H = TcpHeader;
using Seconds = std::chrono::duration<std::uint32_t>;
using Rows = std::vector<AffinityTable::Row>;

constexpr DestId first{0};
constexpr DestId second{1};
constexpr std::uint16_t kept_port = 0;

class Persistent : public ::testing::TestWithParam<Addresses> {
  protected:
    /// Servers 0 and 1, which the scheduler takes in turn.
    WorkerBench::Service& add(Protocol protocol, int port, int server_port,
                              ForwardMethod forward = ForwardMethod::nat) {
        bench.add_service(protocol, a.endpoint(a.vip, port),
                          {a.endpoint(a.server, server_port), a.endpoint(a.server2, server_port)},
                          forward);
        auto& service = bench.services.back();
        service.persistence = Persistence{
            .timeout = Seconds(300), .granularity = static_cast<std::uint8_t>(ip(a.vip).bits())};
        return service;
    }
    void add_and_publish(Protocol protocol, int port, int server_port) {
        add(protocol, port, server_port);
        bench.publish();
    }
    /// The client whose address ends in `last` on the client's link.
    [[nodiscard]] std::string client(int last) const {
        std::string text(a.client);
        return text.substr(0, text.size() - 3) + std::to_string(last);
    }
    PacketBuilder from(int last) {
        return PacketBuilder().mac(client_mac, wan_mac).ip(client(last), a.vip);
    }
    [[nodiscard]] Frame syn(int last, std::uint16_t port, std::uint16_t to = 80) {
        return from(last).tcp(port, to, H::syn).build();
    }
    /// Sends it and tells to which server, and port, it went.
    struct Went {
        std::string_view server;
        std::uint16_t port;
        bool operator==(const Went&) const = default;
    };
    Went send(const Frame& frame) {
        bench.put(wan, frame);
        bench.settle();
        const auto out = bench.sent(lan);
        if (out.size() != 1) return {"nowhere", 0};
        const bool is_first = std::equal(out[0].begin(), out[0].begin() + 6,
                                         reinterpret_cast<const std::byte*>(&first_mac));
        return {is_first ? a.server : a.server2, get16(out[0], 14 + a.header + 2)};
    }
    [[nodiscard]] Went to(std::string_view server, std::uint16_t port) const {
        return {server, port};
    }
    Rows rows() {
        Rows all;
        bench.shared().affinity->for_each(
            0, 64, bench.worker().now, [&](const AffinityTable::Row& row) { all.push_back(row); });
        return all;
    }
    std::uint32_t tied(DestId dest) { return bench.shared().affinity->count(dest); }
    const Addresses& a = GetParam();
    const MacAddress first_mac = mac(server_mac);
    WorkerBench bench{{.connections = 16, .templates = 4}};
};
INSTANTIATE_TEST_SUITE_P(Families, Persistent, ::testing::ValuesIn(families), family_name);

TEST_P(Persistent, AClientComesBackToItsServerAndOthersAreScheduled) {
    add_and_publish(Protocol::tcp, 80, 8080);
    EXPECT_EQ(send(syn(101, 40000)), to(a.server, 8080));
    EXPECT_EQ(send(syn(101, 40001)), to(a.server, 8080));
    EXPECT_EQ(send(syn(102, 40000)), to(a.server2, 8080));
    EXPECT_EQ(send(syn(102, 40001)), to(a.server2, 8080));
    EXPECT_EQ(send(syn(101, 40002)), to(a.server, 8080));
    EXPECT_EQ(tied(first), 1U);
    EXPECT_EQ(tied(second), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 3U) << "templates are none";
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 3U);
}

TEST_P(Persistent, ATemplateHasTheServicesPortAndItsServers) {
    add_and_publish(Protocol::tcp, 80, 8080);
    send(syn(101, 40000));
    const auto all = rows();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].key.protocol, Protocol::tcp);
    EXPECT_EQ(all[0].key.port.value(), 80);
    EXPECT_EQ(all[0].port.value(), 8080);
    EXPECT_EQ(all[0].left, Seconds(300));
}

TEST_P(Persistent, ProtocolsAreTiedByThemselves) {
    add(Protocol::tcp, 80, 8080);
    auto& udp = add(Protocol::udp, 80, 8080);
    udp.scheduler = nullptr;
    udp.state->word = 1;
    bench.publish();
    EXPECT_EQ(send(syn(101, 40000)), to(a.server, 8080));
    EXPECT_EQ(send(from(101).udp(40000, 80).build()), to(a.server2, 8080));
}

TEST_P(Persistent, ClientsOfOnePrefixAreOne) {
    auto& service = add(Protocol::tcp, 80, 8080);
    service.persistence->granularity = static_cast<std::uint8_t>(ip(a.vip).bits() - 4);
    bench.publish();
    const int base = a.header == 20 ? 96 : 160;  // of 16 addresses; 0x160 is one of them
    EXPECT_EQ(send(syn(base + 5, 40000)), to(a.server, 8080));
    EXPECT_EQ(send(syn(base + 6, 40000)), to(a.server, 8080));
    EXPECT_EQ(send(syn(base + 80, 40000)), to(a.server2, 8080));
}

TEST_P(Persistent, WithoutAnyBitAllClientsAreOne) {
    auto& service = add(Protocol::tcp, 80, 8080);
    service.persistence->granularity = 0;
    bench.publish();
    EXPECT_EQ(send(syn(101, 40000)), to(a.server, 8080));
    EXPECT_EQ(send(syn(202, 40000)), to(a.server, 8080));
}

TEST_P(Persistent, AClientIsForgottenWhenItsTimeIsOver) {
    add_and_publish(Protocol::tcp, 80, 8080);
    EXPECT_EQ(send(syn(101, 40000)), to(a.server, 8080));
    bench.pass(Seconds(61));
    bench.settle();
    EXPECT_EQ(bench.connections(), 0U);
    bench.pass(Seconds(238));
    EXPECT_EQ(send(syn(101, 40001)), to(a.server, 8080));
    bench.pass(Seconds(62));
    bench.settle();
    bench.pass(Seconds(238));
    EXPECT_EQ(send(syn(101, 40002)), to(a.server2, 8080));
}

TEST_P(Persistent, AConnectionHoldsItsTemplate) {
    auto& service = add(Protocol::tcp, 80, 8080);
    service.persistence->timeout = Seconds(30);
    bench.publish();
    send(syn(101, 40000));
    bench.pass(Seconds(59));
    bench.settle();
    ASSERT_EQ(rows().size(), 1U);
    EXPECT_EQ(rows()[0].left, Seconds(31));
    bench.pass(Seconds(2));  // the connection ends after 60 s of SYN_RECV
    bench.settle();
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(rows().size(), 1U);
    bench.pass(Seconds(29));
    bench.settle();
    EXPECT_TRUE(rows().empty());
}

TEST_P(Persistent, AQuiescentServerKeepsItsClients) {
    auto& service = add(Protocol::tcp, 80, 8080);
    bench.publish();
    EXPECT_EQ(send(syn(101, 40000)), to(a.server, 8080));
    service.servers[0].weight = 0;
    bench.publish();
    EXPECT_EQ(send(syn(101, 40001)), to(a.server, 8080));
    EXPECT_EQ(send(syn(102, 40001)), to(a.server2, 8080));
    EXPECT_EQ(send(syn(103, 40001)), to(a.server2, 8080));
}

TEST_P(Persistent, UnlessItIsToLoseThem) {
    auto& service = add(Protocol::tcp, 80, 8080);
    bench.publish();
    send(syn(101, 40000));
    service.servers[0].weight = 0;
    bench.tunables.expire_quiescent_template = 1;
    bench.publish();
    EXPECT_EQ(send(syn(101, 40001)), to(a.server2, 8080));
    service.servers[0].weight = 1;
    bench.publish();
    EXPECT_EQ(send(syn(101, 40002)), to(a.server2, 8080)) << "the old template is never followed";
}

TEST_P(Persistent, ARemovedServerLosesItsClients) {
    auto& service = add(Protocol::tcp, 80, 8080);
    bench.publish();
    send(syn(101, 40000));
    service.servers[0].removed = true;
    bench.publish();
    EXPECT_EQ(send(syn(101, 40001)), to(a.server2, 8080));
    EXPECT_EQ(tied(first), 1U) << "until the template's time is over";
}

TEST_P(Persistent, AServerThatComesBackInTimeHasItsClientsStill) {
    auto& service = add(Protocol::tcp, 80, 8080);
    bench.publish();
    send(syn(101, 40000));
    service.servers[0].removed = true;
    bench.publish();
    service.servers[0].removed = false;
    bench.publish();
    EXPECT_EQ(send(syn(101, 40001)), to(a.server, 8080));
}

TEST_P(Persistent, WithoutServerTheClientIsToldSo) {
    auto& service = add(Protocol::tcp, 0, kept_port);
    service.servers[0].weight = service.servers[1].weight = 0;
    bench.publish();
    bench.network.add_neighbour(wan_link, ip(client(101)), mac(client_mac));
    bench.publish();
    EXPECT_EQ(send(syn(101, 40000)), to("nowhere", 0));
    EXPECT_EQ(bench.sent(wan).size(), 1U);
    EXPECT_EQ(bench.dropped(DropReason::no_destination), 1U);
    EXPECT_TRUE(rows().empty());
}

TEST_P(Persistent, AServiceOnAllPortsKeepsPortsAndTiesThemTogether) {
    add_and_publish(Protocol::tcp, 0, kept_port);
    EXPECT_EQ(send(syn(101, 40000, 80)), to(a.server, 80));
    EXPECT_EQ(send(syn(101, 40000, 8443)), to(a.server, 8443));
    EXPECT_EQ(send(syn(102, 40000, 22)), to(a.server2, 22));
    const auto all = rows();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].key.port, L4Port{});
    EXPECT_EQ(all[0].port, L4Port{});
}

TEST_P(Persistent, AServiceOnAllPortsIgnoresThePortsOfItsServers) {
    add_and_publish(Protocol::tcp, 0, 8080);
    EXPECT_EQ(send(syn(101, 40000, 80)), to(a.server, 80));
    EXPECT_EQ(send(syn(101, 40000, 443)), to(a.server, 443));
    EXPECT_EQ(rows().at(0).port, L4Port{});
}

TEST_P(Persistent, AServiceOnAMarkTiesEverythingAndIgnoresThePortsOfItsServers) {
    auto& service = add(Protocol::none, 0, 8080);
    service.mark = Mark(7);
    bench.marks.push_back({.mark = Mark(7)});
    bench.publish();
    EXPECT_EQ(send(syn(101, 40000, 80)), to(a.server, 80));
    EXPECT_EQ(send(from(101).udp(40000, 53).build()), to(a.server, 53));
    EXPECT_EQ(send(syn(102, 40000, 80)), to(a.server2, 80));
    const auto all = rows();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].key.protocol, Protocol::none);
    EXPECT_EQ(all[0].key.port, L4Port{});
    EXPECT_EQ(all[0].key.service, (std::array<std::uint8_t, 16>{0, 0, 0, 7}));
}

TEST_P(Persistent, AServiceOnAMarkThatIsNotPersistentUsesThem) {
    auto& service = add(Protocol::none, 0, 8080);
    service.mark = Mark(7);
    service.persistence.reset();
    bench.marks.push_back({.mark = Mark(7)});
    bench.publish();
    EXPECT_EQ(send(syn(101, 40000, 80)), to(a.server, 8080));
    EXPECT_EQ(send(syn(101, 40000, 81)), to(a.server2, 8080));
    EXPECT_TRUE(rows().empty());
}

TEST_P(Persistent, FtpDataGoWithTheirControlConnectionAndKeepTheirPort) {
    add_and_publish(Protocol::tcp, 21, 2121);
    EXPECT_EQ(send(syn(101, 40000, 21)), to(a.server, 2121));
    EXPECT_EQ(send(syn(102, 40000, 21)), to(a.server2, 2121));
    EXPECT_EQ(send(syn(101, 40001, 50000)), to(a.server, 50000));
    EXPECT_EQ(send(from(102).tcp(40001, 20, H::syn | H::ack).build()), to(a.server2, 20));
    EXPECT_EQ(rows().size(), 2U);
}

TEST_P(Persistent, BesideFtpWithoutServerIsTheHosts) {
    auto& service = add(Protocol::tcp, 21, 2121);
    service.servers[0].weight = service.servers[1].weight = 0;
    bench.publish();
    send(syn(101, 40001, 50000));
    EXPECT_EQ(bench.to_host(wan).size(), 1U);
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(Persistent, OnePacketEachIsTiedTooAndHoldsNothing) {
    auto& service = add(Protocol::udp, 53, 5353);
    service.one_packet = true;
    bench.publish();
    EXPECT_EQ(send(from(101).udp(5000, 53).build()), to(a.server, 5353));
    EXPECT_EQ(send(from(101).udp(5000, 53).build()), to(a.server, 5353));
    EXPECT_EQ(send(from(102).udp(5000, 53).build()), to(a.server2, 5353));
    EXPECT_EQ(bench.connections(), 0U);
    bench.pass(Seconds(300));
    bench.settle();
    EXPECT_TRUE(rows().empty()) << "a template in use would not end";
}

TEST_P(Persistent, ATcpConnectionAssuresWhenItIsEstablished) {
    add_and_publish(Protocol::tcp, 80, 8080);
    send(syn(101, 40000));
    EXPECT_FALSE(rows().at(0).assured);
    send(from(101).tcp(40000, 80, H::ack).build());
    EXPECT_TRUE(rows().at(0).assured);
}

TEST_P(Persistent, AUdpConnectionAssuresWhenTheServerAnswers) {
    add_and_publish(Protocol::udp, 80, 8080);
    bench.put(wan, from_client(a).udp(40000, 80).build());
    bench.put(wan, from_client(a).udp(40000, 80).build());
    bench.settle();
    EXPECT_FALSE(rows().at(0).assured);
    bench.put(lan, from_server(a).udp(8080, 40000).build());
    bench.settle();
    EXPECT_TRUE(rows().at(0).assured);
}

TEST_P(Persistent, APortUsedAgainIsNoNewConnection) {
    add_and_publish(Protocol::tcp, 80, 8080);
    const Frame first_syn = from_client(a).tcp(40000, 80, H::syn).build();
    send(first_syn);
    bench.put(lan, from_server(a).tcp(8080, 40000, H::rst).build());
    bench.settle();
    EXPECT_EQ(send(first_syn), to(a.server, 8080));
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 1U);
}

TEST_P(Persistent, OfAQuiescentServerItIs) {
    auto& service = add(Protocol::tcp, 80, 8080);
    bench.publish();
    send(syn(101, 40000));
    service.servers[0].weight = 0;
    bench.tunables.expire_nodest_conn = 1;
    bench.tunables.expire_quiescent_template = 1;
    bench.publish();
    EXPECT_EQ(send(syn(101, 40000)), to(a.server2, 8080));
    EXPECT_EQ(bench.connections(), 1U);
}

TEST_P(Persistent, WithoutRoomForATemplateThereIsNoConnection) {
    add_and_publish(Protocol::tcp, 80, 8080);
    for (int last = 101; last <= 104; ++last) EXPECT_NE(send(syn(last, 40000)), to("nowhere", 0));
    EXPECT_EQ(send(syn(105, 40000)), to("nowhere", 0));
    EXPECT_EQ(bench.dropped(DropReason::connections_full), 1U);
    EXPECT_NE(send(syn(104, 40001)), to("nowhere", 0));
}

TEST_P(Persistent, WithoutRoomForAConnectionItsTemplateIsNotHeld) {
    add_and_publish(Protocol::tcp, 80, 8080);
    bench.tunables.conn_max = 0;
    bench.publish();
    EXPECT_EQ(send(syn(101, 40000)), to("nowhere", 0));
    EXPECT_EQ(send(syn(102, 40000)), to("nowhere", 0));
    EXPECT_EQ(bench.dropped(DropReason::connections_full), 2U);
    EXPECT_EQ(rows().size(), 2U);
    bench.pass(Seconds(61));
    bench.settle();
    bench.pass(Seconds(240));
    bench.settle();
    EXPECT_TRUE(rows().empty());
}

TEST_P(Persistent, DirectServersAreTiedToo) {
    auto& service = add(Protocol::tcp, 0, kept_port, ForwardMethod::direct);
    static_cast<void>(service);
    bench.publish();
    EXPECT_EQ(send(syn(101, 40000, 80)), to(a.server, 80));
    EXPECT_EQ(send(syn(102, 40000, 80)), to(a.server2, 80));
    EXPECT_EQ(send(syn(101, 40000, 443)), to(a.server, 443));
}

TEST_P(Persistent, AnEditedMethodIsThatOfTheNextConnection) {
    auto& service = add(Protocol::tcp, 80, 80);
    bench.publish();
    send(syn(101, 40000));
    service.servers[0].forward = ForwardMethod::direct;
    bench.publish();
    bench.put(wan, syn(101, 40001));
    bench.settle();
    const Frame expected = PacketBuilder()
                               .mac(lan_mac, server_mac)
                               .ip(client(101), a.vip)
                               .ttl(63)
                               .tcp(40001, 80, H::syn)
                               .build();
    EXPECT_TRUE(same_frame(bench.one_sent(lan), expected));
}

/// The ports of one client belong to several workers.
class PersistentWorkers : public ::testing::Test {};

TEST_F(PersistentWorkers, ShareTheTemplatesAndKnowAnswersFromAnyPort) {
    WorkerBench bench({.workers = 3, .receive_queues = 1});
    bench.add_service(Protocol::tcp, "192.0.2.10:0", {"198.51.100.11:8080", "198.51.100.12:8080"});
    bench.services.back().persistence = Persistence{.timeout = Seconds(300), .granularity = 32};
    bench.publish();
    for (std::uint16_t port = 40000; port < 40064; ++port)
        bench.put(wan, from_client(v4).tcp(port, 80, H::syn).build());
    bench.settle();
    EXPECT_EQ(bench.sent(lan).size(), 64U);
    for (std::uint16_t w = 0; w < 3; ++w) EXPECT_GT(bench.worker(w).conns_v4.size(), 0U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 64U);
    EXPECT_EQ(bench.shared().affinity->count(first), 1U);
    EXPECT_EQ(bench.shared().affinity->count(second), 0U);
    for (std::uint16_t port = 40000; port < 40064; ++port)
        bench.put(lan, from_server(v4).tcp(80, port, H::syn | H::ack).build());
    bench.settle();
    EXPECT_EQ(bench.sent(wan).size(), 64U);
    bench.pass(Seconds(61));
    bench.settle();
    bench.pass(Seconds(240));
    bench.settle();
    bench.shared().affinity->sweep(0, 64, bench.worker().now);
    EXPECT_EQ(bench.shared().affinity->count(first), 0U) << "all connections let it go";
}

}  // namespace
}  // namespace shunt
