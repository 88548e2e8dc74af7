// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about packets of connections: byte by byte in both directions, and everything that is
// no such error (ipvs-behaviour 1.17-1.19).
#include "dataplane/icmp_relay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;

constexpr std::uint8_t sctp = 132;
constexpr std::uint8_t esp = 50;
constexpr std::uint8_t ah = 51;

/// A word as bytes on the wire.
Frame word16(int value) {
    return bytes_of({value >> 8, value & 0xFF});
}
Frame operator+(Frame a, const Frame& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Frame first(const Frame& bytes, std::size_t count) {
    return Frame(bytes.begin(),
                 bytes.begin() + static_cast<std::ptrdiff_t>(std::min(count, bytes.size())));
}

/// A packet with ports of any of the three protocols. What is quoted keeps its checksum, so that is
/// the same on both sides; SCTP's is any number.
PacketBuilder with_ports(PacketBuilder b, Protocol protocol, int source, int destination) {
    const auto from = static_cast<std::uint16_t>(source);
    const auto to = static_cast<std::uint16_t>(destination);
    if (protocol == Protocol::tcp)
        return b.tcp(from, to, H::ack).sequence(77, 88).payload("data").l4_checksum(0xBEEF);
    if (protocol == Protocol::udp) return b.udp(from, to).payload("data").l4_checksum(0xBEEF);
    return b.ip_protocol(sctp).payload(word16(source) + word16(destination) +
                                       bytes_of({1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 4}));
}

/// INIT, which opens an association.
Frame sctp_init(PacketBuilder b) {
    return b.ip_protocol(sctp)
        .payload(word16(40000) + word16(80) + bytes_of({0, 0, 0, 0, 0, 0, 0, 0}) +
                 bytes_of({1, 0, 0, 20}) + Frame(16))
        .build();
}

class IcmpRelay : public ::testing::TestWithParam<Addresses> {
  protected:
    IcmpRelay() {
        for (const auto& each : families)
            for (const auto protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp})
                bench.add_service(protocol, each.endpoint(each.vip, 80),
                                  {each.endpoint(each.server, 8080)});
        bench.publish();
    }
    [[nodiscard]] bool is_v4() const { return a.header == 20; }
    [[nodiscard]] std::uint8_t icmp_number() const { return is_v4() ? 1 : 58; }

    /// Opens the connection of client port 40000 to port 80.
    void open(Protocol protocol) {
        bench.put(wan, protocol == Protocol::tcp   ? from_client(a).tcp(40000, 80, H::syn).build()
                       : protocol == Protocol::udp ? from_client(a).udp(40000, 80).build()
                                                   : sctp_init(from_client(a)));
        bench.settle();
        ASSERT_EQ(bench.sent(lan).size(), 1U);
    }
    template <class F>
    Conn<F>* connection(Protocol protocol) {
        return bench.connection<F>(a.client, 40000, a.vip, 80, protocol);
    }

    // What is quoted. The reply as the client got it, and as the server sent it; the request as the
    // server got it, and as the client sent it.
    [[nodiscard]] PacketBuilder reply_at_client() const {
        return PacketBuilder().ip(a.vip, a.client).ttl(55).ip_id(0x4321).dont_fragment();
    }
    [[nodiscard]] PacketBuilder reply_at_server() const {
        return PacketBuilder().ip(a.server, a.client).ttl(55).ip_id(0x4321).dont_fragment();
    }
    [[nodiscard]] PacketBuilder request_at_server() const {
        return PacketBuilder().ip(a.client, a.server).ttl(54).ip_id(0x4322);
    }
    [[nodiscard]] PacketBuilder request_at_client() const {
        return PacketBuilder().ip(a.client, a.vip).ttl(54).ip_id(0x4322);
    }
    [[nodiscard]] static Frame quote(const PacketBuilder& builder) {
        return network_part(builder.build());
    }
    [[nodiscard]] Frame reply_quoted(Protocol protocol = Protocol::udp) const {
        return quote(with_ports(reply_at_client(), protocol, 80, 40000));
    }
    [[nodiscard]] Frame reply_requoted(Protocol protocol = Protocol::udp) const {
        return quote(with_ports(reply_at_server(), protocol, 8080, 40000));
    }
    [[nodiscard]] Frame request_quoted(Protocol protocol = Protocol::udp) const {
        return quote(with_ports(request_at_server(), protocol, 40000, 8080));
    }
    [[nodiscard]] Frame request_requoted(Protocol protocol = Protocol::udp) const {
        return quote(with_ports(request_at_client(), protocol, 40000, 80));
    }

    /// An unreachable port, in a packet with marks of its own.
    [[nodiscard]] PacketBuilder error(PacketBuilder b, const Frame& quoted) const {
        return b.tos(0xC0).ip_id(0x77).icmp(is_v4() ? 3 : 1, is_v4() ? 3 : 4).payload(quoted);
    }
    [[nodiscard]] std::vector<Frame> sent_after(PortId in, const Frame& frame) {
        bench.put(in, frame);
        bench.settle();
        return bench.sent(in == wan ? lan : wan);
    }
    void expect_relayed(PortId in, const Frame& frame, const Frame& expected) {
        const auto sent = sent_after(in, frame);
        ASSERT_EQ(sent.size(), 1U) << describe(frame);
        EXPECT_TRUE(same_frame(sent[0], expected));
        EXPECT_TRUE(checksums_ok(sent[0])) << checksum_problem(sent[0]);
        EXPECT_TRUE(bench.to_host(in).empty());
    }
    void expect_to_host(PortId in, const Frame& frame) {
        EXPECT_TRUE(sent_after(in, frame).empty()) << describe(frame);
        EXPECT_TRUE(same_frame(bench.one_to_host(in), frame));
    }
    void expect_dropped(PortId in, const Frame& frame, DropReason reason) {
        const auto before = bench.dropped(reason);
        const auto all_before = bench.all_dropped();
        EXPECT_TRUE(sent_after(in, frame).empty()) << describe(frame);
        EXPECT_TRUE(bench.sent(in).empty()) << "nobody is told";
        EXPECT_TRUE(bench.to_host(in).empty());
        EXPECT_EQ(bench.dropped(reason), before + 1) << name(reason);
        EXPECT_EQ(bench.all_dropped(), all_before + 1);
    }

    const Addresses& a = GetParam();
    WorkerBench bench;
};
INSTANTIATE_TEST_SUITE_P(Families, IcmpRelay, ::testing::ValuesIn(families), family_name);

