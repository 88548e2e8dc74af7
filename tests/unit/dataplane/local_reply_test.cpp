// SPDX-License-Identifier: BSD-3-Clause
// Real servers that are this host: requests go to its stack, and what it answers by the twin is
// translated on the way out (ipvs-behaviour 1.5 step 3, 1.8, 1.9).
#include "support/admission.h"

namespace shunt {
namespace {

using namespace test;

/// The first server is the host itself, the second one is not.
class LocalReply : public Admission {
  protected:
    explicit LocalReply(const BenchOptions& options = {.connections = 64}) : Admission(options) {
        add(Protocol::tcp, 80, 8080);
        add(Protocol::udp, 80, 8080);
        bench.network.add_local({ip(a.server), all_bits()});
        bench.publish();
    }
    /// What the host sends to the client out of `link`, as its stack makes it.
    [[nodiscard]] PacketBuilder own(std::string_view link = wan_mac) const {
        return PacketBuilder().mac(link, client_mac).ip(a.server, a.client);
    }
    std::string from_host(const Frame& frame, PortId by = wan) {
        bench.put_from_host(by, frame);
        return went();
    }
    void expect_unchanged(const Frame& frame, PortId by = wan) {
        bench.put_from_host(by, frame);
        bench.settle();
        EXPECT_TRUE(same_frame(bench.one_sent(by), frame));
    }
};
INSTANTIATE_TEST_SUITE_P(Families, LocalReply, ::testing::ValuesIn(families), family_name);

TEST_P(LocalReply, AHandshakeBothWays) {
    bench.put(wan, from().ttl(1).tcp(40000, 80, H::syn).build());
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_to_host(wan),
                           from().ip(a.client, a.server).ttl(1).tcp(40000, 8080, H::syn).build()));
    bench.put_from_host(wan, own().ttl(64).tcp(8080, 40000, H::syn | H::ack).build());
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(wan),
                           to_client(a).ttl(64).tcp(80, 40000, H::syn | H::ack).build()));
    EXPECT_EQ(send(tcp(40000, H::ack)), "host");
    EXPECT_EQ(bench.dest(0, &DestCounters::active), 1U);
    EXPECT_EQ(from_host(own().tcp(8080, 40000, H::fin | H::ack).build()), "client:40000");
    EXPECT_EQ(bench.dest(0, &DestCounters::active), 0U) << "the host's packets move the state";
    EXPECT_EQ(bench.dest(0, &DestCounters::packets_in), 2U);
    EXPECT_EQ(bench.dest(0, &DestCounters::packets_out), 2U);
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(LocalReply, ItsTtlStaysHoweverSmallItIs) {
    send(udp(40000));
    bench.put_from_host(wan, own().ttl(1).udp(8080, 40000).payload(4).build());
    bench.settle();
    EXPECT_TRUE(
        same_frame(bench.one_sent(wan), to_client(a).ttl(1).udp(80, 40000).payload(4).build()));
}

TEST_P(LocalReply, ItGoesByTheRouteToTheClient) {
    send(udp(40000));
    bench.put_from_host(lan, own(lan_mac).udp(8080, 40000).build());
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(wan), to_client(a).ttl(64).udp(80, 40000).build()));
    EXPECT_TRUE(bench.sent(lan).empty());
}

TEST_P(LocalReply, WhatElseTheHostSendsIsNotTouched) {
    send(syn(40000));
    expect_unchanged(own().tcp(8080, 40001, H::ack).build());
    expect_unchanged(own().tcp(8081, 40000, H::ack).build());
    expect_unchanged(own().udp(8080, 40000).build());
    expect_unchanged(own().ip(a.wan_self, a.client).tcp(8080, 40000, H::ack).build());
    expect_unchanged(own().icmp(is_v4() ? 8 : 128, 0).payload(8).build());
    EXPECT_EQ(bench.dest(0, &DestCounters::packets_out), 0U);
}

TEST_P(LocalReply, AStrayReplyOfTheHostIsNotRefused) {
    bench.tunables.nat_icmp_send = 1;
    bench.publish();
    expect_unchanged(own().tcp(8080, 40000, H::ack).build());
    EXPECT_TRUE(bench.to_host(wan).empty());
    EXPECT_EQ(bench.counters().generated.value(), 0U);
}

