// SPDX-License-Identifier: BSD-3-Clause
// Errors that the balancer makes, byte by byte (RFC 792, RFC 1812 4.3.2, RFC 4443;
// ipvs-behaviour 1.22).
#include "dataplane/icmp_error.h"

#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

class IcmpErrors : public ::testing::TestWithParam<Addresses> {
  protected:
    IcmpErrors() { bench.add_usual_services(); }

    /// Has the error sent about a frame that came in somewhere.
    void send(const Frame& about, IcmpError error, std::uint16_t mtu = 0,
              const std::vector<std::size_t>& sizes = {}) {
        bench.iterate();  // takes the snapshot
        PacketMeta meta;
        ASSERT_EQ(parse(PacketReader(about), static_cast<std::uint32_t>(about.size()), meta),
                  std::nullopt);
        rte_mbuf* m = bench.packet(about, sizes);
        if (a.header == 20)
            send_icmp_error<Ipv4>(bench.worker(), m, meta, error, mtu);
        else
            send_icmp_error<Ipv6>(bench.worker(), m, meta, error, mtu);
        Frame after(about.size());
        const void* bytes = rte_pktmbuf_read(m, 0, m->pkt_len, after.data());
        EXPECT_EQ(m->pkt_len, about.size());
        EXPECT_EQ(std::memcmp(bytes, about.data(), about.size()), 0) << "the packet was changed";
        rte_pktmbuf_free(m);
        bench.settle();
    }
    [[nodiscard]] bool is_v4() const { return a.header == 20; }
    /// What the error is to be, from `source` to the client.
    [[nodiscard]] Frame expected(std::string_view source, int type, int code, const Frame& quote,
                                 std::uint32_t rest = 0) const {
        return PacketBuilder()
            .mac(wan_mac, client_mac)
            .ip(source, a.client)
            .tos(is_v4() ? 0xC0 : 0)
            .ip_id(1)
            .icmp(static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), rest)
            .payload(quote)
            .build();
    }
    const Addresses& a = GetParam();
    WorkerBench bench;
};
INSTANTIATE_TEST_SUITE_P(Families, IcmpErrors, ::testing::ValuesIn(families), family_name);

TEST_P(IcmpErrors, EachKindHasItsTypeAndCode) {
    struct Row {
        IcmpError error;
        int type4, code4, type6, code6;
    };
    const Frame about = from_client(a).udp(40000, 80).payload(20).build();
    std::uint16_t id = 0;
    for (const Row& row : std::initializer_list<Row>{{IcmpError::net_unreachable, 3, 0, 1, 0},
                                                     {IcmpError::host_unreachable, 3, 1, 1, 3},
                                                     {IcmpError::port_unreachable, 3, 3, 1, 4},
                                                     {IcmpError::time_exceeded, 11, 0, 3, 0},
                                                     {IcmpError::reassembly_timeout, 11, 1, 3, 1},
                                                     {IcmpError::packet_too_big, 3, 4, 2, 0}}) {
        const bool sized = row.error == IcmpError::packet_too_big;
        send(about, row.error, sized ? 1400 : 0);
        Frame sent = bench.one_sent(wan);
        ++id;
        Frame should =
            expected(a.vip, is_v4() ? row.type4 : row.type6, is_v4() ? row.code4 : row.code6,
                     network_part(about), sized ? 1400 : 0);
        if (is_v4()) {
            // Each error has an identification of its own; the header checksum follows it.
            EXPECT_EQ(get16(sent, 18), id);
            EXPECT_TRUE(checksums_ok(sent));
            poke(sent, 18, {0, 1});
            std::copy(should.begin() + 24, should.begin() + 26, sent.begin() + 24);
        }
        EXPECT_TRUE(same_frame(sent, should));
    }
    EXPECT_EQ(bench.counters().generated.value(), 6U);
    EXPECT_EQ(bench.counters().forwarded.value(), 6U);
}