class IcmpRelayOfIpv4 : public IcmpRelay {};
INSTANTIATE_TEST_SUITE_P(Families, IcmpRelayOfIpv4, ::testing::Values(v4), family_name);

struct TypeAndCode {
    int type;
    int code;
};
std::vector<TypeAndCode> relayed_types(bool v4) {
    std::vector<TypeAndCode> all;
    if (!v4) {
        for (int type = 0; type < 128; ++type) all.push_back({type, type % 7});
        return all;
    }
    for (int code = 0; code < 17; ++code) all.push_back({3, code});
    all.insert(all.end(), {{3, 77}, {4, 0}, {11, 0}, {11, 1}});
    return all;
}

TEST_P(IcmpRelay, EveryTypeOfErrorIsTranslatedInBothDirections) {
    for (const auto protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp}) {
        open(protocol);
        for (const auto& [type, code] : relayed_types(is_v4())) {
            const auto with = [type = type, code = code](PacketBuilder b, const Frame& quoted) {
                return b.tos(0xC0)
                    .ip_id(0x77)
                    .icmp(static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), 1400)
                    .payload(quoted)
                    .build();
            };
            expect_relayed(wan, with(from_client(a), reply_quoted(protocol)),
                           with(to_server(a), reply_requoted(protocol)));
            expect_relayed(lan, with(from_server(a), request_quoted(protocol)),
                           with(to_client(a), request_requoted(protocol)));
        }
    }
}

TEST_P(IcmpRelay, EveryOtherTypeIsTheHosts) {
    open(Protocol::udp);
    std::set<int> types;
    for (int type = 0; type < no_icmp_type; ++type) types.insert(type);
    for (const auto& [type, code] : relayed_types(is_v4())) types.erase(type);
    for (const int type : types) {
        const auto with = [&](PacketBuilder b, const Frame& quoted) {
            return b.icmp(static_cast<std::uint8_t>(type), 0).payload(quoted).build();
        };
        expect_to_host(wan, with(from_client(a), reply_quoted()));
        expect_to_host(lan, with(from_server(a), request_quoted()));
    }
}

TEST_P(IcmpRelay, AQuotationMayEndBehindThePorts) {
    for (const auto protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp}) {
        open(protocol);
        const Frame reply = reply_quoted(protocol);
        const Frame request = request_quoted(protocol);
        for (std::size_t length = 0; length <= reply.size(); ++length) {
            const Frame in = error(from_client(a), first(reply, length)).build();
            const Frame out = error(from_server(a), first(request, length)).build();
            if (length < a.header + 4) {
                expect_to_host(wan, in);
                expect_to_host(lan, out);
                continue;
            }
            expect_relayed(wan, in,
                           error(to_server(a), first(reply_requoted(protocol), length)).build());
            expect_relayed(lan, out,
                           error(to_client(a), first(request_requoted(protocol), length)).build());
        }
    }
}

TEST_P(IcmpRelay, WhatLiesBehindTheQuotationIsNotRead) {
    open(Protocol::udp);
    const std::uint32_t header = static_cast<std::uint32_t>(14 + a.header + 8);
    for (std::size_t length = 0; length < a.header + 4; ++length) {
        // The rest of the quoted packet follows as Ethernet padding.
        Frame frame = error(from_client(a), first(reply_quoted(), length)).build();
        const Frame whole = error(from_client(a), reply_quoted()).build();
        frame.insert(frame.end(), whole.begin() + static_cast<std::ptrdiff_t>(header + length),
                     whole.end());
        expect_to_host(wan, frame);
    }
}

TEST_P(IcmpRelay, PaddingStaysBehind) {
    open(Protocol::udp);
    expect_relayed(wan,
                   error(from_client(a), first(reply_quoted(), a.header + 4)).pad_to(150).build(),
                   error(to_server(a), first(reply_requoted(), a.header + 4)).build());
    expect_relayed(lan, error(from_server(a), request_quoted()).pad_to(300).build(),
                   error(to_client(a), request_requoted()).build());
}

TEST_P(IcmpRelay, WhatFollowsTheQuotedPacketStays) {
    open(Protocol::udp);
    // As with RFC 4884: zeros up to 128 bytes, then an extension. And an odd length.
    Frame padded = reply_quoted();
    padded.resize(128);
    const Frame extension = bytes_of({0x20, 0, 1, 2, 0, 8, 1, 1, 5, 5, 5});
    Frame repadded = reply_requoted();
    repadded.resize(128);
    expect_relayed(wan, error(from_client(a), padded + extension).build(),
                   error(to_server(a), repadded + extension).build());
}

TEST_P(IcmpRelay, HeadersBetweenMayHaveOptions) {
    open(Protocol::tcp);
    const auto outer = [&](PacketBuilder b) {
        return is_v4() ? b.ip_options(bytes_of({0x94, 4, 0, 0}))
                       : b.extension(60, bytes_of({1, 4, 0, 0, 0, 0}));
    };
    const auto inner = [&](PacketBuilder b) {
        return is_v4() ? b.ip_options(bytes_of({7, 7, 4, 1, 2, 3, 4, 0}))
                       : b.extension(0, bytes_of({1, 4, 0, 0, 0, 0}))
                             .extension(43, bytes_of({0, 0, 0, 0, 0, 0}));
    };
    const auto quoted = [&](const PacketBuilder& b, int source, int destination) {
        return quote(inner(with_ports(b, Protocol::tcp, source, destination)));
    };
    expect_relayed(wan, outer(error(from_client(a), quoted(reply_at_client(), 80, 40000))).build(),
                   outer(error(to_server(a), quoted(reply_at_server(), 8080, 40000))).build());
    expect_relayed(lan,
                   outer(error(from_server(a), quoted(request_at_server(), 40000, 8080))).build(),
                   outer(error(to_client(a), quoted(request_at_client(), 40000, 80))).build());
}

