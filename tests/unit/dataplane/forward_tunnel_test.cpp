// SPDX-License-Identifier: BSD-3-Clause
// Stage 6: each byte of wrapped packets, what becomes of those that do not fit, and the MSS that is
// lowered so that they do (ipvs-behaviour 1.9-1.11, 1.14, 1.21).
#include <gtest/gtest.h>

#include <set>

#include "dataplane/forwarders.h"
#include "dataplane/stages.h"
#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;

constexpr std::size_t ethernet = 14;
constexpr std::uint16_t gue_port = 6080;
constexpr std::uint16_t dont_fragment = Ipv4Header::dont_fragment;
constexpr std::uint16_t fragment_id = 0x4321;

/// One way to wrap one family into one.
struct Kind {
    TunnelType type;
    TunnelChecksum checksum;
    Addresses inner;
    Addresses outer;

    [[nodiscard]] Tunnel tunnel() const { return {type, L4Port(gue_port), checksum}; }
    [[nodiscard]] std::size_t overhead() const {
        return tunnel_overhead(tunnel(), ip(outer.server).family());
    }
    [[nodiscard]] bool over_v4() const { return outer.header == 20; }
    [[nodiscard]] bool of_v4() const { return inner.header == 20; }
};

std::string to_string(const Kind& k) {
    constexpr std::array types{"Ipip", "Gue", "Gre"};
    constexpr std::array checksums{"", "Summed", "RemoteSummed"};
    return std::string(types[static_cast<std::size_t>(k.type)]) +
           checksums[static_cast<std::size_t>(k.checksum)] + std::string(k.inner.name) + "In" +
           std::string(k.outer.name);
}
void PrintTo(const Kind& k, std::ostream* out) {
    *out << to_string(k);
}

std::vector<Kind> all_kinds() {
    std::vector<Kind> kinds;
    for (const auto& outer : families)
        for (const auto& inner : families)
            for (const auto& [type, checksum] : {std::pair{TunnelType::ipip, TunnelChecksum::none},
                                                 std::pair{TunnelType::gue, TunnelChecksum::none},
                                                 std::pair{TunnelType::gue, TunnelChecksum::full},
                                                 std::pair{TunnelType::gue, TunnelChecksum::remote},
                                                 std::pair{TunnelType::gre, TunnelChecksum::none},
                                                 std::pair{TunnelType::gre, TunnelChecksum::full}})
                kinds.push_back({type, checksum, inner, outer});
    return kinds;
}

