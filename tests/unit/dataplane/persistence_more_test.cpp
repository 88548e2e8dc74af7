// SPDX-License-Identifier: BSD-3-Clause
// Templates of clients over their life: what they are found by, when they end, and what a server
// that is gone means for them (ipvs-behaviour 2.8 to 2.11, 5.1 to 5.4).
#include "support/admission.h"

namespace shunt {
namespace {

using namespace test;
using Rows = std::vector<AffinityTable::Row>;

class Templates : public Admission {
  protected:
    explicit Templates(const BenchOptions& options = {.connections = 64, .templates = 8})
        : Admission(options) {}
    Rows rows() {
        Rows all;
        bench.shared().affinity->for_each(
            0, 64, bench.worker().now, [&](const AffinityTable::Row& row) { all.push_back(row); });
        return all;
    }
    void pass(std::uint32_t seconds) {
        bench.pass(Seconds(seconds));
        bench.settle();
    }
    /// How long the only template has left.
    [[nodiscard]] std::uint32_t left() {
        const auto all = rows();
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? 0 : std::chrono::floor<Seconds>(all[0].left).count();
    }
    void set_timeout(std::uint32_t seconds) {
        bench.services[0].persistence->timeout = Seconds(seconds);
    }
    /// A whole handshake, so that the connection lives for 900 s.
    std::string establish(std::uint16_t port, int last = 100) {
        const std::string where = send(syn(port, 80, last));
        EXPECT_EQ(send(tcp(port, H::ack, 80, last)), where);
        return where;
    }
};
INSTANTIATE_TEST_SUITE_P(Families, Templates, ::testing::ValuesIn(families), family_name);

// What they are found by.

TEST_P(Templates, OnlyTheBitsThatCountAreKept) {
    auto& service = add_persistent(Protocol::tcp, 80, 8080);
    service.persistence->granularity = static_cast<std::uint8_t>(all_bits() - 3);
    bench.publish();
    EXPECT_EQ(send(syn(40000, 80, 105)), "first:8080");
    const std::size_t last_byte = is_v4() ? 3 : 15;
    const int last = is_v4() ? 105 : 0x05;  // hexadecimal in IPv6: 0x0105
    EXPECT_EQ(rows().at(0).key.client.at(last_byte), last & 0xF8);
    EXPECT_EQ(rows().at(0).key.client.at(0), is_v4() ? 192 : 0x20);
    EXPECT_EQ(rows().at(0).key.client.at(15), is_v4() ? 0 : last & 0xF8);
}

TEST_P(Templates, BitsThatEndBetweenBytesAreTheHighOnesOfTheirByte) {
    auto& service = add_persistent(Protocol::tcp, 80, 8080);
    service.persistence->granularity = static_cast<std::uint8_t>(all_bits() - 2);
    bench.publish();
    EXPECT_EQ(send(syn(40000, 80, 104)), "first:8080");
    EXPECT_EQ(send(syn(40000, 80, 107)), "first:8080");
    EXPECT_EQ(send(syn(40000, 80, 103)), "second:8080");
    EXPECT_EQ(send(syn(40000, 80, 108)), "first:8080");
    EXPECT_EQ(rows().size(), 3U);
}

TEST_P(Templates, WholeBytesAreWhole) {
    auto& service = add_persistent(Protocol::tcp, 80, 8080);
    service.persistence->granularity = static_cast<std::uint8_t>(all_bits() - 8);
    bench.publish();
    EXPECT_EQ(send(syn(40000, 80, 100)), "first:8080");
    EXPECT_EQ(send(syn(40000, 80, 119)), "first:8080");
    EXPECT_EQ(rows().size(), 1U);
    service.persistence->granularity = static_cast<std::uint8_t>(all_bits() - 16);
    bench.publish();
    EXPECT_EQ(send(syn(40001, 80, 100)), "second:8080");
    EXPECT_EQ(send(syn(40001, 80, 119)), "second:8080");
    EXPECT_EQ(rows().size(), 2U);
}

TEST_P(Templates, AnotherNetmaskIsAnotherClient) {
    auto& service = add_persistent(Protocol::tcp, 80, 8080);
    bench.publish();
    EXPECT_EQ(send(syn(40000, 80, 101)), "first:8080");
    service.persistence->granularity = static_cast<std::uint8_t>(all_bits() - 8);
    bench.publish();
    EXPECT_EQ(send(syn(40001, 80, 101)), "second:8080");
    EXPECT_EQ(rows().size(), 2U) << "the first ends by time";
    service.persistence->granularity = all_bits();
    bench.publish();
    EXPECT_EQ(send(syn(40002, 80, 101)), "first:8080") << "and is followed till then";
}

TEST_P(Templates, EachServiceHasItsOwn) {
    add_persistent(Protocol::tcp, 80, 8080);
    add_persistent(Protocol::tcp, 443, 8443).state->word = 1;
    bench.publish();
    EXPECT_EQ(send(syn(40000, 80)), "first:8080");
    EXPECT_EQ(send(syn(40000, 443)), "second:8443");
    EXPECT_EQ(rows().size(), 2U);
}

TEST_P(Templates, APortOfItsOwnComesBeforeAllPorts) {
    add_persistent(Protocol::tcp, 0, 0);
    add_persistent(Protocol::tcp, 80, 8080).state->word = 1;
    bench.publish();
    EXPECT_EQ(send(syn(40000, 22)), "first:22");
    EXPECT_EQ(send(syn(40000, 80)), "second:8080");
    EXPECT_EQ(send(syn(40000, 25)), "first:25");
    EXPECT_EQ(rows().size(), 2U);
}

TEST_P(Templates, OfAllPortsTheProtocolsDiffer) {
    add_persistent(Protocol::tcp, 0, 0);
    add_persistent(Protocol::udp, 0, 0).state->word = 1;
    bench.publish();
    EXPECT_EQ(send(syn(40000, 53)), "first:53");
    EXPECT_EQ(send(udp(40000, 53)), "second:53");
    EXPECT_EQ(send(udp(40000, 54)), "second:54");
    EXPECT_EQ(rows().size(), 2U);
}

TEST_P(Templates, OfAMarkAllAddressesAreOne) {
    auto& service = add_marked(8080);
    service.persistence = Persistence{.timeout = Seconds(300), .granularity = all_bits()};
    bench.publish();
    EXPECT_EQ(send(syn(40000, 80)), "first:80");
    EXPECT_EQ(send(udp(40000, 53)), "first:53");
    EXPECT_EQ(send(from().ip(a.client, a.elsewhere).tcp(40000, 443, H::syn).build()), "first:443");
    EXPECT_EQ(send(from(101).udp(40000, 53).build()), "second:53");
    EXPECT_EQ(rows().size(), 2U);
}

TEST_P(Templates, TwoMarksAreTwo) {
    const auto rule = [](std::uint16_t port, std::uint32_t mark) {
        return MarkRule{.protocol = Protocol::tcp,
                        .destination_ports = {L4Port(port), L4Port(port)},
                        .mark = Mark(mark)};
    };
    for (const std::uint32_t mark : {7U, 0x700U}) {
        auto& service = add_persistent(Protocol::none, 0, 0);
        service.mark = Mark(mark);
        service.state->word = mark == 7 ? 0 : 1;
    }
    bench.marks = {rule(80, 7), rule(443, 0x700)};
    bench.publish();
    EXPECT_EQ(send(syn(40000, 80)), "first:80");
    EXPECT_EQ(send(syn(40000, 443)), "second:443");
    const auto all = rows();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].key.service, (std::array<std::uint8_t, 16>{0, 0, 0, 7}));
    EXPECT_EQ(all[1].key.service, (std::array<std::uint8_t, 16>{0, 0, 7, 0}));
}