TEST_P(IcmpRelay, AFirstFragmentMayBeQuoted) {
    open(Protocol::udp);
    const auto piece = [](PacketBuilder b, int source, int destination) {
        return quote(with_ports(b.fragment(0, true, 99), Protocol::udp, source, destination));
    };
    expect_relayed(wan, error(from_client(a), piece(reply_at_client(), 80, 40000)).build(),
                   error(to_server(a), piece(reply_at_server(), 8080, 40000)).build());
    expect_relayed(lan, error(from_server(a), piece(request_at_server(), 40000, 8080)).build(),
                   error(to_client(a), piece(request_at_client(), 40000, 80)).build());
}

TEST_P(IcmpRelay, ALaterFragmentIsOfAConnectionOnlyIfItsDataLookLikeThePorts) {
    bench.tunables.icmp_repair = 1;  // there is no checksum in it
    bench.publish();
    open(Protocol::udp);
    const auto piece = [](PacketBuilder b, int source, int destination) {
        return quote(with_ports(b.fragment(1024, true, 99), Protocol::udp, source, destination));
    };
    // As in IPVS; over IPv6 it is of none.
    const Frame in = error(from_client(a), piece(reply_at_client(), 80, 40000)).build();
    if (is_v4())
        expect_relayed(wan, in, error(to_server(a), piece(reply_at_server(), 8080, 40000)).build());
    else
        expect_to_host(wan, in);
    expect_to_host(wan, error(from_client(a), piece(reply_at_client(), 81, 40000)).build());
    expect_to_host(lan, error(from_server(a), piece(request_at_server(), 40000, 8081)).build());
}

TEST_P(IcmpRelayOfIpv4, AWrongQuotedHeaderChecksumBecomesRight) {
    open(Protocol::udp);
    const auto quoted = [](const PacketBuilder& b, std::uint16_t port) {
        return with_ports(b, Protocol::udp, port, 40000);
    };
    for (const int checksum : {0x0000, 0x1234, 0xFFFF}) {
        const auto wrong = static_cast<std::uint16_t>(checksum);
        expect_relayed(
            wan,
            error(from_client(a), quote(quoted(reply_at_client(), 80).ip_checksum(wrong))).build(),
            error(to_server(a), reply_requoted()).build());
    }
}

TEST_P(IcmpRelay, AWrongChecksumEndsIt) {
    open(Protocol::udp);
    Frame in = error(from_client(a), reply_quoted()).build();
    Frame out = error(from_server(a), request_quoted()).build();
    const Frame good_in = in;
    for (Frame* frame : {&in, &out}) (*frame)[14 + a.header + 2] ^= std::byte{1};
    expect_dropped(wan, in, DropReason::icmp_bad_checksum);
    expect_dropped(lan, out, DropReason::icmp_bad_checksum);
    EXPECT_EQ(bench.dest(is_v4() ? 1 : 4, &DestCounters::packets_in), 1U);
    EXPECT_EQ(bench.dest(is_v4() ? 1 : 4, &DestCounters::packets_out), 0U);
    // About no connection it is the host's affair.
    Frame stray =
        error(from_client(a), quote(with_ports(reply_at_client(), Protocol::udp, 80, 9))).build();
    stray[14 + a.header + 2] ^= std::byte{1};
    expect_to_host(wan, stray);
    EXPECT_EQ(sent_after(wan, good_in).size(), 1U);
}

TEST_P(IcmpRelay, TheTtlGoesDownAndEndsItSilently) {
    open(Protocol::udp);
    expect_dropped(wan, error(from_client(a), reply_quoted()).ttl(1).build(),
                   DropReason::ttl_expired);
    expect_dropped(lan, error(from_server(a), request_quoted()).ttl(1).build(),
                   DropReason::ttl_expired);
    expect_relayed(wan, error(from_client(a), reply_quoted()).ttl(2).build(),
                   error(to_server(a), reply_requoted()).ttl(1).build());
    expect_relayed(lan, error(from_server(a), request_quoted()).ttl(2).build(),
                   error(to_client(a), request_requoted()).ttl(1).build());
}

TEST_P(IcmpRelay, RoutersMaySendItAndItGoesWhereItWasSentTo) {
    open(Protocol::udp);
    // Toward the server the router stays the source, toward the client he is hidden.
    expect_relayed(wan, error(from_client(a).ip(a.elsewhere, a.vip), reply_quoted()).build(),
                   error(to_server(a).ip(a.elsewhere, a.server), reply_requoted()).build());
    expect_relayed(wan, error(from_client(a).ip(a.elsewhere, a.wan_self), reply_quoted()).build(),
                   error(to_server(a).ip(a.elsewhere, a.server), reply_requoted()).build());
    expect_relayed(lan, error(from_server(a).ip(a.server2, a.client), request_quoted()).build(),
                   error(to_client(a), request_requoted()).build());
    // To the host itself instead of the client: it stays here.
    bench.put(lan, error(from_server(a).ip(a.server, a.lan_self), request_quoted()).build());
    bench.settle();
    EXPECT_TRUE(same_frame(
        bench.one_to_host(lan),
        error(PacketBuilder().mac(server_mac, lan_mac).ip(a.vip, a.lan_self), request_requoted())
            .build()));
    // To another host.
    bench.put(lan, error(from_server(a).ip(a.server, a.server2), request_quoted()).build());
    bench.settle();
    EXPECT_TRUE(same_frame(
        bench.one_sent(lan),
        error(PacketBuilder().mac(lan_mac, server2_mac).ip(a.vip, a.server2), request_requoted())
            .ttl(63)
            .build()));
    expect_dropped(lan, error(from_server(a).ip(a.server, a.elsewhere), request_quoted()).build(),
                   DropReason::no_route);
}

