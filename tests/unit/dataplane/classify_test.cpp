// SPDX-License-Identifier: BSD-3-Clause
// Stage 2: what is balanced at all, and by whom (packet-walk: Classify; ipvs-behaviour 1.2, 1.21).
#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

class Classify : public ::testing::TestWithParam<Addresses> {
  protected:
    Classify() { bench.add_usual_services(); }
    /// The frame reaches the host's twin of the port where it came in, unchanged.
    void expect_to_host(PortId port, const Frame& frame) {
        bench.put(port, frame);
        bench.settle();
        EXPECT_TRUE(same_frame(bench.one_to_host(port), frame));
        EXPECT_EQ(bench.connections(), 0U);
        EXPECT_EQ(bench.all_dropped(), 0U);
    }
    const Addresses& a = GetParam();
    WorkerBench bench;
};
INSTANTIATE_TEST_SUITE_P(Families, Classify, ::testing::ValuesIn(families), family_name);

TEST_P(Classify, OnlyTheHostsOwnLinkAddressIsBalanced) {
    const auto syn = from_client(a).tcp(40000, 80, TcpHeader::syn);
    expect_to_host(wan, PacketBuilder(syn).mac(client_mac, lan_mac).build());
    expect_to_host(wan, PacketBuilder(syn).mac(client_mac, "02:00:00:00:00:0f").build());
    expect_to_host(wan, PacketBuilder(syn).mac(client_mac, "ff:ff:ff:ff:ff:ff").build());
    expect_to_host(wan, PacketBuilder(syn).mac(client_mac, "01:00:5e:00:00:01").build());
    expect_to_host(wan, PacketBuilder(syn).mac(client_mac, "33:33:00:00:00:01").build());
}

TEST_P(Classify, ALinkAddressOfAnotherInterfaceOnThePortCounts) {
    bench.network.add_interface({7, wan, 0, mac("02:00:5e:00:01:33"), 1500, "vrrp"});
    bench.publish();
    bench.put(
        wan,
        from_client(a).mac(client_mac, "02:00:5e:00:01:33").tcp(40000, 80, TcpHeader::syn).build());
    bench.settle();
    EXPECT_TRUE(
        same_frame(bench.one_sent(lan), to_server(a).tcp(40000, 8080, TcpHeader::syn).build()));
}

TEST_P(Classify, TagsOfNoInterfaceGoToTheHost) {
    const auto syn = from_client(a).tcp(40000, 80, TcpHeader::syn);
    expect_to_host(wan, PacketBuilder(syn).vlan(5).build());
    expect_to_host(wan, PacketBuilder(syn).vlan(5).vlan(6).build());
    expect_to_host(wan, PacketBuilder(syn).vlan(0).vlan(0).build());
    expect_to_host(wan, PacketBuilder(syn).vlan(0, EtherType::qinq).build());
}

TEST_P(Classify, EachPacketOfABurstIsJudgedByItsOwnHeader) {
    const auto syn = from_client(a).tcp(40000, 80, TcpHeader::syn);
    const std::vector<Frame> others{
        PacketBuilder(syn).mac(client_mac, lan_mac).build(),
        PacketBuilder(syn).vlan(5).build(),
        PacketBuilder(syn).vlan(0).vlan(0).build(),
        PacketBuilder(syn).vlan(0, EtherType::qinq).build(),
        PacketBuilder(syn).mac(client_mac, "03:00:00:00:00:0a").build(),
    };
    for (const Frame& other : others) {
        bench.put(wan, syn.build());
        bench.put(wan, other);
        bench.put(wan, other);
    }
    bench.put(wan, syn.build());
    bench.iterate();
    EXPECT_EQ(bench.sent(lan).size(), others.size() + 1);
    const auto to_host = bench.to_host(wan);
    ASSERT_EQ(to_host.size(), 2 * others.size());
    for (std::size_t i = 0; i < to_host.size(); ++i)
        EXPECT_TRUE(same_frame(to_host[i], others[i / 2]));
}

TEST_P(Classify, APriorityTagIsNoVlan) {
    bench.put(wan, from_client(a).vlan(0xE000).tcp(40000, 80, TcpHeader::syn).build());
    bench.settle();
    EXPECT_TRUE(
        same_frame(bench.one_sent(lan), to_server(a).tcp(40000, 8080, TcpHeader::syn).build()));
}

TEST_P(Classify, OtherProtocolsGoToTheHost) {
    for (const int protocol : {1, 2, 47, 58, 89, 253})
        expect_to_host(
            wan,
            from_client(a).ip_protocol(static_cast<std::uint8_t>(protocol)).payload(40).build());
    expect_to_host(wan, from_client(a).icmp(8, 0, 7).payload(40).build());
}

