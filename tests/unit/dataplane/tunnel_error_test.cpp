// SPDX-License-Identifier: BSD-3-Clause
// Errors about packets of our own tunnels: every way of wrapping, every pair of families
// (ipvs-behaviour 1.20, RFC 2473 8, RFC 4213 3.4, RFC 7915 4.2 and 5.2).
#include "dataplane/tunnel_error.h"

#include <gtest/gtest.h>

#include "dataplane/forwarders.h"
#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

constexpr std::uint16_t gue_port = 6080;

Frame operator+(Frame a, const Frame& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Frame first(const Frame& bytes, std::size_t count) {
    return Frame(bytes.begin(),
                 bytes.begin() + static_cast<std::ptrdiff_t>(std::min(count, bytes.size())));
}

struct Kind {
    std::string_view name;
    Tunnel tunnel;
    std::size_t own;  ///< bytes between outer and inner network header
};
const Kind ipip{"IPIP", {}, 0};
const Kind gre{"GRE", {TunnelType::gre, {}, TunnelChecksum::none}, 4};
const Kind gre_sum{"GREWithChecksum", {TunnelType::gre, {}, TunnelChecksum::full}, 8};
const Kind gue{"GUE", {TunnelType::gue, L4Port(gue_port), TunnelChecksum::none}, 12};
const Kind gue_options{
    "GUEWithOptions", {TunnelType::gue, L4Port(gue_port), TunnelChecksum::remote}, 20};

/// A way of wrapping, and the families of the service and of its server.
struct Case {
    Kind kind;
    Addresses inner;
    Addresses outer;
};
void PrintTo(const Case& c, std::ostream* out) {
    *out << c.kind.name << ", " << c.inner.name << " in " << c.outer.name;
}
std::vector<Case> all_cases() {
    std::vector<Case> all;
    for (const Kind& kind : {ipip, gre, gre_sum, gue, gue_options})
        for (const auto& inner : families)
            for (const auto& outer : families) all.push_back({kind, inner, outer});
    return all;
}
std::string case_name(const ::testing::TestParamInfo<Case>& info) {
    const Case& c = info.param;
    return std::string(c.kind.name) + "_" + std::string(c.inner.name) + "in" +
           std::string(c.outer.name);
}

/// What stands between the headers, and what the outer one names.
Frame wrapping_of(const Kind& kind, bool inner_v4, const Frame& inside) {
    const int protocol = inner_v4 ? 4 : 41;
    const Frame type = inner_v4 ? bytes_of({8, 0}) : bytes_of({0x86, 0xDD});
    switch (kind.tunnel.type) {
        case TunnelType::ipip:
            return {};
        case TunnelType::gre:
            return kind.own == 4 ? bytes_of({0, 0}) + type
                                 : bytes_of({0x80, 0}) + type + bytes_of({1, 2, 0, 0});
        case TunnelType::gue: {
            const int length = static_cast<int>(kind.own + inside.size());
            const Frame udp = bytes_of(
                {0x9C, 0x41, gue_port >> 8, gue_port & 0xFF, length >> 8, length & 0xFF, 0, 0});
            return kind.own == 12 ? udp + bytes_of({0, protocol, 0, 0})
                                  : udp + bytes_of({2, protocol, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0});
        }
    }
    return {};
}
std::uint8_t outer_protocol(const Kind& kind, bool inner_v4) {
    if (kind.tunnel.type == TunnelType::gre) return 47;
    if (kind.tunnel.type == TunnelType::gue) return 17;
    return inner_v4 ? 4 : 41;
}

/// A world with one connection through one tunnel, and errors about its packets.
class TunnelWorld {
  public:
    explicit TunnelWorld(const Case& c, const BenchOptions& options = {})
        : about(c), bench(options) {
        bench.add_service(Protocol::udp, inner().endpoint(inner().vip, 80),
                          {outer().endpoint(outer().server, 80)}, ForwardMethod::tunnel,
                          about.kind.tunnel);
        bench.publish();
        bench.put(wan, request().build());
        bench.settle();
        EXPECT_EQ(bench.sent(lan).size(), 1U);
    }
    [[nodiscard]] const Addresses& inner() const { return about.inner; }
    [[nodiscard]] const Addresses& outer() const { return about.outer; }
    [[nodiscard]] bool inner_v4() const { return inner().header == 20; }
    [[nodiscard]] bool outer_v4() const { return outer().header == 20; }
    /// As it stands in the tunnel.
    [[nodiscard]] PacketBuilder request() const {
        return from_client(inner()).ttl(63).ip_id(5).dont_fragment().udp(40000, 80).payload(30);
    }
    [[nodiscard]] Frame wrapped(const Frame& inside) const {
        return wrapped_in(about.kind, inside, outer().server);
    }
    [[nodiscard]] Frame wrapped_in(const Kind& kind, const Frame& inside,
                                   std::string_view far_end) const {
        return network_part(PacketBuilder()
                                .ip(outer().lan_self, far_end)
                                .ttl(63)
                                .dont_fragment()
                                .ip_protocol(outer_protocol(kind, inner_v4()))
                                .payload(wrapping_of(kind, inner_v4(), inside) + inside)
                                .build());
    }
    /// From a router on the server's side, to the tunnel's near end.
    [[nodiscard]] Frame error(int type, int code, const Frame& quoted,
                              std::uint32_t rest = 0) const {
        return from_server(outer())
            .ip(outer().server2, outer().lan_self)
            .icmp(static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), rest)
            .payload(quoted)
            .build();
    }
    [[nodiscard]] Frame too_big(std::uint32_t mtu, const Frame& quoted) const {
        return outer_v4() ? error(3, 4, quoted, mtu) : error(2, 0, quoted, mtu);
    }
    [[nodiscard]] Frame unreachable(const Frame& quoted) const {
        return outer_v4() ? error(3, 1, quoted) : error(1, 3, quoted);
    }
    /// What the client is told, but for the identification, which is taken from `sent`.
    [[nodiscard]] Frame told(int type, int code, const Frame& quoted, std::uint32_t rest,
                             const Frame& sent) const {
        return PacketBuilder()
            .mac(wan_mac, client_mac)
            .ip(inner().vip, inner().client)
            .tos(inner_v4() ? 0xC0 : 0)
            .ip_id(sent.size() > 20 ? get16(sent, 18) : std::uint16_t{0})
            .icmp(static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), rest)
            .payload(quoted)
            .build();
    }
    void take(const Frame& frame) {
        bench.put(lan, frame);
        bench.settle();
    }
    void expect_told(const Frame& frame, int type, int code, const Frame& quoted,
                     std::uint32_t rest = 0) {
        const auto swallowed = bench.dropped(DropReason::tunnel_error);
        take(frame);
        const Frame sent = bench.one_sent(wan);
        EXPECT_TRUE(same_frame(sent, told(type, code, quoted, rest, sent)));
        EXPECT_EQ(bench.dropped(DropReason::tunnel_error), swallowed + 1);
        EXPECT_TRUE(bench.to_host(lan).empty());
    }
    void expect_to_host(const Frame& frame) {
        take(frame);
        EXPECT_TRUE(bench.sent(wan).empty());
        EXPECT_TRUE(same_frame(bench.one_to_host(lan), frame));
        EXPECT_TRUE(bench.path_mtu_reports().empty());
    }
    /// Bytes that this tunnel adds.
    [[nodiscard]] std::uint32_t added() const {
        return static_cast<std::uint32_t>(outer().header + about.kind.own);
    }

    Case about;
    WorkerBench bench;
};