TEST_P(IcmpErrors, ComeFromTheAddressThePacketWasForIfThatIsOurs) {
    send(from_client(a).udp(40000, 80).build(), IcmpError::time_exceeded);
    const std::size_t source = is_v4() ? 26 : 22;
    const std::size_t length = is_v4() ? 4 : 16;
    const auto source_of = [&](const Frame& f, std::size_t at) {
        return Frame(f.begin() + static_cast<std::ptrdiff_t>(at),
                     f.begin() + static_cast<std::ptrdiff_t>(at + length));
    };
    const auto address = [&](std::string_view text) {
        return source_of(PacketBuilder().ip(text, text).build(), source);
    };
    EXPECT_EQ(source_of(bench.one_sent(wan), source), address(a.vip));
    // A reply is for the client: the error comes from the host's address on the server's side.
    send(from_server(a).udp(8080, 40000).build(), IcmpError::time_exceeded);
    const Frame to_server_side = bench.one_sent(lan);
    EXPECT_EQ(source_of(to_server_side, source), address(a.lan_self));
    EXPECT_EQ(source_of(to_server_side, source + length), address(a.server));
    // Nor need the address be that of a service.
    send(from_client(a).ip(a.client, a.lan_self).udp(40000, 80).build(), IcmpError::time_exceeded);
    EXPECT_EQ(source_of(bench.one_sent(wan), source), address(a.lan_self));
    // Nor that of a service one of the host.
    bench.add_service(Protocol::udp, a.endpoint(a.elsewhere, 80), {});
    bench.publish();
    send(from_client(a).ip(a.client, a.elsewhere).udp(40000, 80).build(),
         IcmpError::port_unreachable);
    EXPECT_EQ(source_of(bench.one_sent(wan), source), address(a.elsewhere));
}

TEST_P(IcmpErrors, QuoteAsMuchAsTheSmallestMtuHolds) {
    bench.tunables.icmp_ratelimit = 0;
    bench.publish();
    const std::size_t most = is_v4() ? 576 : 1280;
    const std::size_t room = most - a.header - 8;
    for (const std::size_t length : {room - 1, room, room + 1, std::size_t{1400}}) {
        const Frame about = from_client(a).udp(40000, 80).payload(length - a.header - 8).build();
        for (const std::vector<std::size_t>& sizes :
             std::vector<std::vector<std::size_t>>{{}, {100}, {101, 50}}) {
            send(about, IcmpError::port_unreachable, 0, sizes);
            const Frame sent = bench.one_sent(wan);
            const std::size_t quoted = std::min(length, room);
            ASSERT_EQ(sent.size(), 14 + a.header + 8 + quoted);
            EXPECT_TRUE(checksums_ok(sent)) << checksum_problem(sent);
            EXPECT_TRUE(std::equal(sent.begin() + static_cast<std::ptrdiff_t>(14 + a.header + 8),
                                   sent.end(), about.begin() + 14));
        }
    }
}

TEST_P(IcmpErrors, DoNotQuotePadding) {
    send(from_client(a).udp(40000, 80).payload(4).pad_to(300).build(), IcmpError::time_exceeded);
    EXPECT_EQ(bench.one_sent(wan).size(), 14 + a.header + 8 + a.header + 12);
}

TEST_P(IcmpErrors, QuoteAFrameWithATagFromItsNetworkHeaderOn) {
    const Frame about = from_client(a).vlan(0x2000).udp(40000, 80).payload(9).build();
    send(about, IcmpError::time_exceeded);
    EXPECT_TRUE(
        same_frame(bench.one_sent(wan), expected(a.vip, is_v4() ? 11 : 3, 0, network_part(about))));
}

