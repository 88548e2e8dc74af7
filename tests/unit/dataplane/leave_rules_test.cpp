// SPDX-License-Identifier: BSD-3-Clause
// Packets of a service that no server gets: refused, dropped, or the host's (ipvs-behaviour 1.5 to
// 1.8, 2.10).
#include "support/admission.h"

namespace shunt {
namespace {

using namespace test;

class Leave : public Admission {};
INSTANTIATE_TEST_SUITE_P(Families, Leave, ::testing::ValuesIn(families), family_name);

/// Has no server for anybody.
class Nobody final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "nobody"; }
    [[nodiscard]] std::optional<std::size_t> choose(const Candidates&,
                                                    const SchedulingKey&) const noexcept override {
        return std::nullopt;
    }
};

TEST_P(Leave, WithoutAServerThePortIsUnreachable) {
    const Nobody nobody;
    add(Protocol::tcp, 80, 8080);
    add(Protocol::udp, 80, 8080);
    std::uint64_t refused = 0;
    const auto expect_refused = [&](const char* why) {
        bench.publish();
        EXPECT_EQ(send(syn(40000)), "refused") << why;
        EXPECT_EQ(send(tcp(40000, H::syn | H::ack)), "refused") << why;
        EXPECT_EQ(send(udp(40000)), "refused") << why;
        refused += 3;
        EXPECT_EQ(bench.dropped(DropReason::no_destination), refused);
        EXPECT_EQ(bench.connections(), 0U);
    };
    set_weights(0);
    expect_refused("all are quiescent");
    set_weights(1);
    set_removed(true);
    expect_refused("all were removed");
    set_removed(false);
    for (auto& service : bench.services) service.scheduler = &nobody;
    expect_refused("none was chosen");
    bench.services.clear();
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {});
    bench.add_service(Protocol::udp, a.endpoint(a.vip, 80), {});
    expect_refused("there never were any");
}

TEST_P(Leave, TheErrorComesFromTheVirtualAddressAndQuotesThePacket) {
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {});
    bench.publish();
    const Frame packet = from().tcp(40000, 80, H::syn).payload(5).build();
    bench.put(wan, packet);
    bench.settle();
    auto expected = PacketBuilder().mac(wan_mac, client_mac).ip(a.vip, a.client).ttl(64);
    if (is_v4()) expected.tos(0xC0).ip_id(1).icmp(3, 3);
    if (!is_v4()) expected.icmp(1, 4);
    EXPECT_TRUE(same_frame(bench.one_sent(wan), expected.payload(network_part(packet)).build()));
    EXPECT_TRUE(bench.to_host(wan).empty());
}

TEST_P(Leave, ItComesBeforeTheTtlAndTheMtu) {
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {});
    bench.network = links(1500, 1280);
    add_neighbours(bench.network);
    bench.publish();
    EXPECT_EQ(send(from().ttl(1).tcp(40000, 80, H::syn).build()), "refused");
    EXPECT_EQ(send(from().dont_fragment(is_v4()).tcp(40000, 80, H::syn).payload(1400).build()),
              "refused");
}

TEST_P(Leave, WhatOpensNothingIsTheHostsWithoutServersToo) {
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {});
    bench.add_service(Protocol::udp, a.endpoint(a.vip, 80), {});
    bench.publish();
    for (const int flags : {+H::ack, H::fin | H::ack, +H::rst, H::syn | H::rst})
        EXPECT_EQ(send(tcp(40000, static_cast<std::uint8_t>(flags))), "host") << flags;
    EXPECT_EQ(send(syn(20)), "host");
    EXPECT_EQ(send(udp(20)), "host");
    EXPECT_EQ(send(syn(40000, 81)), "host");
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(Leave, SloppyAnythingButAResetIsRefused) {
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {});
    bench.tunables.sloppy_tcp = 1;
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::ack)), "refused");
    EXPECT_EQ(send(tcp(40000, 0)), "refused");
    EXPECT_EQ(send(tcp(40000, H::rst | H::ack)), "host");
}

TEST_P(Leave, BesideFtpAPortIsTheHosts) {
    add(Protocol::tcp, 21, 2121);
    bench.publish();
    EXPECT_EQ(send(syn(40000, 21)), "first:2121");
    EXPECT_EQ(send(syn(40000, 50000)), "host") << "a service that is not persistent has one port";
    EXPECT_EQ(send(syn(40000, 20)), "host");
    EXPECT_EQ(send(udp(40000, 50000)), "host");
    set_weights(0);
    bench.publish();
    EXPECT_EQ(send(syn(40001, 21)), "refused");
    EXPECT_EQ(send(syn(40001, 50000)), "host");
    EXPECT_EQ(bench.dropped(DropReason::no_destination), 1U);
    EXPECT_EQ(bench.connections(), 1U);
}

TEST_P(Leave, BesideFtpComesBeforeAllPorts) {
    add_persistent(Protocol::tcp, 0, 0);
    add(Protocol::tcp, 21, 2121);
    bench.publish();
    EXPECT_EQ(send(syn(40000, 1023)), "first:1023");
    EXPECT_EQ(send(syn(40000, 1024)), "host");
    EXPECT_EQ(send(syn(40000, 20)), "host");
}

TEST_P(Leave, AServiceOnAllPortsThatIsNotPersistentRefusesAll) {
    add(Protocol::tcp, 0, 8080);
    bench.publish();
    EXPECT_EQ(send(syn(40000, 80)), "refused");
    EXPECT_EQ(send(syn(40000, 21)), "refused");
    EXPECT_EQ(bench.connections(), 0U);
}