class TunnelErrors : public ::testing::TestWithParam<Case> {
  protected:
    TunnelErrors() : world(GetParam()) {
        world.bench.tunables.icmp_ratelimit = 0;
        world.bench.publish();
    }
    TunnelWorld world;
    Frame inside = network_part(world.request().build());
};
INSTANTIATE_TEST_SUITE_P(All, TunnelErrors, ::testing::ValuesIn(all_cases()), case_name);

TEST_P(TunnelErrors, TellTheClient) {
    world.expect_told(world.unreachable(world.wrapped(inside)), world.inner_v4() ? 3 : 1,
                      world.inner_v4() ? 1 : 3, inside);
    EXPECT_EQ(world.bench.dest(0, &DestCounters::packets_out), 1U);
    EXPECT_EQ(world.bench.dest(0, &DestCounters::bytes_out), inside.size());
    EXPECT_TRUE(world.bench.path_mtu_reports().empty());
    // The TTL within a tunnel is the client's.
    const Frame expired = world.error(world.outer_v4() ? 11 : 3, 0, world.wrapped(inside));
    world.expect_told(expired, world.inner_v4() ? 11 : 3, 0, inside);
}

TEST_P(TunnelErrors, SayWhatFitsWithinTheTunnelAndToTheControlThreadWhatFitsOutside) {
    for (const std::uint32_t mtu : {1400U, 1480U}) {
        world.expect_told(world.too_big(mtu, world.wrapped(inside)), world.inner_v4() ? 3 : 2,
                          world.inner_v4() ? 4 : 0, inside,
                          std::max(mtu - world.added(), world.inner_v4() ? 68U : 1280U));
        const auto reports = world.bench.path_mtu_reports();
        ASSERT_EQ(reports.size(), 1U);
        EXPECT_EQ(reports[0].destination, ip(world.outer().server));
        EXPECT_EQ(reports[0].mtu, mtu);
    }
}