TEST_P(IcmpRelay, ItIsCountedButChangesNothing) {
    open(Protocol::udp);
    const std::uint32_t id = is_v4() ? 1 : 4;
    const auto state = [&]() {
        const auto of = [](const auto* conn) {
            return std::tuple(conn->expires, conn->state, conn->packets_in, conn->counted_active);
        };
        return is_v4() ? of(connection<Ipv4>(Protocol::udp)) : of(connection<Ipv6>(Protocol::udp));
    };
    const auto before = state();
    const auto in = bench.dest(id, &DestCounters::bytes_in);
    bench.pass(std::chrono::seconds(10));
    const Frame toward_server = error(from_client(a), reply_quoted()).build();
    const Frame toward_client =
        error(from_server(a), first(request_quoted(), a.header + 8)).build();
    EXPECT_EQ(sent_after(wan, toward_server).size(), 1U);
    EXPECT_EQ(sent_after(lan, toward_client).size(), 1U);
    EXPECT_EQ(bench.dest(id, &DestCounters::packets_in), 2U);
    EXPECT_EQ(bench.dest(id, &DestCounters::bytes_in), in + toward_server.size() - 14);
    EXPECT_EQ(bench.dest(id, &DestCounters::packets_out), 1U);
    EXPECT_EQ(bench.dest(id, &DestCounters::bytes_out), toward_client.size() - 14);
    EXPECT_EQ(state(), before);
    // Toward the server it counts although its TTL ends it, toward the client it does not.
    expect_dropped(wan, error(from_client(a), reply_quoted()).ttl(1).build(),
                   DropReason::ttl_expired);
    expect_dropped(lan, error(from_server(a), request_quoted()).ttl(1).build(),
                   DropReason::ttl_expired);
    EXPECT_EQ(bench.dest(id, &DestCounters::packets_in), 3U);
    EXPECT_EQ(bench.dest(id, &DestCounters::packets_out), 1U);
}

TEST_P(IcmpRelay, AServerThatWasRemovedStillGetsItUncounted) {
    open(Protocol::udp);
    const std::uint32_t id = is_v4() ? 1 : 4;
    const auto in = bench.dest(id, &DestCounters::packets_in);
    for (auto& service : bench.services) service.servers[0].removed = true;
    for (const std::uint32_t expire : {0U, 1U}) {
        bench.tunables.expire_nodest_conn = expire;
        bench.publish();
        expect_relayed(wan, error(from_client(a), reply_quoted()).build(),
                       error(to_server(a), reply_requoted()).build());
        expect_relayed(lan, error(from_server(a), request_quoted()).build(),
                       error(to_client(a), request_requoted()).build());
    }
    EXPECT_EQ(bench.dest(id, &DestCounters::packets_in), in);
    EXPECT_EQ(bench.dest(id, &DestCounters::packets_out), 0U);
}

TEST_P(IcmpRelay, AboutNoConnectionItIsTheHosts) {
    open(Protocol::udp);
    expect_to_host(wan, error(from_client(a), reply_quoted(Protocol::tcp)).build());
    expect_to_host(
        wan, error(from_client(a), quote(with_ports(reply_at_client(), Protocol::udp, 80, 40001)))
                 .build());
    expect_to_host(lan, error(from_server(a),
                              quote(with_ports(request_at_server(), Protocol::udp, 40001, 8080)))
                            .build());
    // About an error, an echo, or a protocol that has no connections.
    const Frame nested = error(PacketBuilder().ip(a.vip, a.client), request_quoted()).build();
    expect_to_host(wan, error(from_client(a), network_part(nested)).build());
    const Frame echo = PacketBuilder().ip(a.vip, a.client).icmp(is_v4() ? 8 : 128, 0).build();
    expect_to_host(wan, error(from_client(a), network_part(echo)).build());
    const Frame other = PacketBuilder().ip(a.vip, a.client).ip_protocol(47).payload(20).build();
    expect_to_host(wan, error(from_client(a), network_part(other)).build());
}

TEST_P(IcmpRelayOfIpv4, AnErrorThatIsTooLongIsCutTowardTheServer) {
    bench.network = links(600, 600);
    add_neighbours(bench.network);
    bench.publish();
    open(Protocol::udp);
    Frame quoted = reply_quoted();
    quoted.resize(800, std::byte{7});
    Frame requoted = reply_requoted();
    requoted.resize(800, std::byte{7});
    const Frame expected = error(to_server(a), requoted).build();
    for (const bool dont_fragment : {false, true}) {
        const auto pieces =
            sent_after(wan, error(from_client(a), quoted).dont_fragment(dont_fragment).build());
        ASSERT_EQ(pieces.size(), 2U);
        EXPECT_EQ(get16(pieces[0], 20), 0x2000) << "more fragments, and none says DF";
        Frame joined(pieces[0].begin() + 34, pieces[0].end());
        joined.insert(joined.end(), pieces[1].begin() + 34, pieces[1].end());
        EXPECT_EQ(joined, Frame(expected.begin() + 34, expected.end()));
        for (const Frame& piece : pieces) EXPECT_LE(piece.size(), 614U);
    }
}

TEST_P(IcmpRelay, AnErrorThatIsTooLongAndMayNotBeCutEndsSilently) {
    bench.network = is_v4() ? links(600, 600) : links(1280, 1280);
    add_neighbours(bench.network);
    bench.publish();
    open(Protocol::udp);
    Frame request = request_quoted();
    request.resize(1300, std::byte{7});
    expect_dropped(lan, error(from_server(a), request).dont_fragment().build(),
                   DropReason::too_big);
    if (is_v4()) {
        EXPECT_EQ(sent_after(lan, error(from_server(a), request).build()).size(), 3U);
        return;
    }
    Frame reply = reply_quoted();
    reply.resize(1300, std::byte{7});
    expect_dropped(wan, error(from_client(a), reply).build(), DropReason::too_big);
}