TEST_P(Templates, FtpsControlPortIsTranslatedAndItsDataPortsAreNot) {
    add_persistent(Protocol::tcp, 21, 2121);
    bench.publish();
    EXPECT_EQ(send(syn(40000, 50000)), "first:50000") << "whichever comes first";
    EXPECT_EQ(send(syn(40000, 21)), "first:2121");
    EXPECT_EQ(send(syn(40000, 1023)), "host");
    const auto all = rows();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].key.port, L4Port{});
    EXPECT_EQ(all[0].port, L4Port{});
}

// When they end.

TEST_P(Templates, OnlyNewConnectionsStartTheTimeAnew) {
    add_persistent(Protocol::tcp, 80, 8080);
    bench.publish();
    establish(40000);
    pass(100);
    send(tcp(40000, H::ack));
    EXPECT_EQ(left(), 200U);
    send(syn(40001));
    EXPECT_EQ(left(), 300U);
}

TEST_P(Templates, AsLongAsAConnectionLivesItIsFollowed) {
    add_persistent(Protocol::tcp, 80, 8080);
    set_timeout(30);
    bench.publish();
    EXPECT_EQ(establish(40000, 101), "first:8080");
    pass(31);
    EXPECT_EQ(send(syn(40001, 80, 101)), "first:8080");
    for (int i = 0; i < 8; ++i) {
        pass(100);
        ASSERT_EQ(rows().size(), 1U);
        EXPECT_EQ(send(tcp(40000, H::ack, 80, 101)), "first:8080");
    }
    EXPECT_EQ(send(syn(40002, 80, 101)), "first:8080");
}