TEST_P(TunnelErrors, BelieveInNoWayThatIsTooNarrow) {
    const std::uint32_t least = world.outer_v4() ? 552 : 1280;
    for (const std::uint32_t mtu : {0U, 68U, least - 1, least}) {
        world.expect_told(world.too_big(mtu, world.wrapped(inside)), world.inner_v4() ? 3 : 2,
                          world.inner_v4() ? 4 : 0, inside,
                          world.inner_v4() ? least - world.added() : 1280);
        const auto reports = world.bench.path_mtu_reports();
        ASSERT_EQ(reports.size(), 1U);
        EXPECT_EQ(reports[0].mtu, least);
    }
}

TEST_P(TunnelErrors, NeverSayMoreThanGoesByTheKnownWay) {
    world.take(world.too_big(9000, world.wrapped(inside)));
    const Frame sent = world.bench.one_sent(wan);
    const std::size_t mtu = 14 + world.inner().header + (world.inner_v4() ? 6 : 4);
    ASSERT_GT(sent.size(), mtu + 4);
    const std::uint32_t told =
        world.inner_v4()
            ? get16(sent, mtu)
            : static_cast<std::uint32_t>(get16(sent, mtu) << 16 | get16(sent, mtu + 2));
    EXPECT_EQ(told, tunnel_fits(*world.bench.shared().snapshot, DestId(0), 1500));
}

TEST_P(TunnelErrors, QuoteWhatIsThereOfTheClientsPacket) {
    const Frame whole = world.wrapped(inside);
    const std::size_t ports = world.added() + world.inner().header + 4;
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        const Frame frame = world.unreachable(first(whole, length));
        if (length < ports)
            world.expect_to_host(frame);
        else
            world.expect_told(frame, world.inner_v4() ? 3 : 1, world.inner_v4() ? 1 : 3,
                              first(inside, length - world.added()));
    }
}

TEST_P(TunnelErrors, MayLieInSeveralBuffers) {
    const Frame frame = world.unreachable(world.wrapped(inside));
    for (std::size_t cut = 30; cut < frame.size(); cut += 7) {
        world.bench.put_pieces(lan, frame, {cut, 3});
        world.bench.settle();
        const Frame sent = world.bench.one_sent(wan);
        EXPECT_TRUE(same_frame(
            sent, world.told(world.inner_v4() ? 3 : 1, world.inner_v4() ? 1 : 3, inside, 0, sent)))
            << cut;
    }
}

TEST_P(TunnelErrors, DoNotQuotePadding) {
    Frame frame = world.unreachable(first(world.wrapped(inside), world.added() + 60));
    frame.resize(frame.size() + 40, std::byte{7});
    world.expect_told(frame, world.inner_v4() ? 3 : 1, world.inner_v4() ? 1 : 3, first(inside, 60));
}

TEST_P(TunnelErrors, WithAWrongChecksumEnd) {
    Frame frame = world.too_big(1400, world.wrapped(inside));
    frame[14 + world.outer().header + 2] ^= std::byte{1};
    world.take(frame);
    EXPECT_TRUE(world.bench.sent(wan).empty());
    EXPECT_EQ(world.bench.dropped(DropReason::icmp_bad_checksum), 1U);
    EXPECT_TRUE(world.bench.path_mtu_reports().empty());
    EXPECT_EQ(world.bench.dest(0, &DestCounters::packets_out), 0U);
}