TEST_P(IcmpRelay, HeadersMayLieInSeveralBuffers) {
    open(Protocol::tcp);
    const Frame in = error(from_client(a), reply_quoted(Protocol::tcp)).build();
    const Frame out = error(from_server(a), request_quoted(Protocol::tcp)).build();
    const Frame at_server = error(to_server(a), reply_requoted(Protocol::tcp)).build();
    const Frame at_client = error(to_client(a), request_requoted(Protocol::tcp)).build();
    for (std::size_t cut = 20; cut < in.size(); cut += 3) {
        bench.put_pieces(wan, in, {cut});
        bench.put_pieces(lan, out, {cut, 5, 1});
        bench.settle();
        EXPECT_TRUE(same_frame(bench.one_sent(lan), at_server)) << cut;
        EXPECT_TRUE(same_frame(bench.one_sent(wan), at_client)) << cut;
    }
}

TEST_P(IcmpRelay, AnErrorInFragmentsIsTranslatedAndLeavesInSuch) {
    open(Protocol::udp);
    Frame quoted = reply_quoted();
    quoted.resize(400, std::byte{9});
    Frame requoted = reply_requoted();
    requoted.resize(400, std::byte{9});
    const Frame whole = error(from_client(a), quoted).build();
    const Frame message(whole.begin() + static_cast<std::ptrdiff_t>(14 + a.header), whole.end());
    const auto piece = [&](std::size_t begin, std::size_t end, bool more) {
        return from_client(a)
            .ip_protocol(icmp_number())
            .fragment(static_cast<std::uint16_t>(begin), more)
            .payload(Frame(message.begin() + static_cast<std::ptrdiff_t>(begin),
                           message.begin() + static_cast<std::ptrdiff_t>(end)))
            .build();
    };
    bench.put(wan, piece(16, message.size(), false));
    bench.put(wan, piece(0, 16, true));  // ends within the quoted header
    bench.settle();
    const auto pieces = bench.sent(lan);
    ASSERT_EQ(pieces.size(), 2U);
    const std::size_t headers = 14 + a.header + (is_v4() ? 0 : 8);
    std::map<int, Frame> by_offset;
    for (const Frame& p : pieces)
        by_offset[is_v4() ? (get16(p, 20) & 0x1FFF) * 8 : get16(p, 14 + 40 + 2) & 0xFFF8] =
            Frame(p.begin() + static_cast<std::ptrdiff_t>(headers), p.end());
    Frame joined;
    for (const auto& [offset, data] : by_offset)
        joined.insert(joined.end(), data.begin(), data.end());
    const Frame expected = error(to_server(a), requoted).build();
    EXPECT_EQ(joined,
              Frame(expected.begin() + static_cast<std::ptrdiff_t>(14 + a.header), expected.end()));
}

TEST_P(IcmpRelay, IpsecFollowsTheKeyExchange) {
    bench.add_service(Protocol::udp, a.endpoint(a.vip, 500), {a.endpoint(a.server, 500)});
    bench.publish();
    const auto packet = [&](PacketBuilder b, std::uint8_t protocol) {
        return quote(
            b.ip_protocol(protocol).payload(bytes_of({59, 1, 0, 0, 1, 2, 3, 4, 0, 0, 0, 1})));
    };
    expect_to_host(wan, error(from_client(a), packet(reply_at_client(), esp)).build());
    bench.put(wan, from_client(a).udp(500, 500).build());
    bench.settle();
    static_cast<void>(bench.sent(lan));
    for (const std::uint8_t protocol : {esp, ah}) {
        expect_relayed(wan, error(from_client(a), packet(reply_at_client(), protocol)).build(),
                       error(to_server(a), packet(reply_at_server(), protocol)).build());
        expect_relayed(lan, error(from_server(a), packet(request_at_server(), protocol)).build(),
                       error(to_client(a), packet(request_at_client(), protocol)).build());
        // Nothing else does.
        expect_to_host(wan, error(from_client(a), packet(reply_at_client(), 253)).build());
        expect_to_host(
            wan, error(from_client(a), packet(reply_at_client().fragment(64, true), esp)).build());
        // Not a byte behind the header is needed.
        expect_relayed(
            wan,
            error(from_client(a), first(packet(reply_at_client(), protocol), a.header)).build(),
            error(to_server(a), first(packet(reply_at_server(), protocol), a.header)).build());
    }
}

TEST_P(IcmpRelay, RepairMendsTheQuotedTransportChecksum) {
    bench.tunables.icmp_repair = 1;
    bench.publish();
    const auto right = [](PacketBuilder b, Protocol protocol, std::uint16_t from,
                          std::uint16_t to) {
        return quote(protocol == Protocol::tcp ? b.tcp(from, to).payload("data")
                                               : b.udp(from, to).payload("data"));
    };
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        open(protocol);
        const Frame reply = right(reply_at_client(), protocol, 80, 40000);
        const Frame reply_there = right(reply_at_server(), protocol, 8080, 40000);
        const Frame request = right(request_at_server(), protocol, 40000, 8080);
        const Frame request_there = right(request_at_client(), protocol, 40000, 80);
        const std::size_t checksum = a.header + (protocol == Protocol::tcp ? 16 : 6);
        for (std::size_t length = a.header + 4; length <= reply.size(); ++length) {
            // What ends within the checksum keeps what it has of it.
            Frame there = first(reply_there, length);
            Frame back = first(request_there, length);
            if (length == checksum + 1) {
                there[checksum] = reply[checksum];
                back[checksum] = request[checksum];
            }
            expect_relayed(wan, error(from_client(a), first(reply, length)).build(),
                           error(to_server(a), there).build());
            expect_relayed(lan, error(from_server(a), first(request, length)).build(),
                           error(to_client(a), back).build());
        }
    }
    open(Protocol::sctp);
    expect_relayed(wan, error(from_client(a), reply_quoted(Protocol::sctp) + Frame(20)).build(),
                   error(to_server(a), reply_requoted(Protocol::sctp) + Frame(20)).build());
    // UDP that has none gets none.
    const auto bare = [](PacketBuilder b, std::uint16_t from, std::uint16_t to) {
        return quote(b.udp(from, to).payload("data").l4_checksum(0));
    };
    expect_relayed(wan, error(from_client(a), bare(reply_at_client(), 80, 40000)).build(),
                   error(to_server(a), bare(reply_at_server(), 8080, 40000)).build());
}

