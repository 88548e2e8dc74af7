// SPDX-License-Identifier: BSD-3-Clause
// A service on a mark without usable server lets packets go on to where they were sent
// (cache_bypass; ipvs-behaviour 1.6 step 2, 1.15).
#include "support/admission.h"

namespace shunt {
namespace {

using namespace test;

class Bypass : public Admission {
  protected:
    Bypass() : Admission({.connections = 4}) {
        add_marked(8080);
        set_weights(0);
        bench.network.add_route({ip(a.elsewhere), all_bits()}, {{lan_link, ip(a.server2), 1}});
        bench.tunables.cache_bypass = 1;
        bench.publish();
    }
    [[nodiscard]] PacketBuilder outward() const {
        return PacketBuilder().mac(client_mac, wan_mac).ip(a.client, a.elsewhere);
    }
    [[nodiscard]] Frame out_syn(std::uint16_t port = 40000) const {
        return outward().tcp(port, 80, H::syn).build();
    }
    [[nodiscard]] std::uint64_t scheduled() {
        return bench.dest(0, &DestCounters::connections) +
               bench.dest(1, &DestCounters::connections);
    }
};
INSTANTIATE_TEST_SUITE_P(Families, Bypass, ::testing::ValuesIn(families), family_name);

TEST_P(Bypass, ThePacketGoesToItsOwnDestinationAsARouterWouldSendIt) {
    bench.put(wan, outward().ttl(9).tcp(40000, 80, H::syn).payload(3).build());
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(lan), PacketBuilder()
                                                    .mac(lan_mac, server2_mac)
                                                    .ip(a.client, a.elsewhere)
                                                    .ttl(8)
                                                    .tcp(40000, 80, H::syn)
                                                    .payload(3)
                                                    .build()));
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(scheduled(), 0U) << "nothing was";
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 0U);
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(Bypass, LaterPacketsFollowWhateverBecomesOfTheService) {
    EXPECT_EQ(send(out_syn()), "second as is:80");
    set_weights(1);
    bench.tunables.cache_bypass = 0;
    bench.publish();
    EXPECT_EQ(send(outward().tcp(40000, 80, H::ack).build()), "second as is:80");
    EXPECT_EQ(send(out_syn(40001)), "first:8080");
    bench.services[0].removed = true;
    bench.publish();
    EXPECT_EQ(send(outward().tcp(40000, 80, H::ack).build()), "second as is:80");
    EXPECT_EQ(bench.connections(), 2U);
}

TEST_P(Bypass, DatagramsToo) {
    EXPECT_EQ(send(outward().udp(40000, 53).build()), "second as is:53");
    EXPECT_EQ(send(outward().udp(40000, 53).build()), "second as is:53");
    EXPECT_EQ(bench.connections(), 1U);
    bench.pass(Seconds(301));
    bench.settle();
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(Bypass, ItIsAConnectionThatOnlyTheClientSpeaksIn) {
    send(out_syn());
    send(outward().tcp(40000, 80, H::ack).build());
    send(outward().tcp(40000, 80, H::fin | H::ack).build());
    const auto state = [&]() -> std::uint8_t {
        if (is_v4()) {
            const auto* conn =
                bench.connection<Ipv4>(a.client, 40000, a.elsewhere, 80, Protocol::tcp);
            return conn != nullptr ? conn->state : 0;
        }
        const auto* conn = bench.connection<Ipv6>(a.client, 40000, a.elsewhere, 80, Protocol::tcp);
        return conn != nullptr ? conn->state : 0;
    };
    EXPECT_EQ(tcp_state_name(static_cast<TcpState>(state())), "FIN_WAIT");
    bench.pass(Seconds(121));
    bench.settle();
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(Bypass, TheAnswerIsTheHostsToForward) {
    send(out_syn());
    const Frame answer = PacketBuilder()
                             .mac(server2_mac, lan_mac)
                             .ip(a.elsewhere, a.client)
                             .tcp(80, 40000, H::syn | H::ack)
                             .build();
    bench.put(lan, answer);
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_to_host(lan), answer));
    EXPECT_TRUE(bench.sent(wan).empty());
}