TEST_P(TunnelErrors, AboutAnythingElseAreTheHosts) {
    const auto about = [&](const Kind& kind, std::string_view far_end) {
        return world.unreachable(world.wrapped_in(kind, inside, far_end));
    };
    // Another server, another way of wrapping, another port.
    world.expect_to_host(about(world.about.kind, world.outer().server2));
    for (const Kind& other : {ipip, gre, gue})
        if (other.tunnel.type != world.about.kind.tunnel.type)
            world.expect_to_host(about(other, world.outer().server));
    if (world.about.kind.tunnel.type == TunnelType::gue) {
        Frame quoted = world.wrapped(inside);
        quoted[world.outer().header + 3] ^= std::byte{1};
        world.expect_to_host(world.unreachable(quoted));
    }
    // Another client.
    world.expect_to_host(
        world.unreachable(world.wrapped(network_part(world.request().udp(40001, 80).build()))));
    // A reply in the tunnel.
    world.expect_to_host(world.unreachable(world.wrapped(network_part(
        PacketBuilder().ip(world.inner().vip, world.inner().client).udp(80, 40000).build()))));
    // A later fragment in the tunnel.
    world.expect_to_host(world.unreachable(
        world.wrapped(network_part(world.request().fragment(64, false).build()))));
    // Not for the host itself.
    world.expect_to_host(from_server(world.outer())
                             .icmp(world.outer_v4() ? 3 : 1, 1)
                             .payload(world.wrapped(inside))
                             .build());
}

TEST_P(TunnelErrors, AboutServersThatWereRemovedAreTheHosts) {
    world.bench.services[0].servers[0].removed = true;
    world.bench.publish();
    world.expect_to_host(world.unreachable(world.wrapped(inside)));
}

TEST_P(TunnelErrors, AreLimitedExceptThoseThatSayWhatFits) {
    world.bench.tunables.icmp_ratelimit = 1000;
    world.bench.publish();
    for (int i = 0; i < 10; ++i) world.take(world.unreachable(world.wrapped(inside)));
    EXPECT_EQ(world.bench.sent(wan).size(), 6U);
    EXPECT_EQ(world.bench.counters().errors_suppressed.value(), 4U);
    for (int i = 0; i < 10; ++i) world.take(world.too_big(1400, world.wrapped(inside)));
    EXPECT_EQ(world.bench.sent(wan).size(), 10U);
    EXPECT_EQ(world.bench.dropped(DropReason::tunnel_error), 20U);
}

TEST_P(TunnelErrors, ReachTheWorkerThatOwnsTheClient) {
    TunnelWorld several(GetParam(), {.workers = 3});
    for (std::uint16_t port = 40000; port < 40010; ++port) {
        const auto request = several.request().udp(port, 80);
        several.bench.put(wan, request.build());
        several.bench.settle();
        static_cast<void>(several.bench.sent(lan));
        const Frame about = network_part(request.build());
        several.expect_told(several.unreachable(several.wrapped(about)), several.inner_v4() ? 3 : 1,
                            several.inner_v4() ? 1 : 3, about);
        if (port == 40005) several.bench.pass(std::chrono::seconds(60));
    }
}

TEST_P(TunnelErrors, WithoutRoomForTheReportStillTellTheClient) {
    world.bench.shared().path_mtu_reports =
        make_ring("full", 1, RING_F_SC_DEQ, sizeof(PathMtuReport));
    for (int i = 0; i < 5; ++i) world.take(world.too_big(1400, world.wrapped(inside)));
    EXPECT_EQ(world.bench.sent(wan).size(), 5U);
}

// What hangs on the family.

TEST(TunnelErrorsOfIpv4, AboutAPacketThatMayBeCutAreReportedButNotTold) {
    for (const Kind& kind : {ipip, gre, gue})
        for (const auto& outer : families) {
            TunnelWorld world({kind, v4, outer});
            const Frame inside = network_part(world.request().dont_fragment(false).build());
            world.take(world.too_big(1400, world.wrapped(inside)));
            EXPECT_TRUE(world.bench.sent(wan).empty());
            EXPECT_EQ(world.bench.dropped(DropReason::tunnel_error), 1U);
            const auto reports = world.bench.path_mtu_reports();
            ASSERT_EQ(reports.size(), 1U);
            EXPECT_EQ(reports[0].mtu, 1400);
            EXPECT_EQ(world.bench.dest(0, &DestCounters::packets_out), 0U);
            world.expect_told(world.unreachable(world.wrapped(inside)), 3, 1, inside);
        }
}

