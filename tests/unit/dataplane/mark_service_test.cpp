// SPDX-License-Identifier: BSD-3-Clause
// Services that take packets by their mark (ipvs-behaviour 1.3, 1.5 step 7, 2.2).
#include "support/admission.h"

namespace shunt {
namespace {

using namespace test;

class Marked : public Admission {
  protected:
    /// A packet for an address that no service names.
    [[nodiscard]] PacketBuilder outward() const {
        return PacketBuilder().mac(client_mac, wan_mac).ip(a.client, a.elsewhere);
    }
    [[nodiscard]] MarkRule to_port(int port, std::uint32_t mark) const {
        const L4Port only(static_cast<std::uint16_t>(port));
        return {.protocol = Protocol::tcp, .destination_ports = {only, only}, .mark = Mark(mark)};
    }
};
INSTANTIATE_TEST_SUITE_P(Families, Marked, ::testing::ValuesIn(families), family_name);

TEST_P(Marked, TakesAnyAddressPortAndProtocol) {
    add_marked(0).scheduler = nullptr;
    bench.publish();
    EXPECT_EQ(send(syn(40000, 80)), "first:80");
    EXPECT_EQ(send(udp(40000, 53)), "second:53");
    EXPECT_EQ(send(outward().tcp(40000, 443, H::syn).build()), "first:443");
    EXPECT_EQ(send(outward().udp(40000, 443).build()), "second:443");
    EXPECT_EQ(bench.connections(), 4U);
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 2U);
}

TEST_P(Marked, ConnectionsBeginAsEverywhere) {
    add_marked(0);
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::ack)), "host");
    EXPECT_EQ(send(tcp(40000, H::rst)), "host");
    EXPECT_EQ(send(syn(20)), "host");
    EXPECT_EQ(send(udp(20)), "host");
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(Marked, AServersOwnPortIsTakenOnlyWhenItHasOne) {
    add_marked(8080).servers[1].endpoint = a.endpoint(a.server2, 0);
    bench.publish();
    EXPECT_EQ(send(syn(40000, 80)), "first:8080");
    EXPECT_EQ(send(syn(40001, 80)), "second:80");
}

TEST_P(Marked, TheAnswerComesFromTheAddressThatWasAsked) {
    add_marked(8080);
    bench.publish();
    EXPECT_EQ(send(outward().tcp(40000, 443, H::syn).build()), "first:8080");
    bench.put(lan, from_server(a).tcp(8080, 40000, H::syn | H::ack).build());
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(wan), PacketBuilder()
                                                    .mac(wan_mac, client_mac)
                                                    .ip(a.elsewhere, a.client)
                                                    .ttl(63)
                                                    .tcp(443, 40000, H::syn | H::ack)
                                                    .build()));
}

TEST_P(Marked, ComesBeforeTheServiceOfTheAddress) {
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {a.endpoint(a.server, 8080)});
    bench.add_service(Protocol::none, a.endpoint(a.vip, 0), {a.endpoint(a.server2, 9090)});
    bench.services.back().mark = Mark(7);
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080") << "without a rule nothing is marked";
    bench.marks = {to_port(80, 7)};
    bench.publish();
    EXPECT_EQ(send(syn(40001)), "second:9090");
}

TEST_P(Marked, WithoutServerThePacketIsNotGivenToTheServiceOfTheAddress) {
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {a.endpoint(a.server, 8080)});
    bench.add_service(Protocol::none, a.endpoint(a.vip, 0), {});
    bench.services.back().mark = Mark(7);
    bench.marks = {to_port(80, 7)};
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "refused");
}

TEST_P(Marked, WithoutServiceItMeansNothing) {
    add(Protocol::tcp, 80, 8080);
    bench.marks = {to_port(80, 8), to_port(81, 8)};
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080");
    EXPECT_EQ(send(syn(40000, 81)), "host");
}