TEST_P(IcmpRelay, AMendedUdpChecksumIsNeverZero) {
    bench.tunables.icmp_repair = 1;
    bench.publish();
    open(Protocol::udp);
    // Of 65,536 payloads one gives zero, sent as all ones.
    const auto with = [&](PacketBuilder b, std::uint16_t from, const Frame& body) {
        return quote(b.udp(from, 40000).payload(body));
    };
    const std::size_t checksum = a.header + 6;
    const int word = get16(with(reply_at_server(), 8080, Frame(2)), checksum);
    const Frame reply = with(reply_at_client(), 80, word16(word));
    const Frame there = with(reply_at_server(), 8080, word16(word));
    ASSERT_EQ(get16(there, checksum), 0xFFFF);
    expect_relayed(wan, error(from_client(a), reply).build(), error(to_server(a), there).build());
}

TEST_P(IcmpRelay, WithoutAWayItEndsSilently) {
    open(Protocol::udp);
    bench.network = NetTableBuilder();
    bench.network.add_interface({wan_link, wan, 0, mac(wan_mac), 1500, "wan"});
    bench.network.add_interface({lan_link, lan, 0, mac(lan_mac), 1500, "lan"});
    bench.publish();
    expect_dropped(wan, error(from_client(a), reply_quoted()).build(), DropReason::no_route);
    expect_dropped(lan, error(from_server(a), request_quoted()).build(), DropReason::no_route);
}

TEST_P(IcmpRelay, ItWaitsForTheLinkAddressOfTheServer) {
    open(Protocol::udp);
    bench.network = links();
    bench.publish();
    EXPECT_TRUE(sent_after(wan, error(from_client(a), reply_quoted()).build()).empty());
    EXPECT_EQ(bench.counters().held.value(), 1U);
    add_neighbours(bench.network);
    bench.publish();
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(lan), error(to_server(a), reply_requoted()).build()));
}

TEST_P(IcmpRelay, AServerThatIsThisHostGetsItFromTheHostsSide) {
    bench.add_service(Protocol::udp, a.endpoint(a.vip, 81), {a.endpoint(a.lan_self, 8081)});
    bench.publish();
    bench.put(wan, from_client(a).udp(40000, 81).build());
    bench.settle();
    static_cast<void>(bench.to_host(wan));
    const auto reply = [&](std::string_view from, int port) {
        return quote(with_ports(PacketBuilder().ip(from, a.client), Protocol::udp, port, 40000));
    };
    bench.put(wan, error(from_client(a), reply(a.vip, 81)).ttl(1).build());
    bench.settle();
    EXPECT_TRUE(same_frame(
        bench.one_to_host(wan),
        error(from_client(a).ip(a.client, a.lan_self), reply(a.lan_self, 8081)).ttl(1).build()));
}

TEST_P(IcmpRelay, ALoopbackAddressIsNoPlaceForIt) {
    const std::string_view loopback = is_v4() ? "127.0.0.5" : "::1";
    bench.network.add_local({ip(loopback), static_cast<std::uint8_t>(ip(loopback).bits())});
    bench.add_service(Protocol::udp, a.endpoint(a.vip, 81), {a.endpoint(loopback, 8081)});
    bench.publish();
    bench.put(wan, from_client(a).udp(40000, 81).build());
    bench.settle();
    static_cast<void>(bench.to_host(wan));
    const Frame reply =
        quote(with_ports(PacketBuilder().ip(a.vip, a.client), Protocol::udp, 81, 40000));
    expect_dropped(wan, error(from_client(a), reply).build(), DropReason::martian);
}

TEST_P(IcmpRelay, WhatTheHostSaysAboutItsOwnServerIsTranslated) {
    bench.add_service(Protocol::udp, a.endpoint(a.vip, 81), {a.endpoint(a.lan_self, 8081)});
    bench.publish();
    bench.put(wan, from_client(a).udp(40000, 81).build());
    bench.settle();
    static_cast<void>(bench.to_host(wan));
    const auto request = [&](std::string_view to, int port) {
        return quote(with_ports(PacketBuilder().ip(a.client, to), Protocol::udp, 40000, port));
    };
    // The host has given it its TTL already.
    const auto from_host = PacketBuilder().mac(wan_mac, client_mac).ip(a.lan_self, a.client).ttl(1);
    bench.put_from_host(wan, error(from_host, request(a.lan_self, 8081)).build());
    bench.settle();
    EXPECT_TRUE(
        same_frame(bench.one_sent(wan), error(to_client(a), request(a.vip, 81)).ttl(1).build()));
    // About anything else it goes out as it is.
    const Frame other = error(from_host, request(a.lan_self, 9)).build();
    bench.put_from_host(wan, other);
    bench.settle();
    EXPECT_TRUE(same_frame(bench.one_sent(wan), other));
}