TEST(TunnelErrorsOfIpv4, AFirstFragmentOfTheOuterPacketDoesALaterOneDoesNot) {
    TunnelWorld world({ipip, v4, v4});
    const Frame inside = network_part(world.request().build());
    const auto piece = [&](std::uint16_t offset) {
        return network_part(PacketBuilder()
                                .ip(v4.lan_self, v4.server)
                                .ip_protocol(4)
                                .payload(inside)
                                .fragment(offset, true)
                                .build());
    };
    world.expect_told(world.unreachable(piece(0)), 3, 1, inside);
    world.expect_to_host(world.unreachable(piece(8)));
}

TEST(TunnelErrorsOfIpv4, OnlyTheLastTwoBytesAreTheMtu) {
    TunnelWorld world({ipip, v4, v4});
    const Frame inside = network_part(world.request().build());
    // RFC 4884 has the quotation's length before it.
    world.expect_told(world.error(3, 4, world.wrapped(inside), 0x00200000 + 1400), 3, 4, inside,
                      1380);
    EXPECT_EQ(world.bench.path_mtu_reports().at(0).mtu, 1400);
}

/// The wrapping's first bytes are changed, so that all else is as it was.
void expect_unknown(const Case& about, std::initializer_list<Frame> headers, std::size_t at) {
    TunnelWorld world(about);
    const Frame inside = network_part(world.request().build());
    for (const Frame& header : headers) {
        Frame quoted = world.wrapped(inside);
        std::copy(header.begin(), header.end(), quoted.begin() + static_cast<std::ptrdiff_t>(at));
        world.expect_to_host(world.unreachable(quoted));
    }
}

TEST(TunnelErrorsOfIpv4, UnknownWrappingsAreTheHosts) {
    // Routing, key, sequence number, version 1; another protocol inside.
    expect_unknown({gre_sum, v4, v4},
                   {bytes_of({0x40, 0}), bytes_of({0x20, 0}), bytes_of({0x10, 0}),
                    bytes_of({0x80, 1}), bytes_of({0x80, 0, 8, 6})},
                   20);
    expect_unknown({gre, v6, v4}, {bytes_of({0, 0, 8, 6}), bytes_of({0, 0, 8, 0})}, 20);
    // A control message, another version, another protocol inside, options that lead too far.
    expect_unknown({gue, v4, v4},
                   {bytes_of({0x20, 4}), bytes_of({0x40, 4}), bytes_of({0x80, 4}), bytes_of({0, 6}),
                    bytes_of({0x1F, 4})},
                   28);
}

TEST(TunnelErrorsOfIpv4, AConnectionWithoutTunnelHasNone) {
    TunnelWorld world({ipip, v4, v4});
    world.bench.add_service(Protocol::udp, "192.0.2.10:81", {"198.51.100.11:81"},
                            ForwardMethod::direct);
    world.bench.publish();
    world.bench.put(wan, from_client(v4).udp(40000, 81).build());
    world.bench.settle();
    static_cast<void>(world.bench.sent(lan));
    world.expect_to_host(
        world.unreachable(world.wrapped(network_part(from_client(v4).udp(40000, 81).build()))));
}

TEST(TunnelErrorsOfIpv4, IpsecInATunnelFollowsTheKeyExchange) {
    TunnelWorld world({ipip, v4, v4});
    world.bench.add_service(Protocol::udp, "192.0.2.10:500", {"198.51.100.11:500"},
                            ForwardMethod::tunnel);
    world.bench.publish();
    world.bench.put(wan, from_client(v4).udp(500, 500).build());
    world.bench.settle();
    static_cast<void>(world.bench.sent(lan));
    const auto esp = from_client(v4).ip_protocol(50).payload(12);
    const Frame inside = network_part(esp.build());
    world.expect_told(world.unreachable(world.wrapped(inside)), 3, 1, inside);
    world.expect_to_host(world.unreachable(
        world.wrapped(network_part(PacketBuilder(esp).fragment(64, true).build()))));
}

