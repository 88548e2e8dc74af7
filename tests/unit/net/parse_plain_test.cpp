// SPDX-License-Identifier: BSD-3-Clause
// parse_plain() is held against parse(): what it takes is what parse() says, for sound and for
// broken frames.
#include "net/parse_plain.h"

#include <gtest/gtest.h>

#include <memory>

#include "support/broken_frames.h"

namespace shunt {
namespace {

using test::Broken;
using test::Frame;
using test::PacketBuilder;

std::string describe(const PacketMeta& m) {
    std::string text;
    const auto add = [&](const char* name, unsigned value) {
        text += std::string(name) + " " + std::to_string(value) + ", ";
    };
    add("l4_offset", m.l4_offset);
    add("l3_length", m.l3_length);
    add("vlan", m.vlan);
    add("l3_offset", m.l3_offset);
    add("network", static_cast<unsigned>(m.network));
    add("fragment", static_cast<unsigned>(m.fragment));
    add("has_ports", m.has_ports);
    add("tcp_flags", m.tcp_flags);
    add("ttl", m.ttl);
    add("to_group", m.to_group);
    add("passed", m.passed);
    add("stacked_tags", m.stacked_tags);
    add("icmp_type", m.icmp_type);
    add("sctp_chunk", m.sctp_chunk);
    return text + to_string(m.destination_mac);
}

enum class Verdict { other, taken, wrong };

/// What parse_plain() makes of a frame, in a heap copy of exact size.
template <class F>
Verdict judge(const Frame& frame, HeaderChecksum checked = HeaderChecksum::verify) {
    const auto copy = std::make_unique<std::byte[]>(frame.size());
    std::copy(frame.begin(), frame.end(), copy.get());
    const PacketReader reader({copy.get(), frame.size()});
    const auto length = static_cast<std::uint32_t>(frame.size());
    PacketMeta plain;
    plain.vlan = 7;  // of a packet before
    plain.fragment = FragmentKind::later;
    if (!parse_plain<F>(reader, length, plain, checked)) return Verdict::other;
    PacketMeta whole;
    EXPECT_FALSE(parse(reader, length, whole, checked));
    EXPECT_EQ(describe(plain), describe(whole));
    EXPECT_EQ(plain.tuple<F>(), whole.template tuple<F>());
    EXPECT_TRUE(plain.plain);
    EXPECT_FALSE(whole.plain);
    return ::testing::Test::HasFailure() ? Verdict::wrong : Verdict::taken;
}

template <class F>
std::size_t taken_of(const test::Corpus& corpus) {
    std::size_t taken = 0;
    for (const Broken& broken : corpus) {
        SCOPED_TRACE(broken.name);
        const Verdict verdict = judge<F>(broken.frame);
        if (verdict == Verdict::wrong) return taken;
        taken += verdict == Verdict::taken ? 1 : 0;
    }
    return taken;
}

TEST(ParsePlain, WhatItTakesOfBrokenFramesIsWhatParseSays) {
    std::size_t taken = 0;
    for (const auto& corpus :
         {test::cut_frames(), test::short_packets(), test::lying_lengths(),
          test::lying_first_bytes(), test::lying_extensions(), test::replaced_bytes()})
        taken += taken_of<Ipv4>(corpus) + taken_of<Ipv6>(corpus);
    EXPECT_GT(taken, 100U);
}

PacketBuilder v4() {
    return PacketBuilder().ipv4("192.0.2.7", "198.51.100.10");
}
PacketBuilder v6() {
    return PacketBuilder().ipv6("2001:db8::7", "2001:db8:1::10");
}

/// Every byte of the headers replaced by every other value.
template <class F>
std::size_t taken_of_replaced(PacketBuilder builder) {
    const Frame sound = builder.payload(200).build();
    std::size_t taken = 0;
    for (std::size_t at = 0; at < plain_headers<F>; ++at)
        for (int value = 0; value <= 0xFF; ++value) {
            Frame frame = sound;
            test::poke(frame, at, {value});
            SCOPED_TRACE(std::to_string(at) + " = " + std::to_string(value));
            taken += judge<F>(frame, HeaderChecksum::verified) == Verdict::taken ? 1 : 0;
        }
    return taken;
}

TEST(ParsePlain, WhatItTakesOfReplacedBytesIsWhatParseSays) {
    EXPECT_GT(taken_of_replaced<Ipv4>(v4().tcp(40000, 80)), 9000U);
    EXPECT_GT(taken_of_replaced<Ipv6>(v6().udp(40000, 80)), 14000U);
}

TEST(ParsePlain, TakesTheUsualFrames) {
    for (const std::size_t payload : {0U, 1U, 100U, 1400U}) {
        EXPECT_EQ(judge<Ipv4>(v4().tcp(40000, 80).payload(payload).build()), Verdict::taken);
        EXPECT_EQ(judge<Ipv6>(v6().tcp(40000, 80).payload(payload).build()), Verdict::taken);
        EXPECT_EQ(judge<Ipv4>(v4().udp(40000, 80).payload(payload).pad_to(60).build()),
                  Verdict::taken);
        EXPECT_EQ(judge<Ipv6>(v6().udp(40000, 80).payload(payload).pad_to(80).build()),
                  Verdict::taken);
    }
    EXPECT_EQ(judge<Ipv4>(v4().tcp(1, 2).ip_checksum(1).build(), HeaderChecksum::verified),
              Verdict::taken);
}

TEST(ParsePlain, LeavesEveryOtherFormToParse) {
    const auto tcp4 = [] { return v4().tcp(40000, 80); };
    const auto tcp6 = [] { return v6().tcp(40000, 80); };
    EXPECT_EQ(judge<Ipv4>(tcp6().build()), Verdict::other);
    EXPECT_EQ(judge<Ipv6>(tcp4().build()), Verdict::other);
    EXPECT_EQ(judge<Ipv4>(tcp4().vlan(5).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv6>(tcp6().vlan(5).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv4>(tcp4().mac("02:00:00:00:00:01", "01:00:5e:00:00:01").build()),
              Verdict::other);
    EXPECT_EQ(judge<Ipv4>(tcp4().ip_options(test::bytes_of({1, 1, 1, 0})).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv6>(tcp6().extension(60).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv4>(v4().icmp(8, 0).payload(40).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv6>(v6().icmp(128, 0).payload(40).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv4>(tcp4().fragment(0, true).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv4>(tcp4().fragment(8, false).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv6>(tcp6().fragment(0, true).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv4>(tcp4().ip_checksum(1).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv4>(tcp4().ip_length(39).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv4>(tcp4().ip_length(41).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv6>(tcp6().ip_length(19).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv6>(tcp6().ip_length(21).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv4>(tcp4().ip_version(5).build()), Verdict::other);
    EXPECT_EQ(judge<Ipv6>(tcp6().ip_version(5).build()), Verdict::other);
}

/// Each checksum of a header is either the one that the bytes ask for, or refused.
TEST(ParsePlain, OneChecksumIsRight) {
    Frame frame = v4().tcp(40000, 80).build();
    constexpr std::size_t at = sizeof(EthernetHeader) + offsetof(Ipv4Header, checksum);
    unsigned taken = 0;
    for (int sum = 0; sum <= 0xFFFF; ++sum) {
        test::poke(frame, at, {sum >> 8, sum & 0xFF});
        taken += judge<Ipv4>(frame) == Verdict::taken ? 1 : 0;
    }
    EXPECT_EQ(taken, 1U);
}

}  // namespace
}  // namespace shunt