TEST_P(IcmpRelay, WhateverIsQuotedWhatLeavesIsSound) {
    bench.tunables.icmp_ratelimit = 0;
    bench.tunables.icmp_repair = 1;
    bench.add_service(Protocol::udp, a.endpoint(a.vip, 86), {a.endpoint(a.server, 86)},
                      ForwardMethod::tunnel, {TunnelType::gue, L4Port(std::uint16_t{6080})});
    bench.publish();
    for (const auto protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp}) open(protocol);
    bench.put(wan, from_client(a).udp(40000, 86).build());
    bench.settle();
    static_cast<void>(bench.sent(lan));
    const Frame wrapped = quote(PacketBuilder()
                                    .ip(a.lan_self, a.server)
                                    .udp(50000, 6080)
                                    .payload(bytes_of({0, is_v4() ? 4 : 41, 0, 0}) +
                                             network_part(from_client(a).udp(40000, 86).build())));
    const auto outer = [&](PacketBuilder b) {
        return is_v4() ? b : b.extension(60, bytes_of({1, 4, 0, 0, 0, 0}));
    };
    std::mt19937 random(20);
    std::size_t relayed = 0;
    for (int i = 0; i < 6000; ++i) {
        const auto protocol =
            std::array{Protocol::tcp, Protocol::udp, Protocol::sctp}[random() % 3];
        Frame quoted = i % 3 == 0   ? reply_quoted(protocol)
                       : i % 3 == 1 ? request_quoted(protocol)
                                    : wrapped;
        for (std::uint32_t flips = random() % 4; flips > 0; --flips)
            quoted[random() % quoted.size()] = static_cast<std::byte>(random());
        if (random() % 4 == 0) quoted.resize(random() % (quoted.size() + 1));
        const PacketBuilder from = i % 3 == 0   ? from_client(a)
                                   : i % 3 == 1 ? from_server(a)
                                                : from_server(a).ip(a.server2, a.lan_self);
        bench.put_pieces(i % 3 == 0 ? wan : lan, error(outer(from), quoted).build(),
                         {random() % 2 == 0 ? 200 : 60 + random() % 60});
        bench.settle();
        for (const PortId port : {wan, lan}) {
            for (const Frame& frame : bench.sent(port)) {
                ++relayed;
                EXPECT_TRUE(checksums_ok(frame)) << describe(frame);
            }
            static_cast<void>(bench.to_host(port));
        }
        static_cast<void>(bench.path_mtu_reports());
    }
    EXPECT_GT(relayed, 1000U);
}

// The other forwarding methods.

class IcmpRelayDirect : public IcmpRelay {
  protected:
    IcmpRelayDirect() {
        bench.add_service(Protocol::udp, a.endpoint(a.vip, 82), {a.endpoint(a.server, 82)},
                          ForwardMethod::direct);
        bench.publish();
        bench.put(wan, from_client(a).udp(40000, 82).build());
        bench.settle();
        static_cast<void>(bench.sent(lan));
    }
    [[nodiscard]] Frame reply() const {
        return quote(with_ports(reply_at_client(), Protocol::udp, 82, 40000));
    }
    static constexpr std::uint32_t id = 6;
};
INSTANTIATE_TEST_SUITE_P(Families, IcmpRelayDirect, ::testing::ValuesIn(families), family_name);

TEST_P(IcmpRelayDirect, TowardTheServerItIsSentAsItIs) {
    const Frame in = error(from_client(a), reply()).build();
    expect_relayed(wan, in, error(to_server(a).ip(a.client, a.vip), reply()).build());
    EXPECT_EQ(bench.dest(id, &DestCounters::packets_in), 2U);
    const auto packets =
        is_v4() ? bench.connection<Ipv4>(a.client, 40000, a.vip, 82, Protocol::udp)->packets_in
                : bench.connection<Ipv6>(a.client, 40000, a.vip, 82, Protocol::udp)->packets_in;
    EXPECT_EQ(packets, 2U);
    expect_dropped(wan, error(from_client(a), reply()).ttl(1).build(), DropReason::ttl_expired);
    Frame wrong = in;
    wrong[14 + a.header + 2] ^= std::byte{1};
    expect_dropped(wan, wrong, DropReason::icmp_bad_checksum);
    EXPECT_EQ(bench.dest(id, &DestCounters::packets_in), 3U);
}

TEST_P(IcmpRelayDirect, FromTheServerItIsTheHostsButCounts) {
    const Frame request =
        quote(with_ports(PacketBuilder().ip(a.client, a.vip), Protocol::udp, 40000, 82));
    const Frame frame = error(from_server(a), request).pad_to(200).build();
    expect_to_host(lan, frame);
    EXPECT_EQ(bench.dest(id, &DestCounters::packets_out), 1U);
    EXPECT_EQ(bench.dest(id, &DestCounters::bytes_out), a.header + 8 + request.size());
}

TEST_P(IcmpRelayDirect, TooLongItIsCutOrEndsSilently) {
    bench.network = is_v4() ? links(1500, 600) : links(1500, 1280);
    add_neighbours(bench.network);
    bench.publish();
    Frame quoted = reply();
    quoted.resize(1300, std::byte{5});
    const Frame in = error(from_client(a), quoted).dont_fragment().build();
    if (is_v4())
        EXPECT_EQ(sent_after(wan, in).size(), 3U);
    else
        expect_dropped(wan, in, DropReason::too_big);
}

TEST_P(IcmpRelayOfIpv4, TooLongForATunnelItGoesInPieces) {
    bench.add_service(Protocol::udp, a.endpoint(a.vip, 85), {a.endpoint(a.server, 85)},
                      ForwardMethod::tunnel);
    bench.publish();
    bench.put(wan, from_client(a).udp(40000, 85).build());
    bench.settle();
    static_cast<void>(bench.sent(lan));
    Frame quoted = quote(with_ports(reply_at_client(), Protocol::udp, 85, 40000));
    quoted.resize(1472, std::byte{5});
    const auto pieces = sent_after(wan, error(from_client(a), quoted).dont_fragment().build());
    ASSERT_EQ(pieces.size(), 2U);
    // Link and outer header off, what is inside is a sound packet again.
    Frame inside(pieces[0].begin(), pieces[0].begin() + 14);
    for (const Frame& piece : pieces) {
        EXPECT_EQ(get16(piece, 20) & 0x4000, 0);
        inside.insert(inside.end(), piece.begin() + 34, piece.end());
    }
    EXPECT_TRUE(same_frame(
        inside, error(to_server(a).ip(a.client, a.vip), quoted).dont_fragment().build()));
}