TEST_P(Marked, IsOfOneFamily) {
    const Addresses& other = is_v4() ? v6 : v4;
    bench.add_service(Protocol::none, other.endpoint(other.vip, 0),
                      {other.endpoint(other.server, 0)});
    bench.services.back().mark = Mark(7);
    bench.marks = {{.mark = Mark(7)}};
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "host");
    bench.add_service(Protocol::none, a.endpoint(a.vip, 0), {a.endpoint(a.server2, 0)});
    bench.services.back().mark = Mark(7);
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "second:80");
    bench.put(wan, PacketBuilder()
                       .mac(client_mac, wan_mac)
                       .ip(other.client, other.vip)
                       .tcp(40000, 80, H::syn)
                       .build());
    bench.settle();
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 1U);
    EXPECT_EQ(bench.sent(lan).size(), 1U);
}

TEST_P(Marked, AConnectionStaysWhereItIsWhenMarksChange) {
    bench.add_service(Protocol::none, a.endpoint(a.vip, 0), {a.endpoint(a.server, 8080)});
    bench.services.back().mark = Mark(7);
    bench.add_service(Protocol::none, a.endpoint(a.vip, 0), {a.endpoint(a.server2, 9090)});
    bench.services.back().mark = Mark(8);
    bench.marks = {to_port(80, 7)};
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080");
    bench.marks = {to_port(80, 8)};
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::ack)), "first:8080");
    EXPECT_EQ(send(syn(40001)), "second:9090");
    bench.marks.clear();
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::ack)), "first:8080");
    EXPECT_EQ(send(syn(40002)), "host");
    EXPECT_EQ(send(from_server(a).tcp(8080, 40000, H::ack).build(), lan), "client:40000");
}

TEST_P(Marked, TheFirstRuleThatMatchesDecides) {
    bench.add_service(Protocol::none, a.endpoint(a.vip, 0), {a.endpoint(a.server, 0)});
    bench.services.back().mark = Mark(7);
    bench.add_service(Protocol::none, a.endpoint(a.vip, 0), {a.endpoint(a.server2, 0)});
    bench.services.back().mark = Mark(8);
    bench.marks = {to_port(443, 8), {.mark = Mark(7)}};
    bench.publish();
    EXPECT_EQ(send(syn(40000, 443)), "second:443");
    EXPECT_EQ(send(syn(40000, 80)), "first:80");
    EXPECT_EQ(send(udp(40000, 443)), "first:443");
}

TEST_P(Marked, ByThePortThatThePacketCameInBy) {
    add_marked(0);
    bench.marks = {{.ingress = wan, .mark = Mark(7)}};
    bench.publish();
    const auto out = [&](std::string_view link, std::string_view self) {
        return PacketBuilder().mac(link, self).ip(a.client, a.elsewhere).udp(40000, 53).build();
    };
    EXPECT_EQ(send(out(server_mac, lan_mac), lan), "host");
    EXPECT_EQ(send(out(client_mac, wan_mac), wan), "first:53");
}

TEST_P(Marked, DatagramsMayBeOneEachAndTheRestAreConnections) {
    add_marked(0).one_packet = true;
    bench.publish();
    EXPECT_EQ(send(udp(40000, 53)), "first:53");
    EXPECT_EQ(send(udp(40000, 53)), "second:53");
    EXPECT_EQ(send(syn(40000, 53)), "first:53");
    EXPECT_EQ(send(tcp(40000, H::ack, 53)), "first:53");
    EXPECT_EQ(bench.connections(), 1U);
}

TEST_P(Marked, ServersMayBeDirect) {
    add_marked(0, ForwardMethod::direct);
    bench.publish();
    EXPECT_EQ(send(outward().tcp(40000, 443, H::syn).build()), "first as is:443");
    EXPECT_EQ(send(outward().tcp(40000, 443, H::ack).build()), "first as is:443");
    EXPECT_EQ(bench.connections(), 1U);
}

TEST_P(Marked, APacketFromTheHostIsNoClients) {
    add_marked(0);
    bench.network.add_local({ip(a.server2), all_bits()});  // so the host is a server itself
    bench.publish();
    const Frame own = PacketBuilder()
                          .mac(wan_mac, client_mac)
                          .ip(a.wan_self, a.elsewhere)
                          .tcp(40000, 80, H::syn)
                          .build();
    bench.put_from_host(wan, own);
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(wan), own));
    EXPECT_EQ(bench.connections(), 0U);
}

}  // namespace
}  // namespace shunt
