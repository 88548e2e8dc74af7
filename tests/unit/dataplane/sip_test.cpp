// SPDX-License-Identifier: BSD-3-Clause
// Services that keep each call at its server by its Call-ID (ipvs-behaviour 5.5, 1.8 step 6, 2.12).
#include "support/admission.h"

namespace shunt {
namespace {

using namespace test;

std::string message(std::string_view call) {
    return "OPTIONS sip:bob@example.com SIP/2.0\r\nCall-ID: " + std::string(call) + "\r\n\r\n";
}

class Sip : public Admission {
  protected:
    Sip() : Admission({.templates = 4}) {
        bench.shared().affinity->prepare_engine_data();
        add_telephony();
        bench.publish();
    }

    WorkerBench::Service& add_telephony(Protocol protocol = Protocol::udp, int port = 5060,
                                        ForwardMethod forward = ForwardMethod::nat) {
        auto& service = add_persistent(protocol, port, 5070, forward);
        service.persistence->engine = PersistenceEngine::sip;
        return service;
    }
    WorkerBench::Service& service() { return bench.services[0]; }

    [[nodiscard]] Frame call(std::uint16_t port, std::string_view id, int last = 100) const {
        return from(last).udp(port, 5060).payload(message(id)).build();
    }
    [[nodiscard]] PacketBuilder from_server_to(int last, int server = 1) const {
        return PacketBuilder()
            .mac(server == 1 ? server_mac : server2_mac, lan_mac)
            .ip(server == 1 ? a.server : a.server2, client(last));
    }
    /// A message of a server to a client's port.
    [[nodiscard]] Frame said(std::uint16_t port, std::string_view id, int server = 1,
                             int last = 100) const {
        return from_server_to(last, server).udp(5070, port).payload(message(id)).build();
    }
    std::string send_by_server(const Frame& frame) { return send(frame, lan); }