TEST_P(IcmpRelayDirect, ToThisHostItGoesOnlyIfItsAddressIsHere) {
    bench.add_service(Protocol::udp, a.endpoint(a.vip, 83), {a.endpoint(a.lan_self, 83)},
                      ForwardMethod::direct);
    bench.publish();
    bench.put(wan, from_client(a).udp(40000, 83).build());
    bench.settle();
    static_cast<void>(bench.to_host(wan));
    const Frame about = quote(with_ports(reply_at_client(), Protocol::udp, 83, 40000));
    expect_to_host(wan, error(from_client(a), about).ttl(1).build());
    // As a router, for an address that is elsewhere.
    expect_dropped(wan, error(from_client(a).ip(a.client, a.elsewhere), about).build(),
                   DropReason::martian);
}

// schedule_icmp.

class IcmpSchedule : public IcmpRelay {
  protected:
    IcmpSchedule() {
        bench.tunables.schedule_icmp = 1;
        bench.add_service(Protocol::udp, a.endpoint(a.vip, 84), {});
        bench.add_service(Protocol::udp, a.endpoint(a.vip, 500), {a.endpoint(a.server, 500)});
        bench.publish();
    }
};
INSTANTIATE_TEST_SUITE_P(Families, IcmpSchedule, ::testing::ValuesIn(families), family_name);

TEST_P(IcmpSchedule, AnErrorAboutNoConnectionOpensOne) {
    for (const auto protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp}) {
        const auto before = bench.connections();
        const Frame four = first(reply_quoted(protocol), a.header + 4);
        expect_relayed(wan, error(from_client(a), four).build(),
                       error(to_server(a), first(reply_requoted(protocol), a.header + 4)).build());
        EXPECT_EQ(bench.connections(), before + 1);
        expect_relayed(wan, error(from_client(a), reply_quoted(protocol)).build(),
                       error(to_server(a), reply_requoted(protocol)).build());
        EXPECT_EQ(bench.connections(), before + 1);
    }
    // They live three seconds, then nothing is left of them.
    bench.pass(std::chrono::seconds(4));
    for (int i = 0; i < 100; ++i) bench.iterate();
    EXPECT_EQ(bench.connections(), 0U);
}

/// Notes where it is told that the packet goes.
class ByDestination final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "by destination"; }
    [[nodiscard]] std::optional<std::size_t> choose(
        const Candidates&, const SchedulingKey& key) const noexcept override {
        folded = key.destination;
        destination = key.destination_address;
        return 0;
    }
    mutable std::uint32_t folded = 0;
    mutable IpAddress destination;
};

TEST_P(IcmpSchedule, SchedulersTakeTheClientForTheDestination) {
    static const ByDestination scheduler;
    for (auto& service : bench.services) service.scheduler = &scheduler;
    bench.publish();
    bench.put(wan, error(from_client(a), reply_quoted()).build());
    bench.settle();
    EXPECT_EQ(bench.sent(lan).size(), 1U);
    EXPECT_EQ(scheduler.destination, ip(a.client));
    EXPECT_EQ(scheduler.folded, ip(a.client).visit([](const auto& at) { return fold(at); }));
}

TEST_P(IcmpSchedule, OnlyAServiceAndASoundErrorDo) {
    const auto about = [&](int port) {
        return quote(with_ports(reply_at_client(), Protocol::udp, port, 40000));
    };
    expect_to_host(wan, error(from_client(a), about(99)).build());
    expect_to_host(wan, error(from_client(a), first(reply_quoted(), a.header + 3)).build());
    expect_dropped(wan, error(from_client(a), about(84)).build(), DropReason::no_destination);
    Frame wrong = error(from_client(a), reply_quoted()).build();
    wrong[14 + a.header + 2] ^= std::byte{1};
    expect_dropped(wan, wrong, DropReason::icmp_bad_checksum);
    const Frame ipsec = quote(reply_at_client().ip_protocol(esp).payload(16));
    expect_to_host(wan, error(from_client(a), ipsec).build());
    // Those of servers open none.
    expect_to_host(lan, error(from_server(a), request_quoted()).build());
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(IcmpSchedule, SwitchedOffItIsTheHosts) {
    bench.tunables.schedule_icmp = 0;
    bench.publish();
    expect_to_host(wan, error(from_client(a), reply_quoted()).build());
    EXPECT_EQ(bench.connections(), 0U);
}

// Several workers.

TEST_P(IcmpRelay, ItIsRelayedByTheWorkerThatOwnsTheClient) {
    WorkerBench several({.workers = 3});
    several.add_service(Protocol::udp, a.endpoint(a.vip, 80), {a.endpoint(a.server, 8080)});
    several.publish();
    std::set<std::uint64_t> owners;
    for (int port = 40000; port < 40020; ++port) {
        const auto client_port = static_cast<std::uint16_t>(port);
        several.put(wan, from_client(a).udp(client_port, 80).build());
        several.settle();
        ASSERT_EQ(several.sent(lan).size(), 1U);
        several.put(wan, error(from_client(a),
                               quote(with_ports(reply_at_client(), Protocol::udp, 80, port)))
                             .build());
        several.put(lan, error(from_server(a),
                               quote(with_ports(request_at_server(), Protocol::udp, port, 8080)))
                             .build());
        several.settle();
        EXPECT_TRUE(same_frame(
            several.one_sent(lan),
            error(to_server(a), quote(with_ports(reply_at_server(), Protocol::udp, 8080, port)))
                .build()));
        EXPECT_TRUE(same_frame(
            several.one_sent(wan),
            error(to_client(a), quote(with_ports(request_at_client(), Protocol::udp, port, 80)))
                .build()));
    }
    EXPECT_GT(several.counters(0).handed_off.value(), 0U);
}

}  // namespace
}  // namespace shunt