TEST_P(Templates, OnceItOutlivedItsTimeItIsAMinuteForGood) {
    add_persistent(Protocol::tcp, 80, 8080);
    set_timeout(200);
    bench.publish();
    establish(40000);
    EXPECT_EQ(left(), 200U);
    pass(199);
    EXPECT_EQ(left(), 1U);
    pass(2);
    EXPECT_EQ(left(), 59U) << "looked at again every minute";
    pass(60);
    EXPECT_EQ(left(), 59U);
    send(syn(40001));
    EXPECT_EQ(left(), 60U) << "not 200";
    send(tcp(40001, H::ack));
    // Both end; the template has what is left of its minute, no more.
    for (const std::uint16_t port : {std::uint16_t{40000}, std::uint16_t{40001}})
        send(tcp(port, H::rst));
    pass(11);
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(left(), 49U);
    pass(50);
    EXPECT_TRUE(rows().empty());
    EXPECT_EQ(send(syn(40002)), "second:8080");
    EXPECT_EQ(left(), 200U);
}

TEST_P(Templates, AnEditedTimeoutIsThatOfNewOnes) {
    add_persistent(Protocol::tcp, 80, 8080);
    bench.publish();
    send(syn(40000, 80, 101));
    set_timeout(1000);
    bench.publish();
    send(syn(40001, 80, 101));
    EXPECT_EQ(left(), 300U);
    send(syn(40000, 80, 102));
    ASSERT_EQ(rows().size(), 2U);
    EXPECT_EQ(rows()[1].left, Seconds(1000));
}

TEST_P(Templates, WithoutPersistenceTheyAreNotAskedAndEndByTime) {
    auto& service = add_persistent(Protocol::tcp, 80, 8080);
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080");
    service.persistence.reset();
    bench.publish();
    EXPECT_EQ(send(syn(40001)), "second:8080");
    EXPECT_EQ(rows().size(), 1U);
    pass(61);
    pass(240);
    EXPECT_TRUE(rows().empty());
}

TEST_P(Templates, UdpBehindADirectServerNeverAssures) {
    add_persistent(Protocol::udp, 80, 80, ForwardMethod::direct);
    add_persistent(Protocol::tcp, 80, 80, ForwardMethod::direct);
    bench.publish();
    send(udp(40000));
    send(udp(40000));
    EXPECT_FALSE(rows().at(0).assured);
    establish(40000);
    EXPECT_TRUE(rows().at(1).assured) << "TCP is established as the client sees it";
}

// What a server that is gone means.

TEST_P(Templates, AQuiescentServerGetsItsClientsUnlessItIsToLoseThem) {
    add_persistent(Protocol::tcp, 80, 8080);
    bench.publish();
    EXPECT_EQ(establish(40000, 101), "first:8080");
    set_weights(0);
    bench.publish();
    EXPECT_EQ(send(syn(40001, 80, 101)), "first:8080");
    EXPECT_EQ(send(syn(40000, 80, 102)), "refused") << "a new client has no server";
    bench.tunables.expire_quiescent_template = 1;
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::ack, 80, 101)), "first:8080") << "connections stay";
    EXPECT_EQ(send(syn(40002, 80, 101)), "refused");
    ASSERT_EQ(rows().size(), 1U);
    EXPECT_FALSE(rows()[0].valid) << "never to be followed again";
    EXPECT_EQ(left(), 300U) << "its time goes on as it did";
    bench.tunables.expire_quiescent_template = 0;
    bench.publish();
    EXPECT_EQ(send(syn(40003, 80, 101)), "refused");
    set_weights(1);
    bench.publish();
    EXPECT_EQ(send(syn(40004, 80, 101)), "second:8080");
    EXPECT_EQ(rows().size(), 2U);
}