TEST_P(Classify, PacketsForNobodyGoToTheHost) {
    expect_to_host(wan, from_client(a).ip(a.client, a.wan_self).tcp(40000, 80).build());
    expect_to_host(wan, from_client(a).ip(a.client, a.elsewhere).udp(40000, 80).build());
    expect_to_host(lan, from_server(a).tcp(8080, 40000).build());
    expect_to_host(lan, from_server(a).udp(9999, 40000).build());
}

TEST_P(Classify, FragmentsThatMayConcernAServiceWaitForTheRest) {
    const auto first = [&](PacketBuilder b) { return b.fragment(0, true).build(); };
    const auto later = [&](PacketBuilder b) { return b.fragment(1480, false).build(); };
    bench.put(wan, first(from_client(a).udp(40000, 80).payload(64)));
    bench.put(wan, later(from_client(a).ip(a.client, a.vip).ip_protocol(17).payload(64)));
    bench.put(lan, first(from_server(a).udp(8080, 40000).payload(64)));
    bench.settle();
    EXPECT_EQ(bench.sum(&WorkerCounters::held), 3U);
    EXPECT_EQ(bench.all_dropped(), 0U);
    EXPECT_TRUE(bench.to_host(wan).empty());
}

TEST_P(Classify, OtherFragmentsGoToTheHost) {
    expect_to_host(wan, from_client(a)
                            .ip(a.client, a.wan_self)
                            .udp(40000, 80)
                            .payload(64)
                            .fragment(0, true)
                            .build());
    expect_to_host(wan, from_client(a)
                            .ip(a.client, a.wan_self)
                            .ip_protocol(17)
                            .payload(64)
                            .fragment(64, true)
                            .build());
}

TEST_P(Classify, ADatagramForNoServiceGoesToTheHostInItsFragments) {
    const std::vector<Frame> frames = {
        from_client(a).udp(40000, 81).payload(192).fragment(0, true).build(),
        from_client(a).ip_protocol(17).payload(200).fragment(200, true).build(),
        from_client(a).ip_protocol(17).payload(77).fragment(400, false).build()};
    for (const Frame& frame : frames) bench.put(wan, frame);
    bench.settle();
    const auto given = bench.to_host(wan);
    ASSERT_EQ(given.size(), frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i)
        EXPECT_EQ(network_part(given[i]).size(), network_part(frames[i]).size()) << i;
    EXPECT_EQ(bench.sum(&WorkerCounters::joined), frames.size() - 1);
    EXPECT_EQ(bench.sum(&WorkerCounters::split), frames.size() - 1);
}

TEST_P(Classify, TheFragmentHeaderOfAWholePacketIsTakenOff) {
    bench.put(wan, from_client(a).udp(40000, 80).payload(64).fragment(0, false).build());
    bench.settle();
    // With IPv4 there is none.
    PacketBuilder expected = to_server(a).udp(40000, 8080).payload(64);
    if (a.header == v4.header) expected.fragment(0, false);
    EXPECT_TRUE(same_frame(bench.one_sent(lan), expected.build()));
}

/// Several workers; all packets come in at worker 0.
class ClassifyAmongWorkers : public ::testing::TestWithParam<Addresses> {
  protected:
    ClassifyAmongWorkers() : bench({.workers = 4}) { bench.add_usual_services(); }
    [[nodiscard]] std::uint16_t owner(std::uint16_t port) {
        const IpAddress client = ip(a.client);
        const auto& function = *bench.shared().owner;
        return (a.header == 20 ? function.owner<Ipv4>(client.v4(), L4Port(port))
                               : function.owner<Ipv6>(client.v6(), L4Port(port)))
            .value();
    }
    [[nodiscard]] std::uint16_t port_owned_by(std::uint16_t worker) {
        std::uint16_t port = 40000;
        while (owner(port) != worker) ++port;
        return port;
    }
    const Addresses& a = GetParam();
    WorkerBench bench;
};
INSTANTIATE_TEST_SUITE_P(Families, ClassifyAmongWorkers, ::testing::ValuesIn(families),
                         family_name);

TEST_P(ClassifyAmongWorkers, BothDirectionsReachTheOwner) {
    for (std::uint16_t w = 0; w < 4; ++w) {
        const std::uint16_t port = port_owned_by(w);
        bench.put(wan, from_client(a).tcp(port, 80, TcpHeader::syn).build());
        bench.settle();
        EXPECT_TRUE(
            same_frame(bench.one_sent(lan), to_server(a).tcp(port, 8080, TcpHeader::syn).build()));
        bench.put(lan, from_server(a).tcp(8080, port, TcpHeader::syn | TcpHeader::ack).build());
        bench.settle();
        EXPECT_TRUE(
            same_frame(bench.one_sent(wan),
                       to_client(a).tcp(80, port, TcpHeader::syn | TcpHeader::ack).build()));
        EXPECT_EQ(bench.counters(w).taken_over.value(), w == 0 ? 0U : 2U) << w;
        EXPECT_EQ(bench.counters(w).forwarded.value(), 2U) << w;
        EXPECT_EQ(bench.worker(w).conns_v4.size() + bench.worker(w).conns_v6.size(), 1U) << w;
    }
    EXPECT_EQ(bench.counters(0).handed_off.value(), 6U);
    EXPECT_EQ(bench.counters(0).received.value(), 8U);
}