    [[nodiscard]] std::vector<std::string> templates() {
        std::vector<std::string> all;
        bench.shared().affinity->for_each(
            0, 64, bench.worker().now, [&](const AffinityTable::Row& row) {
                std::string text = std::to_string(row.dest.value()) + ' ';
                for (const std::byte b : row.data.view()) text += std::to_integer<char>(b);
                all.push_back(text + (row.assured ? " assured" : "") + (row.valid ? "" : " gone"));
            });
        return all;
    }
    using Texts = std::vector<std::string>;
};
INSTANTIATE_TEST_SUITE_P(Families, Sip, ::testing::ValuesIn(families), family_name);

TEST_P(Sip, EachCallOfAClientIsScheduledAndKept) {
    EXPECT_EQ(send(call(5060, "one@host")), "first:5070");
    EXPECT_EQ(send(call(5061, "two@host")), "second:5070");
    EXPECT_EQ(send(call(5062, "one@host")), "first:5070");
    EXPECT_EQ(send(call(5063, "one@host")), "first:5070");
    EXPECT_EQ(send(call(5064, "two@host")), "second:5070");
    EXPECT_EQ(templates(), Texts({"0 one@host", "1 two@host"}));
    EXPECT_EQ(bench.connections(), 5U);
}

TEST_P(Sip, AConnectionGoesBeforeTheCall) {
    EXPECT_EQ(send(call(5060, "one@host")), "first:5070");
    EXPECT_EQ(send(call(5061, "two@host")), "second:5070");
    EXPECT_EQ(send(call(5060, "two@host")), "first:5070");
    EXPECT_EQ(send(from().udp(5060, 5060).payload("no call").build()), "first:5070");
}

TEST_P(Sip, AnotherClientsCallOfTheSameNameIsAnother) {
    EXPECT_EQ(send(call(5060, "one@host", 100)), "first:5070");
    EXPECT_EQ(send(call(5060, "one@host", 101)), "second:5070");
    service().persistence->granularity = static_cast<std::uint8_t>(all_bits() - 8);
    bench.publish();
    EXPECT_EQ(send(call(5061, "three@host", 100)), "first:5070");
    EXPECT_EQ(send(call(5061, "three@host", 101)), "first:5070");
}

TEST_P(Sip, WithoutACallIdAPacketIsDropped) {
    for (const char* text : {"", "\r\n\r\n", "OPTIONS x SIP/2.0\r\nTo: y\r\n\r\n",
                             "OPTIONS x SIP/2.0\r\nCall-ID: one@host"})
        EXPECT_EQ(send(from().udp(5060, 5060).payload(text).build()), "dropped") << text;
    EXPECT_EQ(bench.dropped(DropReason::no_call_id), 4U);
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(templates(), Texts());
}

TEST_P(Sip, PaddingIsNoPartOfAMessage) {
    const std::string cut = "x\r\ni: a";
    EXPECT_EQ(send(from().udp(5060, 5060).payload(cut + "\n").build()), "first:5070");
    Frame padded = from().udp(5061, 5060).payload(cut).build();
    padded.resize(padded.size() + 4, std::byte{'\n'});
    EXPECT_EQ(send(padded), "dropped");
    EXPECT_EQ(bench.dropped(DropReason::no_call_id), 1U);
}

TEST_P(Sip, WhatIsNotUdpIsDropped) {
    add_telephony(Protocol::tcp, 5060);
    bench.publish();
    EXPECT_EQ(send(from().tcp(5060, 5060, H::syn).payload(message("one@host")).build()), "dropped");
    EXPECT_EQ(bench.dropped(DropReason::no_call_id), 1U);
}

TEST_P(Sip, ThereIsNoServerForWhoHasACallIdOnly) {
    set_weights(0);
    bench.publish();
    EXPECT_EQ(send(call(5060, "one@host")), "refused");
    EXPECT_EQ(send(from().udp(5060, 5060).payload("no call").build()), "dropped");
}

TEST_P(Sip, ACallIsFoundInAChainOfBuffers) {
    EXPECT_EQ(send(call(5060, "one@host")), "first:5070");
    EXPECT_EQ(send(call(5061, "two@host")), "second:5070");
    const Frame whole = call(5062, "two@host");
    for (std::size_t cut = whole.size() - 30; cut < whole.size(); cut += 3) {
        Frame frame = from()
                          .udp(static_cast<std::uint16_t>(6000 + cut), 5060)
                          .payload(message("two@host"))
                          .build();
        bench.put_pieces(wan, frame, {cut});
        EXPECT_EQ(went(), "second:5070") << cut;
    }
}

TEST_P(Sip, AFullTableRefusesNewCallsAndKeepsOld) {
    for (int i = 0; i < 4; ++i)
        EXPECT_NE(send(call(static_cast<std::uint16_t>(5060 + i), std::to_string(i) + "@host")),
                  "dropped");
    EXPECT_EQ(send(call(5070, "more@host")), "dropped");
    EXPECT_EQ(bench.dropped(DropReason::connections_full), 1U);
    EXPECT_EQ(send(call(5071, "1@host")), "second:5070");
}

TEST_P(Sip, OtherMethodsKeepCallsToo) {
    for (auto& server : service().servers) server.forward = ForwardMethod::direct;
    bench.publish();
    EXPECT_EQ(send(call(5060, "one@host")), "first as is:5060");
    EXPECT_EQ(send(call(5061, "two@host")), "second as is:5060");
    EXPECT_EQ(send(call(5062, "one@host")), "first as is:5060");
    EXPECT_EQ(send_by_server(said(5065, "three@host")), "host") << "begins no call";
}

TEST_P(Sip, ServersOfAMarkKeepCallsButBeginNone) {
    service().removed = true;
    auto& marked = add_marked(5070);
    marked.persistence = Persistence{
        .timeout = Seconds(300), .granularity = all_bits(), .engine = PersistenceEngine::sip};
    bench.publish();
    EXPECT_EQ(send(call(5060, "one@host")), "first:5060");
    EXPECT_EQ(send(call(5061, "two@host")), "second:5060");
    EXPECT_EQ(send(call(5062, "one@host")), "first:5060");
}

TEST_P(Sip, AServersOwnCallComesFromTheService) {
    bench.put(lan, said(5062, "one@host", 2));
    bench.settle();
    EXPECT_TRUE(same_frame(
        bench.one_sent(wan),
        to_client(a).ip(a.vip, client(100)).udp(5060, 5062).payload(message("one@host")).build()));
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(templates(), Texts({"1 one@host assured"}));
    EXPECT_EQ(bench.dest(1, &DestCounters::connections), 1U);
    EXPECT_EQ(bench.dest(1, &DestCounters::packets_out), 1U);
    EXPECT_EQ(bench.dest(1, &DestCounters::packets_in), 0U);
}

TEST_P(Sip, TheClientsAnswerAndItsOtherPortsFindTheServer) {
    send_by_server(said(5062, "one@host", 2));
    EXPECT_EQ(send(from().udp(5062, 5060).payload("no call").build()), "second:5070");
    EXPECT_EQ(send(call(5063, "one@host")), "second:5070");
    EXPECT_EQ(send(call(5064, "two@host")), "first:5070");
    EXPECT_EQ(send_by_server(said(5062, "one@host", 2)), "client:5062");
    EXPECT_EQ(bench.connections(), 3U);
}

TEST_P(Sip, AServerTakesACallOver) {
    EXPECT_EQ(send(call(5060, "one@host")), "first:5070");
    EXPECT_EQ(send_by_server(said(5061, "one@host", 2)), "client:5061");
    EXPECT_EQ(templates(), Texts({"0 one@host gone", "1 one@host assured"}));
    EXPECT_EQ(send(call(5062, "one@host")), "second:5070");
    EXPECT_EQ(send(call(5060, "one@host")), "first:5070") << "its connection goes on";
}

TEST_P(Sip, TwoServersCallOnePortOfAClient) {
    EXPECT_EQ(send_by_server(said(5060, "one@host", 1)), "client:5060");
    EXPECT_EQ(send_by_server(said(5060, "two@host", 2)), "client:5060");
    EXPECT_EQ(send(call(5060, "one@host")), "second:5070") << "the connection made last";
    bench.pass(Seconds(200));
    EXPECT_EQ(send_by_server(said(5060, "one@host", 1)), "client:5060");
    EXPECT_EQ(bench.connections(), 2U);
    bench.pass(Seconds(150));
    bench.settle();
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(send(call(5060, "one@host")), "first:5070") << "the one that is left";
}

TEST_P(Sip, AServerOfWeightZeroBeginsCallsARemovedOneDoesNot) {
    set_weights(0);
    bench.publish();
    EXPECT_EQ(send_by_server(said(5060, "one@host")), "client:5060");
    EXPECT_EQ(send(call(5061, "one@host")), "first:5070");
    set_removed(true);
    bench.publish();
    EXPECT_EQ(send_by_server(said(5062, "two@host")), "host");
}

TEST_P(Sip, WhatBeginsNoCallGoesToTheHost) {
    EXPECT_EQ(send_by_server(from_server_to(100).udp(5070, 5060).payload("none").build()), "host");
    EXPECT_EQ(send_by_server(from_server_to(100).udp(5071, 5060).payload(message("a")).build()),
              "host");
    EXPECT_EQ(
        send_by_server(from_server_to(100).tcp(5070, 5060, H::ack).payload(message("a")).build()),
        "host");
    EXPECT_EQ(
        send_by_server(from_server_to(100).ttl(1).udp(5070, 5060).payload(message("a")).build()),
        "host");
    EXPECT_EQ(send_by_server(PacketBuilder()
                                 .mac(server_mac, lan_mac)
                                 .ip(a.server, a.lan_self)
                                 .udp(5070, 5061)
                                 .payload(message("a"))
                                 .build()),
              "host");
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(templates(), Texts());
}

TEST_P(Sip, AStrayReplyIsAnsweredWhenItBeginsNoCall) {
    bench.tunables.nat_icmp_send = 1;
    bench.publish();
    EXPECT_EQ(send_by_server(from_server_to(100).udp(5070, 5060).payload("none").build()),
              "refused");
    EXPECT_EQ(send_by_server(said(5060, "one@host")), "client:5060");
}

TEST_P(Sip, WithoutRoomAServersCallGoesAsItIs) {
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(
            send_by_server(said(static_cast<std::uint16_t>(5060 + i), std::to_string(i) + "@host")),
            "client:" + std::to_string(5060 + i));
    EXPECT_EQ(send_by_server(said(5070, "more@host")), "host");
    EXPECT_EQ(send_by_server(said(5071, "1@host")), "client:5071");
}

TEST_P(Sip, OnePacketEachTheCallAloneDecides) {
    service().one_packet = true;
    bench.publish();
    EXPECT_EQ(send(call(5060, "one@host")), "first:5070");
    EXPECT_EQ(send(call(5060, "two@host")), "second:5070");
    EXPECT_EQ(send(call(5060, "one@host")), "first:5070");
    EXPECT_EQ(send_by_server(said(5060, "one@host", 1)), "client:5060") << "an answer";
    EXPECT_EQ(send_by_server(said(5060, "two@host", 2)), "client:5060");
    EXPECT_EQ(send_by_server(said(5060, "one@host", 2)), "client:5060") << "takes it over";
    EXPECT_EQ(send(call(5060, "one@host")), "second:5070");
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 3U);
    EXPECT_EQ(bench.dest(1, &DestCounters::connections), 4U);
    EXPECT_EQ(bench.dest(1, &DestCounters::packets_out), 2U);
    EXPECT_EQ(templates(),
              Texts({"0 one@host assured gone", "1 two@host assured", "1 one@host assured"}));
}

TEST_P(Sip, OnePacketEachHoldsNoTemplate) {
    service().one_packet = true;
    service().persistence->timeout = Seconds(10);
    bench.publish();
    send(call(5060, "one@host"));
    send_by_server(said(5060, "one@host", 1));
    bench.pass(Seconds(10));
    bench.settle();
    EXPECT_EQ(templates(), Texts());
}

TEST_P(Sip, AnErrorOpensNoCall) {
    bench.tunables.schedule_icmp = 1;
    bench.publish();
    const Frame quoted =
        PacketBuilder().ip(a.vip, client(100)).udp(5060, 5061).payload(message("one@host")).build();
    const Frame error =
        from().icmp(is_v4() ? 3 : 1, is_v4() ? 1 : 3).payload(network_part(quoted)).build();
    EXPECT_EQ(send(error), "dropped");
    EXPECT_EQ(bench.dropped(DropReason::no_call_id), 1U);
}

TEST_P(Sip, AllPortsOfAServiceShareACallAndServersBeginNone) {
    service().removed = true;
    auto& all = add_persistent(Protocol::udp, 0, 0);
    all.persistence->engine = PersistenceEngine::sip;
    bench.publish();
    EXPECT_EQ(send(from().udp(5061, 5060).payload(message("one@host")).build()), "first:5060");
    EXPECT_EQ(send(from().udp(5061, 5080).payload(message("two@host")).build()), "second:5080");
    EXPECT_EQ(send(from().udp(5062, 5090).payload(message("one@host")).build()), "first:5090");
    EXPECT_EQ(send_by_server(said(5065, "three@host")), "host");
}

}  // namespace
}  // namespace shunt