Frame behind(const Frame& frame, std::size_t n) {
    return n < frame.size() ? Frame(frame.begin() + static_cast<std::ptrdiff_t>(n), frame.end())
                            : Frame();
}
Frame joined(Frame a, const Frame& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

std::uint16_t plain_sum(const Frame& bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

std::uint16_t outer_id(const Frame& frame) {
    return get16(frame, ethernet + 4);
}
std::uint16_t outer_fragment_word(const Frame& frame) {
    return get16(frame, ethernet + 6);
}
int outer_class_of(const Frame& frame) {
    const int word = get16(frame, ethernet);
    return word >> 12 == 4 ? word & 0xFF : word >> 4 & 0xFF;
}

/// A bench with services on port 80 over tunnels of one kind.
class TunnelBench : public WorkerBench {
  public:
    explicit TunnelBench(const Kind& kind, const BenchOptions& options = {})
        : WorkerBench(options), k(kind) {
        for (const auto protocol : {Protocol::udp, Protocol::tcp})
            add_service(protocol, k.inner.endpoint(k.inner.vip, 80),
                        {k.outer.endpoint(k.outer.server, 80)}, ForwardMethod::tunnel, k.tunnel());
        publish();
    }
    void set_mtu(std::uint16_t lan_mtu) {
        network = links(1500, lan_mtu);
        add_neighbours(network);
        publish();
    }
    [[nodiscard]] PacketBuilder client_udp() const { return from_client(k.inner).udp(40000, 80); }
    /// A datagram whose network-layer length is `length`.
    [[nodiscard]] PacketBuilder of_length(std::size_t length) const {
        return client_udp().payload(length - k.inner.header - 8);
    }
    std::vector<Frame> wrapped(const Frame& frame, const std::vector<std::size_t>& sizes = {}) {
        put_pieces(wan, frame, sizes);
        settle();
        return sent(lan);
    }
    Frame one_wrapped(const Frame& frame, const std::vector<std::size_t>& sizes = {}) {
        put_pieces(wan, frame, sizes);
        settle();
        return one_sent(lan);
    }
    /// The datagram's fragments, each of at most `most` bytes with its header.
    [[nodiscard]] std::vector<Frame> fragments(const PacketBuilder& datagram, std::size_t most,
                                               bool unbroken = false) const {
        const std::size_t headers = k.inner.header + (k.of_v4() ? 0 : 8);
        const Frame data = behind(network_part(datagram.build()), k.inner.header);
        const std::size_t step = (most - headers) / 8 * 8;
        std::vector<Frame> all;
        for (std::size_t at = 0; at < data.size(); at += step) {
            const auto end = std::min(at + step, data.size());
            const Frame part(data.begin() + static_cast<std::ptrdiff_t>(at),
                             data.begin() + static_cast<std::ptrdiff_t>(end));
            auto b = from_client(k.inner).ip_protocol(17).payload(part);
            b.fragment(static_cast<std::uint16_t>(at), end < data.size(), fragment_id);
            if (unbroken) b.dont_fragment();
            all.push_back(b.build());
        }
        return all;
    }
    std::vector<Frame> wrapped(const std::vector<Frame>& pieces) {
        for (const Frame& piece : pieces) put(wan, piece);
        settle();
        return sent(lan);
    }
    [[nodiscard]] std::size_t fits(std::size_t mtu) const { return mtu - k.overhead(); }

    Kind k;
};

/// The frame that has `inside` in a tunnel of the kind. What the balancer chooses is taken from
/// `actual`: the id of a packet that may be cut, and the source port of GUE.
Frame wrapping(const Kind& k, const Frame& inside, PacketBuilder outer, const Frame& actual) {
    const int protocol = k.of_v4() ? 4 : 41;
    outer.mac(lan_mac, server_mac).ip(k.outer.lan_self, k.outer.server);
    if (k.over_v4() && (outer_fragment_word(actual) & dont_fragment) == 0)
        outer.ip_id(outer_id(actual));
    if (k.type == TunnelType::gue) {
        outer.udp(get16(actual, ethernet + k.outer.header), gue_port)
            .payload(joined(bytes_of({0, protocol, 0, 0}), inside));
        if (k.checksum == TunnelChecksum::none) outer.l4_checksum(0);
        return outer.build();
    }
    if (k.type == TunnelType::ipip)
        return outer.ip_protocol(static_cast<std::uint8_t>(protocol)).payload(inside).build();
    const bool summed = k.checksum != TunnelChecksum::none;
    Frame gre = bytes_of({summed ? 0x80 : 0, 0, k.of_v4() ? 0x08 : 0x86, k.of_v4() ? 0x00 : 0xDD});
    if (summed) gre = joined(gre, bytes_of({0, 0, 0, 0}));
    gre = joined(gre, inside);
    if (summed) {
        const auto sum = static_cast<std::uint16_t>(~plain_sum(gre));
        poke(gre, 4, {sum >> 8, sum & 0xFF});
    }
    return outer.ip_protocol(47).payload(gre).build();
}

class Wrapped : public ::testing::TestWithParam<Kind> {
  protected:
    const Kind& k = GetParam();
    TunnelBench bench{k};
};

template <class Condition>
auto kinds_where(Condition condition) {
    std::vector<Kind> kinds = all_kinds();
    std::erase_if(kinds, [&](const Kind& k) { return !condition(k); });
    return ::testing::ValuesIn(kinds);
}
std::string kind_name(const ::testing::TestParamInfo<Kind>& info) {
    return to_string(info.param);
}

class WrappedInIpv4 : public Wrapped {};
class Ipv4Wrapped : public Wrapped {};
class Ipv4WrappedInIpv4 : public Wrapped {};
class Ipv6WrappedInIpv6 : public Wrapped {};
class WrappedInUdp : public Wrapped {};
INSTANTIATE_TEST_SUITE_P(Kinds, Wrapped, ::testing::ValuesIn(all_kinds()), kind_name);
INSTANTIATE_TEST_SUITE_P(Kinds, WrappedInIpv4,
                         kinds_where([](const Kind& k) { return k.over_v4(); }), kind_name);
INSTANTIATE_TEST_SUITE_P(Kinds, Ipv4Wrapped, kinds_where([](const Kind& k) { return k.of_v4(); }),
                         kind_name);
INSTANTIATE_TEST_SUITE_P(Kinds, Ipv4WrappedInIpv4,
                         kinds_where([](const Kind& k) { return k.of_v4() && k.over_v4(); }),
                         kind_name);
INSTANTIATE_TEST_SUITE_P(Kinds, Ipv6WrappedInIpv6,
                         kinds_where([](const Kind& k) { return !k.of_v4() && !k.over_v4(); }),
                         kind_name);
INSTANTIATE_TEST_SUITE_P(Kinds, WrappedInUdp,
                         kinds_where([](const Kind& k) { return k.type == TunnelType::gue; }),
                         kind_name);

/// Everything that is to go through unchanged has a value of its own.
PacketBuilder peculiar(const Kind& k) {
    return from_client(k.inner)
        .tos(0xB9)
        .flow_label(0xABCDE)
        .ip_id(0xBEEF)
        .dont_fragment()
        .udp(40000, 80)
        .payload("an odd number of byte");
}

TEST_P(Wrapped, EveryByte) {
    const Frame frame = bench.one_wrapped(peculiar(k).ttl(33).build());
    const Frame inside = network_part(peculiar(k).ttl(32).build());
    const auto outer = PacketBuilder().tos(0xB9).ttl(32).dont_fragment(k.of_v4());
    EXPECT_TRUE(same_frame(frame, wrapping(k, inside, outer, frame)));
}

TEST_P(Wrapped, PaddingStaysBehind) {
    const Frame frame = bench.one_wrapped(bench.client_udp().pad_to(90).build());
    const Frame inside = network_part(bench.client_udp().ttl(63).build());
    EXPECT_TRUE(same_frame(frame, wrapping(k, inside, PacketBuilder().ttl(63), frame)));
}

TEST_P(Wrapped, AChainOfBuffersIsWrappedAsOneBuffer) {
    const auto inner = PacketBuilder(peculiar(k)).payload(std::size_t{301});
    const Frame inside = network_part(PacketBuilder(inner).ttl(63).build());
    const auto outer = PacketBuilder().tos(0xB9).ttl(63).dont_fragment(k.of_v4());
    for (const std::vector<std::size_t>& sizes : std::initializer_list<std::vector<std::size_t>>{
             {76}, {77}, {80, 1, 2, 3}, {100, 99, 98}}) {
        const Frame frame = bench.one_wrapped(inner.build(), sizes);
        EXPECT_TRUE(same_frame(frame, wrapping(k, inside, outer, frame))) << sizes[0];
    }
}

TEST_P(Wrapped, WithAVlanTagBeforeOrBehind) {
    NetTableBuilder tagged;
    tagged.add_interface({wan_link, wan, 0, mac(wan_mac), 1500, "wan"});
    tagged.add_interface({lan_link, lan, 7, mac(lan_mac), 1500, "lan.7"});
    for (const auto& a : families) {
        tagged.add_address(lan_link, ip(a.lan_self), parse_prefix(a.server_net)->length);
        tagged.add_route(parse_prefix(a.server_net).value(), {{lan_link, {}, 1}});
    }
    add_neighbours(tagged);
    bench.network = tagged;
    bench.publish();
    const Frame inside = network_part(peculiar(k).ttl(63).build());
    Frame frame = bench.one_wrapped(peculiar(k).build());
    ASSERT_GT(frame.size(), 18U);
    EXPECT_EQ(get16(frame, 12), 0x8100);
    EXPECT_EQ(get16(frame, 14), 7);
    frame.erase(frame.begin() + 12, frame.begin() + 16);
    const auto outer = PacketBuilder().tos(0xB9).ttl(63).dont_fragment(k.of_v4());
    EXPECT_TRUE(same_frame(frame, wrapping(k, inside, outer, frame)));

    tagged = links();
    tagged.add_interface({3, wan, 9, mac(wan_mac), 1500, "wan.9"});
    add_neighbours(tagged);
    bench.network = tagged;
    bench.publish();
    frame = bench.one_wrapped(peculiar(k).vlan(9).build());
    EXPECT_TRUE(same_frame(frame, wrapping(k, inside, outer, frame)));
}

TEST_P(Wrapped, TheTrafficClassIsCopiedButCongestionIsNotSaidTwice) {
    for (const int dscp : {0x00, 0x28, 0xB8, 0xFC})
        for (const auto& [inner, outer] :
             {std::pair{0, 0}, std::pair{1, 1}, std::pair{2, 2}, std::pair{3, 2}}) {
            const Frame frame = bench.one_wrapped(
                bench.client_udp().tos(static_cast<std::uint8_t>(dscp | inner)).build());
            EXPECT_EQ(outer_class_of(frame), dscp | outer) << dscp << " " << inner;
        }
}

TEST_P(Wrapped, OnlyAnInnerDontFragmentIsKept) {
    for (const bool inner : {false, true})
        for (const std::uint32_t pmtu_disc : {0U, 1U}) {
            bench.tunables.pmtu_disc = pmtu_disc;
            bench.publish();
            const Frame frame = bench.one_wrapped(bench.client_udp().dont_fragment(inner).build());
            if (!k.over_v4()) continue;
            const bool kept = inner && k.of_v4() && pmtu_disc == 1;
            EXPECT_EQ(outer_fragment_word(frame), kept ? dont_fragment : 0);
            EXPECT_TRUE(checksums_ok(frame)) << checksum_problem(frame);
        }
}

TEST_P(WrappedInIpv4, APacketThatMayBeCutHasAnIdOfItsOwn) {
    std::set<std::uint16_t> ids;
    for (int i = 0; i < 10; ++i) {
        ids.insert(outer_id(bench.one_wrapped(bench.client_udp().ip_id(77).build())));
        const Frame uncut = bench.one_wrapped(bench.client_udp().ip_id(77).dont_fragment().build());
        EXPECT_EQ(outer_id(uncut) == 0, k.of_v4());
    }
    EXPECT_EQ(ids.size(), 10U);
}

TEST_P(Wrapped, APacketThatJustFitsGoesWholeAndTheNextOneIsRefused) {
    for (const auto mtu : std::initializer_list<std::uint16_t>{1500, 1400}) {
        bench.set_mtu(mtu);
        const std::size_t fits = bench.fits(mtu);
        const Frame frame = bench.one_wrapped(bench.of_length(fits).dont_fragment().build());
        EXPECT_EQ(frame.size(), ethernet + mtu);
        EXPECT_TRUE(bench.wrapped(bench.of_length(fits + 1).dont_fragment().build()).empty());
        const Frame error = bench.one_sent(wan);
        EXPECT_EQ(get16(error, ethernet + k.inner.header), k.of_v4() ? 0x0304 : 0x0200);
        EXPECT_EQ(get16(error, ethernet + k.inner.header + 6), fits);
    }
}

using Lengths = std::vector<std::size_t>;

/// A packet and what came out of it, piece by piece: lengths, flags, one id, and the whole again.
void expect_pieces(const Kind& k, const std::vector<Frame>& pieces, const Lengths& lengths,
                   const Frame& inside, bool unbroken) {
    std::vector<std::size_t> actual;
    for (const Frame& piece : pieces) actual.push_back(piece.size() - ethernet);
    ASSERT_EQ(actual, lengths);
    const std::size_t headers = k.outer.header + (k.over_v4() ? 0 : 8);
    Frame data;
    for (const Frame& piece : pieces) {
        EXPECT_TRUE(checksums_ok(piece)) << checksum_problem(piece);
        const bool more = &piece != &pieces.back();
        const std::size_t word = data.size() / 8;
        if (k.over_v4()) {
            EXPECT_EQ(outer_fragment_word(piece),
                      word | (unbroken ? 0x4000 : 0) | (more ? 0x2000 : 0));
            EXPECT_EQ(outer_id(piece), outer_id(pieces[0]));
            EXPECT_NE(outer_id(piece), 0);
        } else {
            EXPECT_EQ(get16(piece, ethernet + 42), word * 8 | (more ? 1 : 0));
            EXPECT_EQ(get16(piece, ethernet + 44), get16(pieces[0], ethernet + 44));
            EXPECT_EQ(get16(piece, ethernet + 46), get16(pieces[0], ethernet + 46));
        }
        data = joined(data, behind(piece, ethernet + headers));
    }
    // As one frame: the first piece's headers, with the length and flags of the whole.
    Frame whole(pieces[0].begin(),
                pieces[0].begin() + static_cast<std::ptrdiff_t>(ethernet + k.outer.header));
    whole = joined(whole, data);
    poke(whole, ethernet + 6, {0, 0});  // of IPv4: no fragment
    const Frame expected = wrapping(k, inside, PacketBuilder().ttl(63), whole);
    const Frame is = behind(whole, ethernet + k.outer.header);
    const Frame wanted = behind(expected, ethernet + k.outer.header);
    EXPECT_TRUE(is == wanted) << hexdump(is) << "\nexpected\n" << hexdump(wanted);
}

TEST_P(Ipv4Wrapped, APacketThatMayBeCutAndDoesNotFitIsCutOutside) {
    static_cast<void>(bench.wrapped(bench.client_udp().build()));  // the first id may be 0
    for (const std::size_t length : {bench.fits(1500) + 1, std::size_t{1500}}) {
        const Frame inside = network_part(bench.of_length(length).ttl(63).build());
        const std::size_t rest = length + k.overhead() - k.outer.header;
        const std::vector<std::size_t> lengths =
            k.over_v4() ? std::vector<std::size_t>{1500, 20 + rest - 1480}
                        : std::vector<std::size_t>{1496, 48 + rest - 1448};
        expect_pieces(k, bench.wrapped(bench.of_length(length).build()), lengths, inside, false);
        EXPECT_TRUE(bench.sent(wan).empty());
    }
    EXPECT_EQ(bench.sum(&WorkerCounters::split), 2U);
}

TEST_P(Wrapped, WithoutPathMtuDiscoveryEveryIpv4PacketIsCutOutside) {
    bench.tunables.pmtu_disc = 0;
    bench.publish();
    static_cast<void>(bench.wrapped(bench.client_udp().build()));
    const auto pieces = bench.wrapped(bench.of_length(1500).dont_fragment().build());
    if (!k.of_v4()) {
        EXPECT_TRUE(pieces.empty());
        EXPECT_EQ(get16(bench.one_sent(wan), ethernet + 40), 0x0200);
        return;
    }
    const std::size_t rest = 1500 + k.overhead() - k.outer.header;
    const std::vector<std::size_t> lengths = k.over_v4()
                                                 ? std::vector<std::size_t>{1500, 20 + rest - 1480}
                                                 : std::vector<std::size_t>{1496, 48 + rest - 1448};
    expect_pieces(k, pieces, lengths,
                  network_part(bench.of_length(1500).ttl(63).dont_fragment().build()), false);
}

TEST_P(Wrapped, TheLearntPathMtuIsThatOfTheWay) {
    bench.path_mtus[ip(k.outer.server)] = 1400;
    bench.publish();
    const std::size_t fits = bench.fits(1400);
    EXPECT_EQ(bench.one_wrapped(bench.of_length(fits).dont_fragment().build()).size(),
              ethernet + 1400);
    EXPECT_TRUE(bench.wrapped(bench.of_length(fits + 1).dont_fragment().build()).empty());
    EXPECT_EQ(get16(bench.one_sent(wan), ethernet + k.inner.header + 6), fits);
    if (!k.of_v4()) return;
    const auto pieces = bench.wrapped(bench.of_length(1500).build());
    ASSERT_EQ(pieces.size(), 2U);
    EXPECT_LE(pieces[0].size(), ethernet + 1400);
    EXPECT_GT(pieces[0].size(), ethernet + 1390);
}

TEST_P(Wrapped, WhatCameInFragmentsOfTheFamilyLeavesInSuchAgain) {
    static_cast<void>(bench.wrapped(bench.client_udp().build()));
    const auto datagram = bench.of_length(k.of_v4() ? 600 : 2000);
    const Frame inside = network_part(PacketBuilder(datagram).ttl(63).ip_id(fragment_id).build());
    const auto pieces = bench.wrapped(bench.fragments(datagram, k.of_v4() ? 300 : 1400));
    const std::size_t rest = inside.size() + k.overhead() - k.outer.header;
    if (k.of_v4() && k.over_v4())
        expect_pieces(k, pieces, {300, 300, 20 + rest - 560}, inside, false);
    else if (k.of_v4())
        EXPECT_EQ(pieces.at(0).size(), ethernet + 40 + rest);
    else if (k.over_v4())
        expect_pieces(k, pieces, {1500, 20 + rest - 1480}, inside, false);
    else
        expect_pieces(k, pieces, {1400, 48 + rest - 1352}, inside, false);
}

TEST_P(Ipv6WrappedInIpv6, TinyFragmentsLeaveAsTheyCameOrNotTiny) {
    const auto datagram = bench.of_length(1300);
    const auto pieces = bench.wrapped(bench.fragments(datagram, 600));
    const std::size_t rest = 1300 + k.overhead() - 40;
    expect_pieces(k, pieces,
                  k.overhead() % 8 == 0 ? Lengths{600 + k.overhead(), 600, 48 + 1300 - 40 - 2 * 552}
                                        : Lengths{1280, 48 + rest - 1232},
                  network_part(PacketBuilder(datagram).ttl(63).build()), false);
}

TEST_P(Ipv4WrappedInIpv4, UnbrokenFragmentsStaySoAndDifferInTheirIds) {
    static_cast<void>(bench.wrapped(bench.client_udp().build()));
    const auto datagram = bench.of_length(600);
    const Frame inside =
        network_part(PacketBuilder(datagram).ttl(63).ip_id(fragment_id).dont_fragment().build());
    std::set<std::uint16_t> ids;
    for (int i = 0; i < 3; ++i) {
        const auto pieces = bench.wrapped(bench.fragments(datagram, 300, true));
        expect_pieces(k, pieces, {300, 300, inside.size() + k.overhead() - 560}, inside, true);
        ids.insert(outer_id(pieces.at(0)));
    }
    EXPECT_EQ(ids.size(), 3U);
}

TEST_P(Ipv4Wrapped, WhatFillsADatagramMayNotBeWrapped) {
    const std::size_t most = k.over_v4() ? 65535 : 65535 + 40;
    const std::size_t longest = std::min<std::size_t>(most - k.overhead(), 65535);
    std::size_t sent = 0;
    for (const Frame& piece : bench.wrapped(bench.fragments(bench.of_length(longest), 1500)))
        sent += piece.size() - ethernet - k.outer.header - (k.over_v4() ? 0 : 8);
    EXPECT_EQ(sent, longest + k.overhead() - k.outer.header);
    if (longest == 65535) return;
    EXPECT_TRUE(bench.wrapped(bench.fragments(bench.of_length(longest + 1), 1500)).empty());
    EXPECT_EQ(bench.dropped(DropReason::too_big), 1U);
}

TEST_P(Wrapped, WaitsForTheLinkAddressOfTheServer) {
    bench.network = links();
    bench.publish();
    const auto longest = peculiar(k).payload(bench.fits(1500) - k.inner.header - 8);
    EXPECT_TRUE(bench.wrapped(longest.build()).empty());
    const auto requests = bench.resolve_requests();
    ASSERT_EQ(requests.size(), 1U);
    EXPECT_EQ(requests[0].address, ip(k.outer.server));
    EXPECT_EQ(bench.sum(&WorkerCounters::held), 1U);
    add_neighbours(bench.network);
    bench.publish();
    bench.settle();
    const Frame frame = bench.one_sent(lan);
    const auto outer = PacketBuilder().tos(0xB9).ttl(63).dont_fragment(k.of_v4());
    EXPECT_TRUE(same_frame(
        frame, wrapping(k, network_part(PacketBuilder(longest).ttl(63).build()), outer, frame)));
}

TEST_P(Wrapped, AServerThatIsThisHostGetsThePacketAsItIs) {
    bench.network.add_local(
        {ip(k.outer.server), static_cast<std::uint8_t>(ip(k.outer.server).bits())});
    bench.publish();
    bench.put(wan, peculiar(k).build());
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_to_host(wan), peculiar(k).build()));
}