TEST_P(IcmpErrors, GoToNobodyButOneHost) {
    const std::vector<std::string_view> sources =
        is_v4() ? std::vector<std::string_view>{"0.0.0.0",         "255.255.255.255", "224.0.0.1",
                                                "239.255.255.255", "127.0.0.1",       "127.255.0.9"}
                : std::vector<std::string_view>{"::", "ff02::1", "ff0e::5", "::1"};
    for (const auto source : sources) {
        const Frame about = from_client(a).ip(source, a.vip).udp(40000, 80).build();
        send(about, IcmpError::port_unreachable);
        EXPECT_EQ(bench.counters().generated.value(), 0U) << source;
    }
    EXPECT_TRUE(bench.sent(wan).empty());
    EXPECT_EQ(bench.all_dropped(), 0U);
}

TEST_P(IcmpErrors, AreNotAboutWhatWasSentToMany) {
    const std::vector<std::string_view> destinations =
        is_v4()
            ? std::vector<std::string_view>{"0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1"}
            : std::vector<std::string_view>{"::", "ff02::1", "ff0e::5", "::1"};
    for (const auto destination : destinations) {
        send(from_client(a).ip(a.client, destination).udp(40000, 80).build(),
             IcmpError::port_unreachable);
        EXPECT_EQ(bench.counters().generated.value(), 0U) << destination;
    }
    for (const auto group : {"ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01"}) {
        send(from_client(a).mac(client_mac, group).udp(40000, 80).build(),
             IcmpError::port_unreachable);
        EXPECT_EQ(bench.counters().generated.value(), 0U) << group;
    }
}

TEST_P(IcmpErrors, AreNotAboutErrors) {
    bench.tunables.icmp_ratelimit = 0;
    bench.tunables.icmp_msgs_per_sec = 0;
    bench.publish();
    for (int type = 0; type < no_icmp_type; ++type) {
        const bool error = is_v4() ? type == 3 || type == 4 || type == 5 || type == 11 || type == 12
                                   : type < 128 || type == 137;
        send(from_client(a).icmp(static_cast<std::uint8_t>(type), 0).payload(28).build(),
             IcmpError::time_exceeded);
        EXPECT_EQ(bench.sent(wan).size(), error ? 0U : 1U) << type;
    }
    // Too short to say what it is.
    const std::uint8_t icmp = is_v4() ? 1 : 58;
    send(from_client(a).ip_protocol(icmp).payload(bytes_of({8, 0, 0})).build(),
         IcmpError::time_exceeded);
    EXPECT_TRUE(bench.sent(wan).empty());
    // A packet of another protocol is none, whatever it begins with.
    send(from_client(a).ip_protocol(253).payload(bytes_of({3, 0, 0, 0, 0, 0, 0, 0})).build(),
         IcmpError::time_exceeded);
    EXPECT_EQ(bench.sent(wan).size(), 1U);
}

TEST_P(IcmpErrors, AreAboutTheFirstFragmentOnly) {
    send(from_client(a).fragment(0, true).udp(40000, 80).payload(16).build(),
         IcmpError::reassembly_timeout);
    EXPECT_EQ(bench.sent(wan).size(), 1U);
    send(from_client(a).fragment(24, false).ip_protocol(17).payload(16).build(),
         IcmpError::reassembly_timeout);
    EXPECT_TRUE(bench.sent(wan).empty());
}

TEST_P(IcmpErrors, ToOneHostAreLimited) {
    const Frame about = from_client(a).udp(40000, 80).build();
    for (int i = 0; i < 10; ++i) send(about, IcmpError::time_exceeded);
    EXPECT_EQ(bench.sent(wan).size(), 6U);
    EXPECT_EQ(bench.counters().errors_suppressed.value(), 4U);
    EXPECT_EQ(bench.counters().generated.value(), 6U);
    bench.pass(std::chrono::seconds(2));
    for (int i = 0; i < 10; ++i) send(about, IcmpError::port_unreachable);
    EXPECT_EQ(bench.sent(wan).size(), 2U);
    EXPECT_EQ(bench.counters().errors_suppressed.value(), 12U);
    // Another host is not concerned.
    send(from_server(a).udp(8080, 40000).build(), IcmpError::time_exceeded);
    EXPECT_EQ(bench.sent(lan).size(), 1U);
}