TEST(TunnelErrorsOfIpv4, AReplyThatLooksLikeGueIsAReply) {
    WorkerBench bench;
    bench.add_service(Protocol::udp, "192.0.2.10:80", {"198.51.100.11:8080"});
    bench.publish();
    bench.put(wan, from_client(v4).udp(40000, 80).build());
    bench.settle();
    static_cast<void>(bench.sent(lan));
    // GUE with an IPv4 packet to nowhere inside.
    const Frame inside = network_part(PacketBuilder().ip("10.9.9.9", "10.8.8.8").udp(1, 2).build());
    const auto reply = [&](std::string_view source, std::uint16_t port) {
        return network_part(PacketBuilder()
                                .ip(source, v4.client)
                                .udp(port, 40000)
                                .payload(bytes_of({0, 4, 0, 0}) + inside)
                                .l4_checksum(0)
                                .build());
    };
    bench.put(wan, from_client(v4).icmp(3, 3).payload(reply(v4.vip, 80)).build());
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(lan),
                           to_server(v4).icmp(3, 3).payload(reply(v4.server, 8080)).build()));
}

TEST(TunnelErrorsBetweenFamilies, AreRetoldInTheClientsWords) {
    using Told = std::optional<IcmpMessage>;
    const auto from_v4 = [](int type, int code) {
        return retold<Ipv4, Ipv6>(
            {static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), 1400});
    };
    const auto from_v6 = [](int type, int code) {
        return retold<Ipv6, Ipv4>(
            {static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), 1400});
    };
    for (const int code : {0, 1, 2, 5, 6, 7, 8, 11, 12, 14, 77})
        EXPECT_EQ(from_v4(3, code), Told({1, 3})) << code;
    for (const int code : {9, 10, 13, 15}) EXPECT_EQ(from_v4(3, code), Told({1, 1})) << code;
    EXPECT_EQ(from_v4(3, 3), Told({1, 4}));
    EXPECT_EQ(from_v4(3, 4), Told({2, 0, 1400}));
    EXPECT_EQ(from_v4(11, 0), Told({3, 0}));
    EXPECT_EQ(from_v4(11, 1), Told({3, 1}));
    EXPECT_EQ(from_v4(4, 0), std::nullopt);

    for (const int code : {0, 2, 3, 5, 6, 7}) EXPECT_EQ(from_v6(1, code), Told({3, 1})) << code;
    EXPECT_EQ(from_v6(1, 1), Told({3, 10}));
    EXPECT_EQ(from_v6(1, 4), Told({3, 3}));
    EXPECT_EQ(from_v6(2, 0), Told({3, 4, 1400}));
    EXPECT_EQ(from_v6(3, 0), Told({11, 0}));
    EXPECT_EQ(from_v6(3, 1), Told({11, 1}));
    EXPECT_EQ(from_v6(4, 1), Told({3, 1}));
    EXPECT_EQ(from_v6(100, 0), Told({3, 1}));
}

TEST(TunnelErrorsWithinOneFamily, KeepTheirWords) {
    const auto message = [](int type, int code) {
        return IcmpMessage{static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), 7};
    };
    for (const int type : {3, 4, 11})
        for (int code = 0; code < 16; ++code)
            EXPECT_EQ((retold<Ipv4, Ipv4>(message(type, code))), message(type, code));
    for (const int type : {1, 2, 3})
        for (int code = 0; code < 8; ++code)
            EXPECT_EQ((retold<Ipv6, Ipv6>(message(type, code))), message(type, code));
    for (const int type : {0, 4, 5, 100, 127})
        EXPECT_EQ((retold<Ipv6, Ipv6>(message(type, 1))), (IcmpMessage{1, 3})) << type;
}

TEST(TunnelErrorsBetweenFamilies, WithoutWordsForItAreSwallowed) {
    TunnelWorld world({ipip, v6, v4});
    const Frame inside = network_part(world.request().build());
    world.take(world.error(4, 0, world.wrapped(inside)));
    EXPECT_TRUE(world.bench.sent(wan).empty());
    EXPECT_EQ(world.bench.dropped(DropReason::tunnel_error), 1U);
}

}  // namespace
}  // namespace shunt