TEST_P(Wrapped, WithoutAnAddressOfItsOwnTheHostSendsNothing) {
    NetTableBuilder bare;
    bare.add_interface({wan_link, wan, 0, mac(wan_mac), 1500, "wan"});
    bare.add_interface({lan_link, lan, 0, mac(lan_mac), 1500, "lan"});
    bare.add_route(parse_prefix(k.outer.server_net).value(), {{lan_link, {}, 1}});
    add_neighbours(bare);
    bench.network = bare;
    bench.publish();
    EXPECT_TRUE(bench.wrapped(peculiar(k).build()).empty());
    EXPECT_EQ(bench.dropped(DropReason::tunnel_refused), 1U);
}

TEST_P(Wrapped, AConnectionKeepsItsTunnelWhenTheServerGetsAnotherMethod) {
    static_cast<void>(bench.one_wrapped(peculiar(k).build()));
    bench.services[0].servers[0].forward = ForwardMethod::direct;
    bench.publish();
    const Frame frame = bench.one_wrapped(peculiar(k).build());
    const auto outer = PacketBuilder().tos(0xB9).ttl(63).dont_fragment(k.of_v4());
    EXPECT_TRUE(
        same_frame(frame, wrapping(k, network_part(peculiar(k).ttl(63).build()), outer, frame)));
}

