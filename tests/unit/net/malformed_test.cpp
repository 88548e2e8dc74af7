// SPDX-License-Identifier: BSD-3-Clause
// Broken frames, generated from sound ones: cut at each byte, with lengths that lie, with each byte
// of their headers replaced. Each ends in a named reason or is sound, and what is said of a sound
// one holds. All are parsed from heap copies of exact size, so that AddressSanitizer sees a read
// beyond the end.
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "net/parse.h"
#include "support/packet_builder.h"

namespace shunt {
namespace {

using test::bytes_of;
using test::Frame;
using test::PacketBuilder;

// --- sound frames --------------------------------------------------------------------------------

struct Sound {
    std::string name;
    Frame frame;
    std::size_t l3;  ///< where its network header begins
    std::size_t l4;  ///< where its L4 header begins
    bool v4 = true;
    /// Bytes that a whole packet must have from `l4` on.
    std::size_t least_l4 = 0;
};

PacketBuilder v4() {
    return PacketBuilder().ipv4("192.0.2.7", "198.51.100.10");
}
PacketBuilder v6() {
    return PacketBuilder().ipv6("2001:db8::7", "2001:db8:1::10");
}
Frame behind_ethernet(const Frame& packet) {
    return {packet.begin() + sizeof(EthernetHeader), packet.end()};
}

constexpr std::size_t tcp = sizeof(TcpHeader);
constexpr std::size_t udp = sizeof(UdpHeader);
constexpr std::size_t sctp = sizeof(SctpHeader) + sizeof(SctpChunkHeader);

std::vector<Sound> sound_frames() {
    const Frame options(12, std::byte{1});
    const Frame cookie_abort =
        bytes_of({0x9C, 0x40, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 10, 0, 0, 4, 6, 0, 0, 4});
    const Frame reply = PacketBuilder()
                            .ipv4("198.51.100.10", "192.0.2.7")
                            .ip_options(options)
                            .tcp(80, 40000)
                            .build();
    const Frame reply6 = PacketBuilder()
                             .ipv6("2001:db8:1::10", "2001:db8::7")
                             .extension(0)
                             .fragment(0, true)
                             .udp(80, 40000)
                             .build();
    const auto chain = [] { return v6().extension(0).extension(43, Frame(14)).extension(60); };
    return {
        {"v4_tcp", v4().tcp(40000, 80).build(), 14, 34, true, tcp},
        {"v4_udp_on_vlan", v4().vlan(5).udp(40000, 80).build(), 18, 38, true, udp},
        {"v4_tcp_on_two_tags", v4().vlan(5, EtherType::qinq).vlan(6).tcp(40000, 80).build(), 22, 42,
         true, tcp},
        {"v4_options_tcp", v4().ip_options(options).tcp(40000, 80).build(), 14, 46, true, tcp},
        {"v4_options_sctp", v4().ip_options(options).ip_protocol(132).payload(cookie_abort).build(),
         14, 46, true, sctp},
        {"v4_icmp", v4().icmp(3, 3).payload(behind_ethernet(reply)).build(), 14, 34},
        {"v6_tcp", v6().tcp(40000, 80).build(), 14, 54, false, tcp},
        {"v6_chain_udp", chain().udp(40000, 80).build(), 14, 86, false, udp},
        {"v6_fragment_sctp",
         v6().extension(60).fragment(0, false).ip_protocol(132).payload(cookie_abort).build(), 14,
         70, false, sctp},
        {"v6_chain_on_tags",
         chain().vlan(5, EtherType::qinq).vlan(6).fragment(0, false).tcp(40000, 80).build(), 22,
         102, false, tcp},
        {"v6_icmp", v6().extension(0).icmp(1, 4).payload(behind_ethernet(reply6)).build(), 14, 62,
         false},
    };
}

// --- broken frames -------------------------------------------------------------------------------

struct Broken {
    std::string name;
    Frame frame;
    std::string outcome;  ///< "sound" or the reason; empty where any is right
};
using Corpus = std::vector<Broken>;

void add(Corpus& corpus, const Sound& from, const std::string& what, Frame frame,
         std::string outcome = "") {
    corpus.push_back({from.name + " " + what, std::move(frame), std::move(outcome)});
}

Frame cut(Frame frame, std::size_t length) {
    frame.resize(length);
    return frame;
}
void put16(Frame& frame, std::size_t at, std::size_t value) {
    test::poke(frame, at, {static_cast<int>(value >> 8 & 0xFF), static_cast<int>(value & 0xFF)});
}
/// Says `length` bytes from the network header on, with a right checksum.
Frame with_length(const Sound& from, Frame frame, std::size_t length) {
    if (!from.v4) {
        put16(frame, from.l3 + 4, length - sizeof(Ipv6Header));
        return frame;
    }
    put16(frame, from.l3 + 2, length);
    put16(frame, from.l3 + 10, 0);
    std::uint32_t sum = 0;
    for (std::size_t at = from.l3; at < from.l4; at += 2) sum += test::get16(frame, at);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    put16(frame, from.l3 + 10, ~sum & 0xFFFF);
    return frame;
}

/// Cut at each byte: whatever is missing, the frame ends before its headers or lengths say so.
Corpus cut_frames() {
    Corpus corpus;
    for (const Sound& from : sound_frames())
        for (std::size_t length = 0; length < from.frame.size(); ++length)
            add(corpus, from, "cut to " + std::to_string(length), cut(from.frame, length),
                "truncated");
    return corpus;
}

/// Cut at each byte behind the fixed network header, with a network header that owns up to it.
Corpus short_packets() {
    Corpus corpus;
    for (const Sound& from : sound_frames()) {
        const std::size_t fixed = from.v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
        for (std::size_t length = from.l3 + fixed; length < from.frame.size(); ++length) {
            const Frame frame = cut(with_length(from, from.frame, length - from.l3), length);
            add(corpus, from, "of " + std::to_string(length), frame,
                length < from.l4                   ? from.v4 ? "ipv4_bad_header" : "ipv6_bad_header"
                : length < from.l4 + from.least_l4 ? "l4_bad_header"
                                                   : "sound");
        }
    }
    return corpus;
}

/// Network lengths that are not those of the frame.
Corpus lying_lengths() {
    Corpus corpus;
    for (const Sound& from : sound_frames()) {
        const std::size_t right = from.frame.size() - from.l3;
        const std::size_t base = from.v4 ? 0 : sizeof(Ipv6Header);
        for (const std::size_t length : {right + 1, right + 2, right + 1000, std::size_t{65535}})
            add(corpus, from, "says " + std::to_string(length),
                with_length(from, from.frame, length), "truncated");
        for (std::size_t length = base; length < from.l4 - from.l3; ++length)
            add(corpus, from, "says " + std::to_string(length),
                with_length(from, from.frame, length),
                from.v4 ? "ipv4_bad_header" : "ipv6_bad_header");
        if (from.v4) continue;
        Frame longest = from.frame;
        test::poke(longest, from.l3 + 4, {0xFF, 0xFF});
        add(corpus, from, "says 65575", longest, "ipv6_bad_header");
    }
    return corpus;
}

/// IPv4 header lengths below five words and beyond the packet; versions.
Corpus lying_first_bytes() {
    Corpus corpus;
    for (const Sound& from : sound_frames())
        for (int byte = 0; byte < 256; ++byte) {
            Frame frame = from.frame;
            if (std::to_integer<int>(frame[from.l3]) == byte) continue;
            test::poke(frame, from.l3, {byte});
            const bool version = byte >> 4 == (from.v4 ? 4 : 6);
            const bool length = !from.v4 || (byte & 0xF) >= 5;
            add(corpus, from, "begins with " + std::to_string(byte), frame,
                version && length ? ""
                : from.v4         ? "ipv4_bad_header"
                                  : "ipv6_bad_header");
        }
    return corpus;
}

/// Extension headers of every length: those that lead beyond the packet are refused.
Corpus lying_extensions() {
    Corpus corpus;
    for (const int kind : {0, 43, 60})
        for (int length = 0; length < 256; ++length) {
            Frame frame = v6().extension(static_cast<std::uint8_t>(kind), Frame(6))
                              .ip_protocol(200)
                              .payload(std::size_t{64})
                              .build();
            test::poke(frame, 14 + 40 + 1, {length});
            corpus.push_back({"extension " + std::to_string(kind) + " of " + std::to_string(length),
                              frame, (length + 1) * 8 <= 72 ? "sound" : "ipv6_bad_header"});
        }
    return corpus;
}

/// Each header byte replaced: lengths, numbers, offsets, tags.
Corpus replaced_bytes() {
    Corpus corpus;
    for (const Sound& from : sound_frames())
        for (std::size_t at = 12; at < from.frame.size(); ++at)
            for (const int value : {0x00, 0x01, 0x2C, 0x3C, 0x7F, 0x80, 0xFF}) {
                Frame frame = from.frame;
                if (std::to_integer<int>(frame[at]) == value) continue;
                test::poke(frame, at, {value});
                add(corpus, from, "byte " + std::to_string(at) + " is " + std::to_string(value),
                    frame);
            }
    return corpus;
}

// --- what must hold ------------------------------------------------------------------------------

/// What parse() says wrongly about a frame that it calls sound; empty when all is right.
template <class F>
std::string lie_about(PacketReader frame, const PacketMeta& meta) {
    const FlowTuple<F>& tuple = meta.tuple<F>();
    const std::size_t end = std::size_t{meta.l3_offset} + meta.l3_length;
    if (end > frame.size()) return "the packet ends behind the frame";
    if (meta.l4_offset < meta.l3_offset + sizeof(typename F::Header) || meta.l4_offset > end)
        return "the L4 header is outside of the packet";
    if (meta.icmp_type != no_icmp_type &&
        (tuple.protocol != F::icmp || meta.l4_offset + sizeof(IcmpHeader) > end))
        return "an ICMP type out of nothing";
    if (!meta.has_ports) return tuple.source_port == L4Port() ? "" : "ports that are none";
    const std::size_t least = tuple.protocol == Protocol::tcp    ? tcp
                              : tuple.protocol == Protocol::udp  ? udp
                              : tuple.protocol == Protocol::sctp ? sctp
                                                                 : 0;
    if (least == 0 || meta.l4_offset + least > end) return "ports out of nothing";
    if (meta.fragment == FragmentKind::later) return "ports of a later fragment";
    if (frame.read<L4Port>(meta.l4_offset) != tuple.source_port ||
        frame.read<L4Port>(meta.l4_offset + 2U) != tuple.destination_port)
        return "ports from another place";
    return "";
}
std::string lie_about(PacketReader frame, const PacketMeta& meta) {
    if (meta.network == NetworkKind::ipv4) return lie_about<Ipv4>(frame, meta);
    if (meta.network == NetworkKind::ipv6) return lie_about<Ipv6>(frame, meta);
    return meta.has_ports || meta.icmp_type != no_icmp_type ? "transport without network" : "";
}

/// Where a quoted packet is said to be, and whether its ports are those that are there.
template <class F>
std::string lie_of_quote(PacketReader frame, std::uint32_t offset) {
    const auto packet = parse_quoted<F>(frame, offset);
    if (!packet) return "";
    if (packet->l3_offset != offset) return "quoted from another place";
    if (packet->l4_offset < offset + sizeof(typename F::Header)) return "quoted L4 lies before";
    if (packet->has_ports &&
        ((F::family == Family::ipv6 && packet->fragment == FragmentKind::later) ||
         frame.read<L4Port>(packet->l4_offset) != packet->tuple.source_port ||
         frame.read<L4Port>(packet->l4_offset + 2U) != packet->tuple.destination_port))
        return "quoted ports from another place";
    return "";
}

const std::set<std::string> outcomes = {"sound",
                                        "truncated",
                                        "ipv4_bad_header",
                                        "ipv4_bad_checksum",
                                        "ipv4_bad_options",
                                        "ipv4_source_route",
                                        "ipv6_bad_header",
                                        "l4_bad_header"};

std::string outcome_of(PacketReader frame, std::size_t frame_length, PacketMeta& meta,
                       HeaderChecksum header_checksum) {
    const auto reason =
        parse(frame, static_cast<std::uint32_t>(frame_length), meta, header_checksum);
    return reason ? std::string(name(*reason)) : "sound";
}

void check(const Broken& broken) {
    SCOPED_TRACE(broken.name + '\n' + test::hexdump(broken.frame));
    const auto copy = std::make_unique<std::byte[]>(broken.frame.size());
    std::copy(broken.frame.begin(), broken.frame.end(), copy.get());
    const PacketReader frame({copy.get(), broken.frame.size()});

    PacketMeta meta;
    const std::string strict = outcome_of(frame, frame.size(), meta, HeaderChecksum::verify);
    EXPECT_TRUE(outcomes.contains(strict)) << strict;
    if (!broken.outcome.empty()) {
        EXPECT_EQ(strict, broken.outcome);
    }
    // Behind a card that says nothing of lengths, more is looked at.
    const std::string lenient = outcome_of(frame, frame.size(), meta, HeaderChecksum::verified);
    EXPECT_TRUE(strict == lenient || strict == "ipv4_bad_checksum") << strict << ' ' << lenient;
    if (lenient == "sound") {
        EXPECT_EQ(lie_about(frame, meta), "");
    }

    for (const std::uint32_t offset : {14U, 34U, 42U, 54U, 62U, 70U, 82U, 0xFFFFFFF0U}) {
        EXPECT_EQ(lie_of_quote<Ipv4>(frame, offset), "") << offset;
        EXPECT_EQ(lie_of_quote<Ipv6>(frame, offset), "") << offset;
        const auto end = static_cast<std::uint32_t>(frame.size());
        if (const auto chain = ipv6_chain(frame, offset, end)) {
            EXPECT_LE(chain->upper_offset, end);
        }
    }
}

/// The same bytes as the first buffer of a longer frame: what lies behind may be asked for.
void check_split(const Broken& broken) {
    const auto copy = std::make_unique<std::byte[]>(broken.frame.size());
    std::copy(broken.frame.begin(), broken.frame.end(), copy.get());
    PacketMeta meta;
    const std::string outcome =
        outcome_of(PacketReader({copy.get(), broken.frame.size()}), broken.frame.size() + 2000,
                   meta, HeaderChecksum::verified);
    EXPECT_TRUE(outcome == "split_header" || outcomes.contains(outcome))
        << broken.name << ": " << outcome;
}

TEST(Malformed, TheFramesAreSoundBeforeTheyAreBroken) {
    for (const Sound& from : sound_frames()) {
        check({from.name, from.frame, "sound"});
        PacketMeta meta;
        EXPECT_EQ(
            outcome_of(PacketReader(from.frame), from.frame.size(), meta, HeaderChecksum::verify),
            "sound");
        EXPECT_EQ(meta.l3_offset, from.l3) << from.name;
        EXPECT_EQ(meta.l4_offset, from.l4) << from.name;
        EXPECT_EQ(meta.has_ports, from.least_l4 != 0) << from.name;
        EXPECT_EQ(test::checksum_problem(from.frame), "") << from.name;
    }
}

struct Kind {
    std::string name;
    Corpus (*frames)();
    std::size_t at_least;
};
std::ostream& operator<<(std::ostream& out, const Kind& kind) {
    return out << kind.name;
}
class MalformedKinds : public ::testing::TestWithParam<Kind> {};

TEST_P(MalformedKinds, EndInANamedReasonOrAreSound) {
    const Corpus corpus = GetParam().frames();
    EXPECT_GE(corpus.size(), GetParam().at_least);
    for (const Broken& broken : corpus) {
        check(broken);
        check_split(broken);
    }
}

INSTANTIATE_TEST_SUITE_P(All, MalformedKinds,
                         ::testing::Values(Kind{"cut", cut_frames, 700},
                                           Kind{"short_packets", short_packets, 250},
                                           Kind{"lying_lengths", lying_lengths, 250},
                                           Kind{"lying_first_bytes", lying_first_bytes, 2500},
                                           Kind{"lying_extensions", lying_extensions, 768},
                                           Kind{"replaced_bytes", replaced_bytes, 4000}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace shunt
