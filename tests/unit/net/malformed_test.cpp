// SPDX-License-Identifier: BSD-3-Clause
// Broken frames (support/broken_frames.h): each ends in a named reason or is sound, and what is
// said of a sound one holds. All are parsed from heap copies of exact size, so that
// AddressSanitizer sees a read beyond the end.
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "net/parse.h"
#include "support/broken_frames.h"

namespace shunt {
namespace {

using test::Broken;
using test::Corpus;
using test::Sound;
using test::sound_frames;

constexpr std::size_t tcp = sizeof(TcpHeader);
constexpr std::size_t udp = sizeof(UdpHeader);
constexpr std::size_t sctp = sizeof(SctpHeader) + sizeof(SctpChunkHeader);

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
                         ::testing::Values(Kind{"cut", test::cut_frames, 700},
                                           Kind{"short_packets", test::short_packets, 250},
                                           Kind{"lying_lengths", test::lying_lengths, 250},
                                           Kind{"lying_first_bytes", test::lying_first_bytes, 2500},
                                           Kind{"lying_extensions", test::lying_extensions, 768},
                                           Kind{"replaced_bytes", test::replaced_bytes, 4000}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace shunt