TEST_P(Wrapped, AChangedTunnelCountsAtOnce) {
    static_cast<void>(bench.one_wrapped(peculiar(k).build()));
    Kind other = k;
    other.type = k.type == TunnelType::ipip ? TunnelType::gre : TunnelType::ipip;
    bench.services[0].servers[0].tunnel = other.tunnel();
    bench.publish();
    const Frame frame = bench.one_wrapped(peculiar(k).build());
    const auto outer = PacketBuilder().tos(0xB9).ttl(63).dont_fragment(k.of_v4());
    EXPECT_TRUE(same_frame(
        frame, wrapping(other, network_part(peculiar(k).ttl(63).build()), outer, frame)));
}

TEST_P(Wrapped, ABufferWithoutRoomInFrontIsDropped) {
    rte_mbuf* packet = bench.packet(peculiar(k).build());
    std::memmove(static_cast<char*>(packet->buf_addr) + 8, rte_pktmbuf_mtod(packet, char*),
                 packet->data_len);
    packet->data_off = 8;
    bench.put(wan, packet);
    bench.settle();
    EXPECT_TRUE(bench.sent(lan).empty());
    EXPECT_EQ(bench.dropped(DropReason::no_buffer), 1U);
}

TEST_P(Wrapped, TheMssOfASynIsLoweredIfWanted) {
    const auto syn = [&](std::uint8_t flags, int mss) {
        return from_client(k.inner)
            .tcp(40000, 80, flags)
            .tcp_options(bytes_of({1, 2, 4, mss >> 8, mss & 0xFF, 4, 2, 1}));
    };
    const int clamped = static_cast<int>(bench.fits(1500) - k.inner.header - 20);
    for (const std::uint32_t wanted : {0U, 1U}) {
        bench.tunables.mss_clamp = wanted;
        bench.publish();
        for (const int offered : {65535, clamped + 1, clamped, 536}) {
            const int mss = wanted == 1 ? std::min(offered, clamped) : offered;
            const Frame frame = bench.one_wrapped(syn(H::syn, offered).build());
            const Frame inside = network_part(syn(H::syn, mss).ttl(63).build());
            EXPECT_TRUE(same_frame(frame, wrapping(k, inside, PacketBuilder().ttl(63), frame)));
        }
        const Frame frame = bench.one_wrapped(syn(H::ack, 9000).build());
        const Frame inside = network_part(syn(H::ack, 9000).ttl(63).build());
        EXPECT_TRUE(same_frame(frame, wrapping(k, inside, PacketBuilder().ttl(63), frame)));
    }
    // On the long way too.
    bench.network = links();
    bench.publish();
    EXPECT_TRUE(bench.wrapped(syn(H::syn, 65535).build()).empty());
    add_neighbours(bench.network);
    bench.publish();
    bench.settle();
    const Frame frame = bench.one_sent(lan);
    const Frame inside = network_part(syn(H::syn, clamped).ttl(63).build());
    EXPECT_TRUE(same_frame(frame, wrapping(k, inside, PacketBuilder().ttl(63), frame)));
}