// A server that is gone.

TEST_P(Leave, AConnectionOfARemovedServerEndsSilentlyByTime) {
    add(Protocol::tcp, 80, 8080);
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080");
    bench.services[0].servers[0].removed = true;
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::ack)), "dropped");
    EXPECT_EQ(send(syn(40000)), "dropped") << "it is not over, so this opens none";
    EXPECT_EQ(bench.dropped(DropReason::destination_removed), 2U);
    bench.pass(Seconds(61));
    bench.settle();
    EXPECT_EQ(send(syn(40000)), "second:8080");
}

TEST_P(Leave, OrAtItsNextPacket) {
    add(Protocol::tcp, 80, 8080);
    add(Protocol::udp, 80, 8080);
    bench.tunables.expire_nodest_conn = 1;
    bench.publish();
    for (const std::uint16_t port : {std::uint16_t{40000}, std::uint16_t{40001}}) {
        bench.services[0].state->word = bench.services[1].state->word = 0;
        EXPECT_EQ(send(syn(port)), "first:8080");
        EXPECT_EQ(send(udp(port)), "first:8080");
    }
    for (auto& service : bench.services) service.servers[0].removed = true;
    bench.publish();
    EXPECT_EQ(send(from_server(a).tcp(8080, 40000, H::ack).build(), lan), "client:40000");
    EXPECT_EQ(send(tcp(40000, H::ack)), "host");
    EXPECT_EQ(bench.connections(), 3U);
    EXPECT_EQ(send(syn(40001)), "second:8080");
    EXPECT_EQ(send(udp(40000)), "second:8080");
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 0U);
    EXPECT_EQ(bench.dest(1, &DestCounters::total), 1U);
    EXPECT_EQ(bench.dest(2, &DestCounters::total), 1U);
    EXPECT_EQ(bench.dest(3, &DestCounters::total), 1U);
    for (auto& service : bench.services) service.servers[1].removed = true;
    bench.publish();
    EXPECT_EQ(send(udp(40001)), "refused");
    EXPECT_EQ(bench.all_dropped(), 1U);
}

TEST_P(Leave, ConnectionsOfARemovedServiceAreTheSame) {
    add(Protocol::tcp, 80, 8080);
    bench.publish();
    send(syn(40000));
    send(syn(40001));
    bench.services[0].removed = true;
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::ack)), "dropped");
    EXPECT_EQ(send(syn(40000)), "dropped");
    bench.tunables.expire_nodest_conn = 1;
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::ack)), "host");
    EXPECT_EQ(send(syn(40001)), "host");
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(Leave, ASynToAQuiescentServerIsScheduledAnewIfConnectionsEndWithIt) {
    add(Protocol::tcp, 80, 8080);
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080");
    bench.services[0].servers[0].weight = 0;
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080");
    bench.tunables.expire_nodest_conn = 1;
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::psh | H::ack)), "first:8080");
    EXPECT_EQ(send(syn(40000)), "second:8080");
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 0U);
    set_weights(0);
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "refused");
    EXPECT_EQ(bench.connections(), 0U);
}

// Servers that answer without having been asked.

class StrayReply : public Admission {
  protected:
    StrayReply() {
        add(Protocol::tcp, 80, 8080);
        add(Protocol::udp, 80, 8080);
        bench.tunables.nat_icmp_send = 1;
        bench.publish();
    }
    /// Frames to the server are errors about its packets.
    [[nodiscard]] std::string stray(const PacketBuilder& packet) {
        return send(packet.build(), lan);
    }
};
INSTANTIATE_TEST_SUITE_P(Families, StrayReply, ::testing::ValuesIn(families), family_name);

TEST_P(StrayReply, TheServerIsToldToForgetItsConnection) {
    EXPECT_EQ(stray(from_server(a).tcp(8080, 40000, H::ack)), "refused");
    EXPECT_EQ(stray(from_server(a).udp(8080, 40000)), "refused");
    EXPECT_EQ(bench.dropped(DropReason::no_connection), 2U);
    EXPECT_EQ(bench.counters().generated.value(), 2U);
    for (auto& service : bench.services) service.servers[0].removed = true;
    bench.publish();
    EXPECT_EQ(stray(from_server(a).udp(8080, 40000)), "refused") << "removed, but not forgotten";
}

TEST_P(StrayReply, AResetAndWhatIsNoServersAreLeftToTheHost) {
    EXPECT_EQ(stray(from_server(a).tcp(8080, 40000, H::rst)), "host");
    EXPECT_EQ(stray(from_server(a).tcp(8081, 40000, H::ack)), "host") << "another port";
    EXPECT_EQ(stray(from_server(a).ip(a.lan_self, a.client).udp(8080, 40000)), "host");
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(StrayReply, SwitchedOffAllAre) {
    bench.tunables.nat_icmp_send = 0;
    bench.publish();
    EXPECT_EQ(stray(from_server(a).tcp(8080, 40000, H::ack)), "host");
    EXPECT_EQ(stray(from_server(a).udp(8080, 40000)), "host");
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(StrayReply, AServerOfAnotherMethodIsNotTold) {
    for (auto& service : bench.services)
        for (auto& server : service.servers) server.forward = ForwardMethod::direct;
    bench.publish();
    EXPECT_EQ(stray(from_server(a).udp(8080, 40000)), "host");
}

}  // namespace
}  // namespace shunt