TEST_P(IcmpErrors, ThatSayWhatFitsAreNeverTooMany) {
    const Frame about = from_client(a).udp(40000, 80).build();
    for (int i = 0; i < 100; ++i) send(about, IcmpError::packet_too_big, 1400);
    EXPECT_EQ(bench.sent(wan).size(), 100U);
    for (int i = 0; i < 10; ++i) send(about, IcmpError::time_exceeded);
    EXPECT_EQ(bench.sent(wan).size(), 6U) << "nor do they count";
}

TEST_P(IcmpErrors, OfAWorkerAreLimited) {
    bench.tunables.icmp_ratelimit = 0;
    bench.tunables.icmp_msgs_burst = 5;
    bench.tunables.icmp_msgs_per_sec = 10;
    bench.publish();
    const Frame about = from_client(a).udp(40000, 80).build();
    for (int i = 0; i < 20; ++i) send(about, IcmpError::time_exceeded);
    EXPECT_EQ(bench.sent(wan).size(), 5U);
    bench.pass(Ticks(3));
    for (int i = 0; i < 20; ++i) send(about, IcmpError::time_exceeded);
    EXPECT_EQ(bench.sent(wan).size(), 3U);
    EXPECT_EQ(bench.counters().errors_suppressed.value(), 32U);
}

TEST_P(IcmpErrors, WithoutABufferAreCountedAsDropped) {
    bench.iterate();
    const Frame about = from_client(a).udp(40000, 80).build();
    rte_mbuf* m = bench.packet(about);
    PacketMeta meta;
    ASSERT_EQ(parse(PacketReader(about), static_cast<std::uint32_t>(about.size()), meta),
              std::nullopt);
    bench.exhaust_buffers();
    if (is_v4())
        send_icmp_error<Ipv4>(bench.worker(), m, meta, IcmpError::port_unreachable);
    else
        send_icmp_error<Ipv6>(bench.worker(), m, meta, IcmpError::port_unreachable);
    rte_pktmbuf_free(m);
    EXPECT_EQ(bench.counters().generated.value(), 1U);
    EXPECT_EQ(bench.dropped(DropReason::no_buffer), 1U);
}

TEST_P(IcmpErrors, WithoutAWayBackAreDropped) {
    send(from_client(a).ip(a.elsewhere, a.vip).udp(40000, 80).build(), IcmpError::port_unreachable);
    EXPECT_EQ(bench.counters().generated.value(), 1U);
    EXPECT_EQ(bench.dropped(DropReason::no_route), 1U);
}

TEST_P(IcmpErrors, WaitForTheLinkAddressOfTheirNextHop) {
    bench.network = links();
    bench.publish();
    const Frame about = from_client(a).udp(40000, 80).build();
    send(about, IcmpError::port_unreachable);
    EXPECT_EQ(bench.counters().held.value(), 1U);
    const auto asked = bench.resolve_requests();
    ASSERT_FALSE(asked.empty());
    EXPECT_EQ(asked[0].ifindex, wan_link);
    EXPECT_EQ(asked[0].address, ip(a.client));
    add_neighbours(bench.network);
    bench.publish();
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(wan),
                           expected(a.vip, is_v4() ? 3 : 1, is_v4() ? 3 : 4, network_part(about))));
}

TEST(IcmpErrorsOfIpv4, KeepTheTypeOfServiceAndTakeInternetworkControl) {
    WorkerBench bench;
    bench.add_usual_services();
    for (auto& service : bench.services) service.servers[0].weight = 0;
    bench.publish();
    bench.put(wan, from_client(v4).tos(0xFF).udp(40000, 80).build());
    bench.settle();
    EXPECT_EQ(bench.one_sent(wan).at(15), std::byte{0xDE});
}

}  // namespace
}  // namespace shunt