TEST_P(LocalReply, TheHostOpensNoConnection) {
    const auto ask = own().ip(a.wan_self, a.vip);
    expect_unchanged(PacketBuilder(ask).tcp(50000, 80, H::syn).build());
    expect_unchanged(PacketBuilder(ask).udp(50000, 80).build());
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(LocalReply, OfARemovedServerItIsStillTranslated) {
    send(udp(40000));
    set_removed(true);
    bench.publish();
    EXPECT_EQ(send(udp(40000)), "dropped");
    EXPECT_EQ(from_host(own().udp(8080, 40000).build()), "client:40000");
    EXPECT_EQ(bench.dest(2, &DestCounters::packets_out), 0U) << "but not counted";
    EXPECT_EQ(bench.dropped(DropReason::destination_removed), 1U);
}

TEST_P(LocalReply, OneThatIsTooLongIsCutOrItsSenderTold) {
    bench.network = links(1280, 1500);
    add_neighbours(bench.network);
    bench.network.add_local({ip(a.server), all_bits()});
    bench.publish();
    send(udp(40000));
    bench.put_from_host(wan, own().udp(8080, 40000).payload(1300).build());
    bench.settle();
    EXPECT_EQ(bench.sent(wan).size(), 2U) << "pieces";
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(LocalReply, TheOtherServersAnswersComeFromItsLink) {
    EXPECT_EQ(send(syn(40000)), "host");
    EXPECT_EQ(send(syn(40001)), "second:8080");
    EXPECT_EQ(send(PacketBuilder()
                       .mac(server2_mac, lan_mac)
                       .ip(a.server2, a.client)
                       .tcp(8080, 40001, H::syn | H::ack)
                       .build(),
                   lan),
              "client:40001");
    EXPECT_EQ(from_host(own().tcp(8080, 40000, H::syn | H::ack).build()), "client:40000");
}

TEST_P(LocalReply, WhenTheAddressLeavesTheHostItIsAServerOnTheLink) {
    EXPECT_EQ(send(syn(40000)), "host");
    bench.network = links();
    add_neighbours(bench.network);
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::ack)), "first:8080");
    EXPECT_EQ(send(from_server(a).tcp(8080, 40000, H::ack).build(), lan), "client:40000");
    const Frame late = own().tcp(8080, 40000, H::ack).build();
    bench.put_from_host(wan, late);
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(wan), late))
        << "no server is local: nothing is looked at";
}

/// Methods that do not rewrite: the host must have the address that the client asked.
class LocalDirect : public Admission {
  protected:
    LocalDirect() {
        add(Protocol::tcp, 80, 80, ForwardMethod::direct).servers.pop_back();
        bench.network.add_local({ip(a.server), all_bits()});
        bench.publish();
    }
};
INSTANTIATE_TEST_SUITE_P(Families, LocalDirect, ::testing::ValuesIn(families), family_name);

TEST_P(LocalDirect, RequestAndAnswerPassAsTheyAre) {
    const Frame request = from().ttl(1).tcp(40000, 80, H::syn).build();
    bench.put(wan, request);
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_to_host(wan), request));
    EXPECT_EQ(bench.connections(), 1U);
    const Frame answer = PacketBuilder()
                             .mac(wan_mac, client_mac)
                             .ip(a.vip, a.client)
                             .tcp(80, 40000, H::syn | H::ack)
                             .build();
    bench.put_from_host(wan, answer);
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(wan), answer));
    EXPECT_EQ(bench.dest(0, &DestCounters::packets_out), 1U) << "seen on its way";
}

TEST_P(LocalDirect, ForAnAddressElsewhereTheHostIsNoServer) {
    auto& service = bench.services[0];
    service.protocol = Protocol::none;
    service.mark = Mark(7);
    bench.marks = {{.mark = Mark(7)}};
    bench.network.add_route({ip(a.elsewhere), all_bits()}, {{lan_link, ip(a.server2), 1}});
    bench.publish();
    EXPECT_EQ(send(from().ip(a.client, a.elsewhere).tcp(40000, 80, H::syn).build()), "dropped");
    EXPECT_EQ(bench.dropped(DropReason::martian), 1U);
}

class LocalReplyWorkers : public LocalReply {
  protected:
    LocalReplyWorkers() : LocalReply({.workers = 3, .connections = 64}) {}
};
INSTANTIATE_TEST_SUITE_P(Families, LocalReplyWorkers, ::testing::ValuesIn(families), family_name);

TEST_P(LocalReplyWorkers, AreTranslatedByTheOwnerOfTheClient) {
    bench.services[1].servers.pop_back();
    bench.publish();
    for (std::uint16_t port = 40000; port < 40016; ++port) EXPECT_EQ(send(udp(port)), "host");
    for (std::uint16_t port = 40000; port < 40016; ++port)
        EXPECT_EQ(from_host(own().udp(8080, port).build()), "client:" + std::to_string(port));
    EXPECT_GT(bench.sum(&WorkerCounters::handed_off), 16U);
    EXPECT_EQ(bench.dest(2, &DestCounters::packets_out), 16U);
}

}  // namespace
}  // namespace shunt
