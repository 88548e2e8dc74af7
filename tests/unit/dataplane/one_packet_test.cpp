// SPDX-License-Identifier: BSD-3-Clause
// Services whose datagrams are scheduled one by one (ipvs-behaviour 2.12).
#include "support/admission.h"

namespace shunt {
namespace {

using namespace test;

class OnePacket : public Admission {
  protected:
    explicit OnePacket(const BenchOptions& options = {.connections = 2}) : Admission(options) {
        add(Protocol::udp, 80, 8080).one_packet = true;
        bench.publish();
    }
    [[nodiscard]] std::uint64_t scheduled(std::uint32_t id) {
        return bench.dest(id, &DestCounters::connections);
    }
};
INSTANTIATE_TEST_SUITE_P(Families, OnePacket, ::testing::ValuesIn(families), family_name);

TEST_P(OnePacket, EachDatagramOfAFlowIsScheduledAnew) {
    EXPECT_EQ(send(udp(40000)), "first:8080");
    EXPECT_EQ(send(udp(40000)), "second:8080");
    EXPECT_EQ(send(udp(40000)), "first:8080");
    EXPECT_EQ(scheduled(0), 2U);
    EXPECT_EQ(scheduled(1), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::packets_in), 2U);
    EXPECT_EQ(bench.dest(0, &DestCounters::bytes_in), 2 * (a.header + 8));
}

TEST_P(OnePacket, NothingIsLeftOfIt) {
    send(udp(40000));
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 0U);
    EXPECT_EQ(bench.dest(0, &DestCounters::active), 0U);
}

TEST_P(OnePacket, ItIsTranslatedAsAnyOther) {
    bench.put(wan, from().udp(40000, 80).payload(30).build());
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(lan), to_server(a).udp(40000, 8080).payload(30).build()));
}

TEST_P(OnePacket, InOneBurstToo) {
    for (int i = 0; i < 4; ++i) bench.put(wan, udp(40000));
    bench.put(wan, udp(40001));
    EXPECT_EQ(went(), "first:8080, second:8080, first:8080, second:8080, first:8080");
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(OnePacket, MoreThanThereIsRoomForConnections) {
    for (int i = 0; i < 10; ++i)
        EXPECT_NE(send(udp(static_cast<std::uint16_t>(40000 + i))), "dropped");
    EXPECT_EQ(scheduled(0) + scheduled(1), 10U);
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(OnePacket, TheAnswerIsNobodys) {
    send(udp(40000));
    const Frame answer = from_server(a).udp(8080, 40000).payload(3).build();
    bench.put(lan, answer);
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_to_host(lan), answer));
    EXPECT_TRUE(bench.sent(wan).empty());
    EXPECT_EQ(bench.dest(0, &DestCounters::packets_out), 0U);
}

TEST_P(OnePacket, AChangeIsSeenByTheNextOne) {
    EXPECT_EQ(send(udp(40000)), "first:8080");
    bench.services[0].servers[1].weight = 0;
    bench.publish();
    EXPECT_EQ(send(udp(40000)), "first:8080");
    bench.services[0].servers[0].removed = true;
    bench.publish();
    EXPECT_EQ(send(udp(40000)), "refused");
    bench.services[0].servers[1].weight = 1;
    bench.publish();
    EXPECT_EQ(send(udp(40000)), "second:8080");
    bench.services[0].removed = true;
    bench.publish();
    EXPECT_EQ(send(udp(40000)), "host");
}

TEST_P(OnePacket, WithTheOptionGoneAConnectionIsMade) {
    send(udp(40000));
    bench.services[0].one_packet = false;
    bench.publish();
    EXPECT_EQ(send(udp(40000)), "second:8080");
    EXPECT_EQ(send(udp(40000)), "second:8080");
    EXPECT_EQ(bench.connections(), 1U);
    bench.services[0].one_packet = true;
    bench.publish();
    EXPECT_EQ(send(udp(40000)), "second:8080") << "connections come before services";
    EXPECT_EQ(send(udp(40001)), "first:8080");
}

TEST_P(OnePacket, OtherMethodsToo) {
    for (auto& server : bench.services[0].servers) server.forward = ForwardMethod::direct;
    bench.publish();
    EXPECT_EQ(send(udp(40000)), "first as is:80");
    EXPECT_EQ(send(udp(40000)), "second as is:80");
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(OnePacket, OfTcpThereIsNoSuchThing) {
    add(Protocol::tcp, 80, 8080).one_packet = true;
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080");
    EXPECT_EQ(send(tcp(40000, H::ack)), "first:8080");
    EXPECT_EQ(bench.connections(), 1U);
}

TEST_P(OnePacket, TheRulesOfARouterHold) {
    EXPECT_EQ(send(from().ttl(1).udp(40000, 80).build()), is_v4() ? "error 11/0" : "error 3/0");
    bench.network = links(1500, 1280);
    add_neighbours(bench.network);
    bench.publish();
    EXPECT_EQ(send(from().dont_fragment(is_v4()).udp(40000, 80).payload(1400).build()),
              is_v4() ? "error 3/4" : "error 2/0");
    EXPECT_EQ(scheduled(0) + scheduled(1), 2U);
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(OnePacket, ItMayWaitForTheLinkAddressOfItsServer) {
    bench.network = links();
    bench.publish();
    EXPECT_EQ(send(udp(40000)), "dropped") << "held";
    EXPECT_EQ(bench.all_dropped(), 0U);
    add_neighbours(bench.network);
    bench.publish();
    EXPECT_EQ(went(), "first:8080");
}

TEST_P(OnePacket, InFragmentsItIsOne) {
    const std::size_t first_part = 16;  // of the datagram, its header included
    const Frame whole = from().udp(40000, 80).payload(24).build();
    const Frame datagram(whole.begin() + 14 + static_cast<std::ptrdiff_t>(a.header), whole.end());
    const auto part = [&](std::size_t from_byte, std::size_t to_byte) {
        const auto at = [&](std::size_t n) {
            return datagram.begin() + static_cast<std::ptrdiff_t>(n);
        };
        return from()
            .fragment(static_cast<std::uint16_t>(from_byte), to_byte < datagram.size())
            .ip_protocol(17)
            .payload(Frame(at(from_byte), at(to_byte)))
            .build();
    };
    bench.put(wan, part(0, first_part));
    bench.put(wan, part(first_part, datagram.size()));
    bench.settle();
    EXPECT_FALSE(bench.sent(lan).empty());
    EXPECT_EQ(scheduled(0), 1U);
    EXPECT_EQ(scheduled(1), 0U);
    EXPECT_EQ(bench.connections(), 0U);
}

class OnePacketWorkers : public OnePacket {
  protected:
    OnePacketWorkers() : OnePacket({.workers = 3, .connections = 2}) {}
};
INSTANTIATE_TEST_SUITE_P(Families, OnePacketWorkers, ::testing::ValuesIn(families), family_name);

TEST_P(OnePacketWorkers, TakeTurnsTogether) {
    for (std::uint16_t port = 40000; port < 40032; ++port) bench.put(wan, udp(port));
    bench.settle();
    EXPECT_EQ(bench.sent(lan).size(), 32U);
    EXPECT_EQ(scheduled(0), 16U);
    EXPECT_EQ(scheduled(1), 16U);
    for (std::uint16_t w = 0; w < 3; ++w)
        EXPECT_GT(bench.worker(w).dests[0].connections.value(), 0U) << w;
}

}  // namespace
}  // namespace shunt