TEST_P(ClassifyAmongWorkers, AnswersOfADirectServerThatPassHereAreCountedByTheOwner) {
    for (auto& service : bench.services)
        for (auto& server : service.servers) server.forward = ForwardMethod::direct;
    bench.publish();
    const std::uint16_t port = port_owned_by(3);
    bench.put(wan, from_client(a).udp(port, 80).build());
    bench.put(lan, from_server(a).ip(a.vip, a.client).udp(80, port).build());
    bench.settle();
    EXPECT_EQ(bench.counters(3).taken_over.value(), 2U);
    EXPECT_EQ(bench.sum(&WorkerCounters::to_host), 1U) << "which forwards it";
    std::uint64_t out = 0;
    for (std::uint32_t id = 0; id < 4; ++id) out += bench.dest(id, &DestCounters::packets_out);
    EXPECT_EQ(out, 1U);
}

TEST_P(ClassifyAmongWorkers, PacketsForTheHostAreNotHandedOver) {
    const std::uint16_t port = port_owned_by(2);
    bench.put(wan, from_client(a).ip(a.client, a.wan_self).tcp(port, 22).build());
    bench.put(wan, from_client(a).icmp(8, 0).build());
    bench.put(lan, from_server(a).tcp(9999, port).build());
    bench.settle();
    EXPECT_EQ(bench.counters(0).to_host.value(), 3U);
    EXPECT_EQ(bench.sum(&WorkerCounters::handed_off), 0U);
}

TEST_P(ClassifyAmongWorkers, FragmentsOfOneSenderMeetAtOneWorker) {
    for (std::uint16_t id = 1; id <= 4; ++id)
        bench.put(wan, from_client(a)
                           .udp(port_owned_by(id % 4), 80)
                           .payload(64)
                           .fragment(0, true, id)
                           .build());
    bench.settle();
    int keepers = 0;
    for (std::uint16_t w = 0; w < 4; ++w) keepers += bench.counters(w).held.value() > 0 ? 1 : 0;
    EXPECT_EQ(keepers, 1);
    EXPECT_EQ(bench.sum(&WorkerCounters::held), 4U);
}

TEST_P(ClassifyAmongWorkers, TheOwnerSendsWhatNoServiceClaimsToTheTwinOfItsPort) {
    // The address is virtual, the port is not a service's: only the owner can know that there is no
    // connection. The twin has one queue, which is worker 0's.
    const Frame frame = from_client(a).tcp(port_owned_by(1), 81, TcpHeader::syn).build();
    bench.put(wan, frame);
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_to_host(wan), frame));
    EXPECT_EQ(bench.counters(0).handed_off.value(), 1U);
    EXPECT_EQ(bench.counters(1).taken_over.value(), 1U);
    EXPECT_EQ(bench.counters(1).handed_off.value(), 1U);
    EXPECT_EQ(bench.counters(0).taken_over.value(), 1U);
    EXPECT_EQ(bench.counters(0).to_host.value(), 1U);
}

TEST_P(ClassifyAmongWorkers, RepliesOfARemovedServerStillReachTheOwner) {
    const std::uint16_t port = port_owned_by(1);
    bench.put(wan, from_client(a).udp(port, 80).build());
    bench.settle();
    static_cast<void>(bench.sent(lan));
    for (auto& service : bench.services) service.removed = true;
    bench.publish();
    bench.put(lan, from_server(a).udp(8080, port).build());
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(wan), to_client(a).udp(80, port).build()));
    // And client packets of a service that is gone.
    bench.put(wan, from_client(a).udp(port, 80).build());
    bench.settle();
    EXPECT_EQ(bench.dropped(DropReason::destination_removed), 1U);
}

TEST_P(ClassifyAmongWorkers, AFullRingDropsAsHandoffFull) {
    WorkerBench small({.workers = 2, .ring_depth = 8});
    small.add_usual_services();
    std::uint16_t mine = 40000;
    const auto two_way_owner = [&](std::uint16_t p) {
        const IpAddress client = ip(a.client);
        const auto& function = *small.shared().owner;
        return a.header == 20 ? function.owner<Ipv4>(client.v4(), L4Port(p))
                              : function.owner<Ipv6>(client.v6(), L4Port(p));
    };
    while (two_way_owner(mine) != WorkerId(1)) ++mine;
    for (int i = 0; i < 10; ++i) small.put(wan, from_client(a).udp(mine, 80).build());
    small.iterate(0);
    EXPECT_EQ(small.counters(0).handed_off.value(), 7U);
    EXPECT_EQ(small.dropped(DropReason::handoff_full), 3U);
    small.settle();
    EXPECT_EQ(small.sent(lan).size(), 7U);
}

}  // namespace
}  // namespace shunt
