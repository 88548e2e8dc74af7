// SPDX-License-Identifier: BSD-3-Clause
// The MSS option: found among others, lowered, and nothing else touched (RFC 9293 3.2, 3.7.1).
#include "dataplane/mss_clamp.h"

#include <gtest/gtest.h>

#include <random>

#include "support/packet_builder.h"

namespace shunt {
namespace {

using namespace test;

constexpr std::size_t ports_to_options = 20;
constexpr std::size_t checksum_at = 16;

/// A whole segment with the given options; its checksum is right.
Frame segment(const Frame& options) {
    const Frame packet = network_part(PacketBuilder()
                                          .ipv4("192.0.2.7", "198.51.100.10")
                                          .tcp(40000, 80, TcpHeader::syn)
                                          .tcp_options(options)
                                          .payload("data")
                                          .build());
    return Frame(packet.begin() + 20, packet.end());
}

/// Clamps; everything but the checksum must then be as `options` say, and the checksum right.
void expect_options(Frame tcp, std::uint16_t most, const Frame& options, bool changed) {
    const Frame expected = segment(options);
    EXPECT_EQ(clamp_mss(tcp, most), changed);
    EXPECT_EQ(tcp, expected) << hexdump(tcp) << "\nexpected\n" << hexdump(expected);
}

TEST(MssClamp, ALargerOneIsLoweredAndTheChecksumFollows) {
    expect_options(segment(bytes_of({2, 4, 5, 180})), 1440, bytes_of({2, 4, 5, 160}), true);
    expect_options(segment(bytes_of({2, 4, 255, 255})), 28, bytes_of({2, 4, 0, 28}), true);
}

TEST(MssClamp, OneThatFitsStays) {
    for (const auto most : std::initializer_list<std::uint16_t>{1460, 1461, 65535})
        expect_options(segment(bytes_of({2, 4, 5, 180})), most, bytes_of({2, 4, 5, 180}), false);
    expect_options(segment(bytes_of({2, 4, 0, 0})), 1440, bytes_of({2, 4, 0, 0}), false);
}

TEST(MssClamp, OneAmongOthersIsFoundAtOddPlacesToo) {
    expect_options(segment(bytes_of({1, 2, 4, 5, 180, 4, 2, 1})), 1440,
                   bytes_of({1, 2, 4, 5, 160, 4, 2, 1}), true);
    expect_options(segment(bytes_of({3, 3, 7, 1, 1, 1, 2, 4, 0xAB, 0xCD, 1, 1})), 0x1234,
                   bytes_of({3, 3, 7, 1, 1, 1, 2, 4, 0x12, 0x34, 1, 1}), true);
    expect_options(segment(bytes_of({3, 3, 7, 2, 4, 0xAB, 0xCD, 1})), 0x1234,
                   bytes_of({3, 3, 7, 2, 4, 0x12, 0x34, 1}), true);
    // Receivers differ in which of two they believe.
    expect_options(segment(bytes_of({2, 4, 5, 180, 2, 4, 6, 0})), 1440,
                   bytes_of({2, 4, 5, 160, 2, 4, 5, 160}), true);
}

TEST(MssClamp, WithoutTheOptionNothingIsAdded) {
    for (const auto& options :
         {Frame(), bytes_of({4, 2, 1, 1}), bytes_of({8, 10, 2, 4, 5, 180, 2, 4, 5, 180, 0, 0}),
          bytes_of({0, 1, 1, 1, 2, 4, 5, 180})})
        expect_options(segment(options), 1440, options, false);
}

TEST(MssClamp, WhatIsNoMssOptionIsNotTakenForOne) {
    for (const auto& options : {
             bytes_of({2, 3, 5, 180}),                // another length
             bytes_of({2, 6, 5, 180, 1, 1, 1, 1}),    // another length
             bytes_of({9, 0, 2, 4, 5, 180, 1, 1}),    // length 0: what follows is not an option
             bytes_of({9, 1, 2, 4, 5, 180, 1, 1}),    // length 1
             bytes_of({9, 200, 2, 4, 5, 180, 1, 1}),  // beyond the header
             bytes_of({1, 1, 1, 2}),                  // ends within
             bytes_of({1, 1, 2, 4}),                  // ends before the number
             bytes_of({1, 2, 4, 5}),                  // ends within the number
         })
        expect_options(segment(options), 1, options, false);
}

TEST(MssClamp, OptionsEndWhereTheHeaderDoesAndWhereTheBytesDo) {
    Frame tcp = segment(bytes_of({1, 1, 1, 1, 2, 4, 5, 180}));
    poke(tcp, 12, {0x60});  // the header is 24 bytes long
    const Frame before = tcp;
    EXPECT_FALSE(clamp_mss(tcp, 1440));
    EXPECT_EQ(tcp, before);
    for (std::size_t there = 0; there < ports_to_options + 8; ++there) {
        Frame cut = segment(bytes_of({1, 1, 1, 1, 2, 4, 5, 180}));
        cut.resize(there);
        const Frame as_it_was = cut;
        EXPECT_FALSE(clamp_mss(cut, 1440)) << there;
        EXPECT_EQ(cut, as_it_was) << there;
    }
}

/// Where MSS options of a header have their numbers; a second reading of the same rules.
std::vector<std::size_t> mss_places(const Frame& tcp) {
    std::vector<std::size_t> places;
    if (tcp.size() < 13) return places;
    const std::size_t announced = (std::to_integer<std::size_t>(tcp[12]) >> 4) * 4;
    const std::size_t end = std::min(announced, tcp.size());
    const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(tcp[i]); };
    for (std::size_t i = 20; i < end && byte(i) != 0;) {
        if (byte(i) == 1) {
            ++i;
            continue;
        }
        if (i + 1 >= end || byte(i + 1) < 2 || i + byte(i + 1) > end) break;
        if (byte(i) == 2 && byte(i + 1) == 4) places.push_back(i + 2);
        i += byte(i + 1);
    }
    return places;
}

std::uint16_t plain_sum(const Frame& bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<std::uint16_t>(sum == 0xFFFF ? 0 : sum);
}

/// Options that are often right and sometimes anything.
Frame random_header(std::mt19937& random) {
    const auto any = [&](unsigned n) { return static_cast<int>(random() % n); };
    Frame tcp(20);
    for (auto& byte : tcp) byte = static_cast<std::byte>(any(256));
    const std::size_t wanted = 20 + static_cast<std::size_t>(any(12)) * 4;
    while (tcp.size() < wanted) {
        const int kind = any(6);
        const int length = any(8) == 0 ? any(256) : kind == 2 ? 4 : 2 + any(6);
        tcp.push_back(static_cast<std::byte>(kind));
        if (kind > 1) tcp.push_back(static_cast<std::byte>(length));
        for (int i = 2; kind > 1 && i < length; ++i)
            tcp.push_back(static_cast<std::byte>(any(256)));
    }
    if (any(4) != 0) tcp.resize(wanted);
    if (any(4) != 0) poke(tcp, 12, {static_cast<int>(wanted / 4 % 16) << 4});
    if (any(16) == 0) tcp.resize(static_cast<std::size_t>(any(60)));
    tcp.shrink_to_fit();  // so that a sanitizer sees a step too far
    return tcp;
}

TEST(MssClamp, OfAnyBytesOnlyTooLargeNumbersAndTheChecksumChange) {
    std::mt19937 random(20);
    int changes = 0;
    for (int round = 0; round < 200'000; ++round) {
        const Frame before = random_header(random);
        Frame tcp = before;
        const auto most = static_cast<std::uint16_t>(random());
        const bool changed = clamp_mss(tcp, most);
        Frame expected = before;
        bool any = false;
        for (const std::size_t at : mss_places(before)) {
            if (get16(before, at) <= most) continue;
            poke(expected, at, {most >> 8, most & 0xFF});
            any = true;
        }
        ASSERT_EQ(changed, any) << hexdump(before);
        changes += any ? 1 : 0;
        if (any) {
            // The sum of all words, the checksum among them, is what it was.
            ASSERT_EQ(plain_sum(tcp), plain_sum(before)) << hexdump(before);
            poke(expected, checksum_at, {get16(tcp, checksum_at) >> 8, get16(tcp, 16) & 0xFF});
        }
        ASSERT_EQ(tcp, expected) << most << "\n" << hexdump(before);
    }
    EXPECT_GT(changes, 20'000);
}

}  // namespace
}  // namespace shunt