TEST_P(Templates, AnInvalidOneEndsByTimeWithItsConnections) {
    auto& service = add_persistent(Protocol::tcp, 80, 8080);
    bench.publish();
    establish(40000);
    service.servers[0].removed = true;
    bench.publish();
    EXPECT_EQ(send(syn(40001)), "second:8080");
    EXPECT_EQ(rows().size(), 2U);
    EXPECT_EQ(bench.shared().affinity->count(DestId(0)), 1U);
    pass(901);
    EXPECT_EQ(bench.connections(), 0U);
    pass(60);
    EXPECT_TRUE(rows().empty());
}

TEST_P(Templates, OfARemovedServerWithoutAnotherOne) {
    auto& service = add_persistent(Protocol::tcp, 80, 8080);
    service.servers.pop_back();
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080");
    service.servers[0].removed = true;
    bench.publish();
    EXPECT_EQ(send(syn(40001)), "refused");
    EXPECT_FALSE(rows().at(0).valid);
    service.servers[0].removed = false;
    bench.publish();
    EXPECT_EQ(send(syn(40001)), "first:8080");
    ASSERT_EQ(rows().size(), 2U) << "by a template of its own";
    EXPECT_TRUE(rows()[1].valid);
}

TEST_P(Templates, ConnectionsOfARemovedServerGoOnElsewhereIfTheyEndWithIt) {
    auto& service = add_persistent(Protocol::tcp, 80, 8080);
    bench.publish();
    establish(40000);
    service.servers[0].removed = true;
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "dropped") << "its connection lives";
    bench.tunables.expire_nodest_conn = 1;
    bench.publish();
    EXPECT_EQ(send(tcp(40000, H::ack)), "host");
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(send(syn(40000)), "second:8080");
    EXPECT_EQ(send(syn(40001)), "second:8080");
    ASSERT_EQ(rows().size(), 2U);
    EXPECT_FALSE(rows()[0].valid);
}

TEST_P(Templates, APortIsNotUsedAgainWhateverTheModeSays) {
    add_persistent(Protocol::tcp, 80, 8080);
    bench.tunables.conn_reuse_mode = 3;
    bench.publish();
    establish(40000);
    send(tcp(40000, H::rst));
    EXPECT_EQ(send(syn(40000)), "first:8080");
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 1U);
}

TEST_P(Templates, OneDatagramEachFollowsTheTemplateAndStartsItsTimeAnew) {
    add_persistent(Protocol::udp, 80, 8080).one_packet = true;
    bench.publish();
    EXPECT_EQ(send(udp(40000, 80, 101)), "first:8080");
    pass(100);
    EXPECT_EQ(send(udp(40000, 80, 101)), "first:8080");
    EXPECT_EQ(left(), 300U);
    EXPECT_EQ(send(udp(40000, 80, 102)), "second:8080");
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 2U);
}

TEST_P(Templates, AnErrorThatSchedulesTiesItsClientToo) {
    add_persistent(Protocol::udp, 80, 8080);
    bench.tunables.schedule_icmp = 1;
    bench.publish();
    const Frame quoted = PacketBuilder().ip(a.vip, a.client).udp(80, 40000).build();
    const auto type = static_cast<std::uint8_t>(is_v4() ? 3 : 1);
    EXPECT_EQ(send(from().icmp(type, 1).payload(network_part(quoted)).build()),
              is_v4() ? "error 3/1" : "error 1/1")
        << "relayed to the server";
    ASSERT_EQ(rows().size(), 1U);
    EXPECT_EQ(rows()[0].dest, DestId(0));
    EXPECT_EQ(send(udp(40001)), "first:8080");
}

TEST_P(Templates, ASynToAQuiescentServerFollowsTheTemplateBackToIt) {
    auto& service = add_persistent(Protocol::tcp, 80, 8080);
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080");
    service.servers[0].weight = 0;
    bench.tunables.expire_nodest_conn = 1;
    bench.publish();
    EXPECT_EQ(send(syn(40000)), "first:8080") << "scheduled anew, to the same";
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 2U);
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(send(syn(40001)), "first:8080") << "and a new one";
    bench.put(wan, syn(40002));
    bench.put(wan, syn(40002));
    bench.put(wan, tcp(40002, H::ack));
    EXPECT_EQ(went(), "first:8080, first:8080, first:8080");
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 5U) << "each SYN is scheduled";
    EXPECT_EQ(bench.connections(), 3U);
}

}  // namespace
}  // namespace shunt