TEST_P(Bypass, SwitchedOffTheClientIsRefused) {
    bench.tunables.cache_bypass = 0;
    bench.publish();
    EXPECT_EQ(send(out_syn()), "refused");
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(Bypass, WithAServerThereIsNone) {
    set_weights(1);
    bench.publish();
    EXPECT_EQ(send(out_syn()), "first:8080");
}

TEST_P(Bypass, OnlyOfAServiceOnAMark) {
    bench.services.clear();
    bench.marks.clear();
    bench.add_service(Protocol::tcp, a.endpoint(a.elsewhere, 80), {});
    bench.publish();
    EXPECT_EQ(send(out_syn()), "refused");
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(Bypass, NotToTheHostItself) {
    EXPECT_EQ(send(syn(40000)), "refused");
    EXPECT_EQ(send(from().ip(a.client, a.lan_self).udp(40000, 53).build()), "refused");
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(Bypass, NotToMany) {
    bench.network.add_route({ip(is_v4() ? "239.1.1.1" : "ff0e::1:1"), all_bits()},
                            {{lan_link, ip(a.server2), 1}});
    bench.publish();
    EXPECT_EQ(send(from().ip(a.client, is_v4() ? "239.1.1.1" : "ff0e::1:1").udp(4, 53).build()),
              "dropped")
        << "nor is anything said about it";
    EXPECT_EQ(bench.dropped(DropReason::no_destination), 1U);
}

TEST_P(Bypass, NotForAnErrorThatSchedules) {
    bench.tunables.schedule_icmp = 1;
    bench.publish();
    const Frame quoted = PacketBuilder().ip(a.elsewhere, a.client).udp(53, 40000).build();
    const auto type = static_cast<std::uint8_t>(is_v4() ? 3 : 1);
    EXPECT_EQ(send(outward().icmp(type, 1).payload(network_part(quoted)).build()), "dropped");
    EXPECT_EQ(bench.dropped(DropReason::no_destination), 1U);
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(Bypass, TheRulesOfARouterHold) {
    EXPECT_EQ(send(outward().ttl(1).tcp(40000, 80, H::syn).build()),
              is_v4() ? "error 11/0" : "error 3/0");
    bench.network = links(1500, 1280);
    add_neighbours(bench.network);
    bench.network.add_route({ip(a.elsewhere), all_bits()}, {{lan_link, ip(a.server2), 1}});
    bench.publish();
    EXPECT_EQ(send(outward().dont_fragment(is_v4()).udp(40000, 53).payload(1400).build()),
              is_v4() ? "error 3/4" : "error 2/0");
    EXPECT_EQ(bench.dropped(DropReason::too_big), 1U);
    EXPECT_EQ(bench.dropped(DropReason::ttl_expired), 1U);
    EXPECT_EQ(bench.connections(), 2U) << "they came to be before their packets ended";
}

TEST_P(Bypass, AWayThatEndsLaterIsReported) {
    EXPECT_EQ(send(out_syn()), "second as is:80");
    bench.network = links();
    add_neighbours(bench.network);
    bench.publish();
    EXPECT_EQ(send(outward().tcp(40000, 80, H::ack).build()), is_v4() ? "error 3/1" : "error 1/3");
    EXPECT_EQ(bench.dropped(DropReason::no_route), 1U);
}

TEST_P(Bypass, AFullTableEndsItSilently) {
    for (std::uint16_t port = 40000; port < 40004; ++port) {
        EXPECT_EQ(send(out_syn(port)), "second as is:80");
        EXPECT_EQ(send(outward().tcp(port, 80, H::ack).build()), "second as is:80");
    }
    EXPECT_EQ(send(out_syn(40004)), "dropped");
    EXPECT_EQ(bench.dropped(DropReason::connections_full), 1U);
}

TEST_P(Bypass, NobodyIsTiedByIt) {
    bench.services[0].persistence = Persistence{.timeout = Seconds(300), .granularity = all_bits()};
    bench.publish();
    EXPECT_EQ(send(out_syn(40000)), "second as is:80");
    EXPECT_EQ(bench.shared().affinity->slots_used(), 0U);
    set_weights(1);
    bench.publish();
    EXPECT_EQ(send(out_syn(40001)), "first:80");
}

TEST_P(Bypass, DatagramsThatAreOneEachAreSoHereToo) {
    bench.services[0].one_packet = true;
    bench.publish();
    EXPECT_EQ(send(outward().udp(40000, 53).build()), "second as is:53");
    EXPECT_EQ(bench.connections(), 0U);
    set_weights(1);
    bench.publish();
    EXPECT_EQ(send(outward().udp(40000, 53).build()), "first:8080");
}

class BypassToNowhere : public Admission {};
INSTANTIATE_TEST_SUITE_P(Families, BypassToNowhere, ::testing::ValuesIn(families), family_name);

TEST_P(BypassToNowhere, WithoutARouteTheClientIsToldSo) {
    add_marked(8080);
    set_weights(0);
    bench.tunables.cache_bypass = 1;
    bench.publish();
    const Frame syn = PacketBuilder()
                          .mac(client_mac, wan_mac)
                          .ip(a.client, a.elsewhere)
                          .tcp(40000, 80, H::syn)
                          .build();
    EXPECT_EQ(send(syn), is_v4() ? "error 3/1" : "error 1/3");
    EXPECT_EQ(bench.dropped(DropReason::no_route), 1U);
}

}  // namespace
}  // namespace shunt