TEST_P(WrappedInUdp, TheSourcePortIsThatOfTheFlow) {
    std::set<std::uint16_t> ports;
    for (std::uint16_t client = 1000; client < 1064; ++client) {
        const auto port_of = [&](const char* payload) {
            const auto inner = from_client(k.inner).udp(client, 80).payload(payload);
            return get16(bench.one_wrapped(PacketBuilder(inner).build()),
                         ethernet + k.outer.header);
        };
        const std::uint16_t port = port_of("one");
        EXPECT_EQ(port_of("another"), port);
        EXPECT_GE(port, 32768);
        EXPECT_LE(port, 60999);
        ports.insert(port);
    }
    EXPECT_GT(ports.size(), 56U);
}

/// What the kernel made of a UDP datagram from port 3000 with "hello12", TTL 10, class 0x28.
struct Recorded {
    TunnelType type;
    TunnelChecksum checksum;
    const Addresses& inner;
    const Addresses& outer;
    std::uint16_t port;
    std::string header;  ///< outer, before the packet inside
};

Frame from_hex(std::string_view text) {
    Frame bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes.push_back(
            static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    return bytes;
}

/// Takes over what the balancer chooses and the checksum that covers it: together they count as
/// much in both.
void take_choice(Frame& recorded, const Frame& actual, std::size_t choice, std::size_t checksum) {
    const auto part = [](const Frame& f, std::size_t at) {
        return Frame(f.begin() + static_cast<std::ptrdiff_t>(at),
                     f.begin() + static_cast<std::ptrdiff_t>(at + 2));
    };
    if (get16(recorded, checksum) != 0) {
        EXPECT_EQ(plain_sum(joined(part(recorded, choice), part(recorded, checksum))),
                  plain_sum(joined(part(actual, choice), part(actual, checksum))));
        poke(recorded, checksum, {get16(actual, checksum) >> 8, get16(actual, checksum) & 0xFF});
    }
    poke(recorded, choice, {get16(actual, choice) >> 8, get16(actual, choice) & 0xFF});
}

TEST(AsTheKernelWraps, EachKind) {
    using T = TunnelType;
    using C = TunnelChecksum;
    constexpr auto in_v6 = "20010db800020000000000000000000120010db8000200000000000000000011";
    const auto over_v6 = [&](std::string_view front, std::string_view back = {}) {
        return std::string(front) + in_v6 + std::string(back);
    };
    const std::vector<Recorded> all = {
        {T::ipip, C::none, v4, v4, 5001, "452800370000400009045d8e0a0100010a01000b"},
        {T::gue, C::none, v4, v4, 5002,
         "452800430000400009115d750a0100010a01000b830417c0002f000000040000"},
        {T::gue, C::full, v4, v4, 5003,
         "452800430000400009115d750a0100010a01000bc02017c0002f000400040000"},
        {T::gue, C::remote, v4, v4, 5004,
         "452800430000400009115d750a0100010a01000be3bf17c0002fdc6400040000"},
        {T::gre, C::none, v4, v4, 5005, "4528003b00004000092f5d5f0a0100010a01000b00000800"},
        {T::gre, C::full, v4, v4, 5006, "4528003f00004000092f5d5b0a0100010a01000b8000080064650000"},
        {T::ipip, C::none, v6, v4, 5007, "4528004bed9c00000929afb80a0100010a01000b"},
        {T::gue, C::none, v6, v4, 5008,
         "452800575095000009114ccc0a0100010a01000bd56c17c00043000000290000"},
        {T::gue, C::full, v6, v4, 5009,
         "452800575096000009114ccb0a0100010a01000bdc2e17c0004383ca00290000"},
        {T::gue, C::remote, v6, v4, 5010,
         "452800575097000009114cca0a0100010a01000b918717c00043ce7100290000"},
        {T::gre, C::none, v6, v4, 5011, "4528004f76a70000092f26a40a0100010a01000b000086dd"},
        {T::gre, C::full, v6, v4, 5012, "4528005376a80000092f269f0a0100010a01000b800086dd85a90000"},
        {T::ipip, C::none, v4, v6, 5013, over_v6("6280000000230409")},
        {T::gue, C::none, v4, v6, 5014, over_v6("62800000002f1109", "c22017c0002f000000040000")},
        {T::gue, C::full, v4, v6, 5015, over_v6("62800000002f1109", "a2d017c0002fd5d900040000")},
        {T::gue, C::remote, v4, v6, 5016, over_v6("62800000002f1109", "adb217c0002fcaf700040000")},
        {T::gre, C::none, v4, v6, 5017, over_v6("6280000000272f09", "00000800")},
        {T::gre, C::full, v4, v6, 5018, over_v6("62800000002b2f09", "8000080064650000")},
        {T::ipip, C::none, v6, v6, 5019, over_v6("6280000000372909")},
        {T::gue, C::none, v6, v6, 5020, over_v6("6280000000431109", "eaab17c00043000000290000")},
        {T::gue, C::full, v6, v6, 5021, over_v6("6280000000431109", "c05b17c00043582300290000")},
        {T::gue, C::remote, v6, v6, 5022, over_v6("6280000000431109", "93aa17c0004384d400290000")},
        {T::gre, C::none, v6, v6, 5023, over_v6("62800000003b2f09", "000086dd")},
        {T::gre, C::full, v6, v6, 5024, over_v6("62800000003f2f09", "800086dd85a90000")},
    };
    WorkerBench bench;
    bench.network.add_address(lan_link, ip("10.1.0.1"), 24);
    bench.network.add_route(parse_prefix("10.1.0.0/24").value(), {{lan_link, {}, 1}});
    bench.network.add_neighbour(lan_link, ip("10.1.0.11"), mac(server_mac));
    for (const Recorded& r : all) {
        const auto server = r.outer.header == 20 ? std::string_view("10.1.0.11") : r.outer.server;
        bench.add_service(Protocol::udp, r.inner.endpoint(r.inner.vip, r.port),
                          {r.outer.endpoint(server, r.port)}, ForwardMethod::tunnel,
                          {r.type, L4Port(gue_port), r.checksum});
    }
    bench.publish();
    for (const Recorded& r : all) {
        SCOPED_TRACE(r.port);
        const bool of_v4 = r.inner.header == 20;
        bench.put(wan, PacketBuilder()
                           .mac(client_mac, wan_mac)
                           .ip(of_v4 ? "198.51.100.7" : "2001:db8:c::7", r.inner.vip)
                           .ttl(10)
                           .tos(0x28)
                           .dont_fragment()
                           .udp(3000, r.port)
                           .payload("hello12")
                           .build());
        bench.settle();
        const Frame frame = behind(bench.one_sent(lan), ethernet);
        Frame recorded = from_hex(r.header);
        ASSERT_GT(frame.size(), recorded.size());
        if (r.outer.header == 20 && !of_v4) take_choice(recorded, frame, 4, 10);
        if (r.type == T::gue) take_choice(recorded, frame, r.outer.header, r.outer.header + 6);
        EXPECT_EQ(
            Frame(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(recorded.size())),
            recorded)
            << hexdump(frame) << "\nrecorded\n"
            << hexdump(recorded);
    }
}

TEST(TunnelChecksums, OneThatComesOutAsZeroIsWrittenAsAllOnes) {
    TunnelBench bench({TunnelType::gue, TunnelChecksum::full, v4, v4});
    const auto checksum_with = [&](int word) {
        // A checksum of the datagram's own that never follows would make up for the payload.
        return get16(bench.one_wrapped(bench.client_udp()
                                           .l4_checksum(0x1234)
                                           .payload(bytes_of({word >> 8, word & 0xFF}))
                                           .build()),
                     ethernet + 26);
    };
    const int missing = checksum_with(0);
    ASSERT_NE(missing, 0xFFFF);
    EXPECT_EQ(checksum_with(missing), 0xFFFF);
}

TEST(TunnelChecksums, RemoteIsNoneForGre) {
    TunnelBench bench({TunnelType::gre, TunnelChecksum::remote, v4, v4});
    const Frame frame = bench.one_wrapped(bench.client_udp().build());
    EXPECT_EQ(get16(frame, ethernet + 20), 0);
    EXPECT_EQ(behind(frame, ethernet + 24), network_part(bench.client_udp().ttl(63).build()));
}

TEST(TunnelIds, OfTwoWorkersDiffer) {
    TunnelBench bench({TunnelType::ipip, TunnelChecksum::none, v4, v4}, {.workers = 2});
    for (std::uint16_t port = 2000; port < 2100; ++port)
        bench.put(wan, from_client(v4).udp(port, 80).build());
    bench.settle();
    ASSERT_GT(bench.counters(0).forwarded.value(), 20U);
    ASSERT_GT(bench.counters(1).forwarded.value(), 20U);
    std::set<std::uint16_t> ids;
    for (const Frame& frame : bench.sent(lan)) ids.insert(outer_id(frame));
    EXPECT_EQ(ids.size(), 100U);
}

TEST(TunnelIcmp, AnErrorAboutAReplyGoesToTheServerInTheTunnelWhateverItsSize) {
    const Kind kind{TunnelType::ipip, TunnelChecksum::none, v4, v4};
    TunnelBench bench(kind);
    static_cast<void>(bench.one_wrapped(bench.client_udp().build()));
    const auto reply =
        PacketBuilder().ip(v4.vip, v4.client).udp(80, 40000).payload(std::size_t{1460});
    const auto error = [&](std::size_t quoted) {
        Frame quote = network_part(reply.build());
        quote.resize(quoted);
        return from_client(v4).icmp(3, 4, 1400).dont_fragment().payload(quote);
    };
    const Frame frame = bench.one_wrapped(error(200).build());
    EXPECT_TRUE(same_frame(frame, wrapping(kind, network_part(error(200).ttl(63).build()),
                                           PacketBuilder().ttl(63).dont_fragment(), frame)));
    EXPECT_EQ(bench.wrapped(error(1470).build()).size(), 2U);
}

/// A packet that is too long and says that it must not be cut, when nobody asks.
TEST_P(Ipv4Wrapped, APacketThatIsSentAllTheSameIsCutOutsideOnly) {
    static_cast<void>(bench.wrapped(bench.client_udp().build()));
    auto* conn = bench.connection<Ipv4>(v4.client, 40000, v4.vip, 80, Protocol::udp);
    ASSERT_NE(conn, nullptr);
    const auto datagram = bench.of_length(1500).ttl(63).dont_fragment();
    rte_mbuf* packet = bench.packet(datagram.build());
    PacketMeta meta;
    ASSERT_EQ(parse_packet(packet, meta), std::nullopt);
    bench.counters().generated.add();
    forward_tunnel<Ipv4>(bench.worker(), packet, meta, {0, Direction::from_client, wan, conn});
    bench.settle();
    const std::size_t rest = 1500 + k.overhead() - k.outer.header;
    const std::vector<std::size_t> lengths = k.over_v4()
                                                 ? std::vector<std::size_t>{1500, 20 + rest - 1480}
                                                 : std::vector<std::size_t>{1496, 48 + rest - 1448};
    expect_pieces(k, bench.sent(lan), lengths, network_part(datagram.build()), false);
}

class TunnelFits : public ::testing::Test {
  protected:
    [[nodiscard]] int fits(const Tunnel& tunnel, std::string_view server, std::uint16_t mtu,
                           const PathMtus& learnt = {}) const {
        Snapshot snapshot;
        snapshot.services = std::make_shared<const ServiceTable>(
            std::vector<std::shared_ptr<const VirtualService>>{},
            std::vector<ServiceTable::DestSlot>{
                {.endpoint = {ip(server), {}}, .tunnel = tunnel, .virtual_address = {}}});
        if (!learnt.empty()) snapshot.path_mtus = std::make_shared<const PathMtus>(learnt);
        return tunnel_fits(snapshot, DestId(0), mtu);
    }
    static constexpr Tunnel ipip{};
    static constexpr Tunnel gue{TunnelType::gue, L4Port(gue_port), TunnelChecksum::none};
    static constexpr Tunnel gue_remote{TunnelType::gue, L4Port(gue_port), TunnelChecksum::remote};
    static constexpr Tunnel gre{TunnelType::gre, {}, TunnelChecksum::none};
    static constexpr Tunnel gre_summed{TunnelType::gre, {}, TunnelChecksum::full};
};

TEST_F(TunnelFits, WhatTheWrappingLeaves) {
    struct Case {
        Tunnel tunnel;
        int over_v4;
        int over_v6;
    };
    for (const Case& c :
         {Case{ipip, 1480, 1460}, Case{gue, 1468, 1448}, Case{gue_remote, 1468, 1448},
          Case{gre, 1476, 1456}, Case{gre_summed, 1472, 1452}}) {
        EXPECT_EQ(fits(c.tunnel, v4.server, 1500), c.over_v4);
        EXPECT_EQ(fits(c.tunnel, v6.server, 1500), c.over_v6);
    }
    EXPECT_EQ(fits(gue, v6.server, 9000), 8948);
    EXPECT_EQ(fits(gue, v4.server, 65535), 65503);
}

TEST_F(TunnelFits, NothingBelowTheFloorOfTheOuterFamily) {
    struct Case {
        Tunnel tunnel;
        std::uint16_t least_v4;
        std::uint16_t least_v6;
    };
    for (const Case& c : {Case{ipip, 88, 1320}, Case{gue, 100, 1332}, Case{gue_remote, 100, 1332},
                          Case{gre, 92, 1324}, Case{gre_summed, 96, 1328}}) {
        EXPECT_EQ(fits(c.tunnel, v4.server, c.least_v4), 68);
        EXPECT_EQ(fits(c.tunnel, v4.server, static_cast<std::uint16_t>(c.least_v4 - 1)), 0);
        EXPECT_EQ(fits(c.tunnel, v6.server, c.least_v6), 1280);
        EXPECT_EQ(fits(c.tunnel, v6.server, static_cast<std::uint16_t>(c.least_v6 - 1)), 0);
    }
    for (const auto mtu : std::initializer_list<std::uint16_t>{0, 1, 19, 20, 21, 51, 52, 53})
        for (const auto& server : {v4.server, v6.server}) EXPECT_EQ(fits(gue, server, mtu), 0);
}

TEST_F(TunnelFits, ALearntPathMtuCountsForItsServerOnly) {
    const PathMtus learnt{{ip(v4.server), std::uint16_t{1400}},
                          {ip(v6.server), std::uint16_t{1400}}};
    EXPECT_EQ(fits(ipip, v4.server, 1500, learnt), 1380);
    EXPECT_EQ(fits(gue, v6.server, 1500, learnt), 1348);
    EXPECT_EQ(fits(ipip, v4.server2, 1500, learnt), 1480);
    EXPECT_EQ(fits(ipip, v4.server, 1300, learnt), 1280) << "a narrower route counts";
}

TEST_F(TunnelFits, ALearntPathMtuCannotCloseATunnel) {
    const PathMtus learnt{{ip(v4.server), std::uint16_t{68}}, {ip(v6.server), std::uint16_t{1280}}};
    EXPECT_EQ(fits(ipip, v4.server, 1500, learnt), 68);
    EXPECT_EQ(fits(gre, v4.server, 1500, learnt), 68);
    EXPECT_EQ(fits(gue, v6.server, 1500, learnt), 1280);
    EXPECT_EQ(fits(gue, v6.server, 1331, learnt), 0) << "but the route still can";
}

TEST(TunnelTooNarrow, IsRefusedInSilence) {
    for (const std::uint32_t pmtu_disc : {0U, 1U}) {
        TunnelBench bench({TunnelType::gue, TunnelChecksum::none, v4, v6});
        bench.tunables.pmtu_disc = pmtu_disc;
        bench.set_mtu(1331);
        EXPECT_TRUE(bench.wrapped(bench.client_udp().build()).empty());
        EXPECT_TRUE(bench.sent(wan).empty());
        EXPECT_EQ(bench.dropped(DropReason::tunnel_refused), 1U);
        bench.set_mtu(1332);
        EXPECT_EQ(bench.wrapped(bench.client_udp().build()).size(), 1U);
    }
}

}  // namespace
}  // namespace shunt
