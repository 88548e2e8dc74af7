// SPDX-License-Identifier: BSD-3-Clause
#include "net/crc32c.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "support/packet_builder.h"

namespace shunt {
namespace {

using test::bytes_of;
using test::Frame;

std::uint32_t crc_of(std::span<const std::byte> bytes) {
    return ~crc32c(crc32c_start, bytes);
}

/// Bit by bit, from the polynomial.
std::uint32_t slow_crc(std::span<const std::byte> bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const std::byte b : bytes) {
        crc ^= std::to_integer<std::uint32_t>(b);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
    }
    return ~crc;
}

Frame counting(int first, int step) {
    Frame out;
    for (int i = 0; i < 32; ++i) out.push_back(static_cast<std::byte>(first + i * step));
    return out;
}

// RFC 3720 B.4, there with the least significant byte first.
TEST(Crc32c, HasTheValuesOfItsStandard) {
    EXPECT_EQ(crc_of(Frame(32)), 0x8A9136AAU);
    EXPECT_EQ(crc_of(Frame(32, std::byte{0xFF})), 0x62A8AB43U);
    EXPECT_EQ(crc_of(counting(0, 1)), 0x46DD794EU);
    EXPECT_EQ(crc_of(counting(31, -1)), 0x113FDB5CU);
    const Frame scsi_read = bytes_of({0x01, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0, 0,
                                      0x14, 0,    0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
                                      0x28, 0,    0, 0, 0, 0, 0, 0, 2, 0, 0, 0,    0, 0, 0, 0});
    EXPECT_EQ(crc_of(scsi_read), 0xD9963A56U);
    EXPECT_EQ(crc_of(bytes_of("123456789")), 0xE3069283U);
    EXPECT_EQ(crc_of({}), 0U);
}

TEST(Crc32c, IsTheSameForAnyLengthAndAlignment) {
    std::mt19937 random(1);
    Frame bytes(200);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    for (std::size_t begin = 0; begin < 16; ++begin)
        for (std::size_t length = 0; begin + length <= bytes.size(); ++length) {
            const auto part = std::span(bytes).subspan(begin, length);
            ASSERT_EQ(crc_of(part), slow_crc(part)) << begin << ' ' << length;
        }
}

TEST(Crc32c, PiecesGiveWhatTheWholeGives) {
    const Frame bytes = counting(3, 7);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        const std::uint32_t front = crc32c(crc32c_start, std::span(bytes).first(cut));
        EXPECT_EQ(~crc32c(front, std::span(bytes).subspan(cut)), slow_crc(bytes)) << cut;
    }
}

/// 40000 > 80, tag 0xDEADBEEF, one DATA chunk "balance me" with padding; the checksum at 8 was
/// computed by another program.
const Frame data_packet =
    bytes_of({0x9C, 0x40, 0x00, 0x50, 0xDE, 0xAD, 0xBE, 0xEF, 0x12, 0x99, 0xB1, 0x5E, 0x00, 0x00,
              0x00, 0x1A, 0x00, 0x00, 0x00, 0x07, 0x00, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00,
              0x62, 0x61, 0x6C, 0x61, 0x6E, 0x63, 0x65, 0x20, 0x6D, 0x65, 0x00, 0x00});
/// INIT, tag 0; likewise.
const Frame init_packet =
    bytes_of({0x9C, 0x40, 0x00, 0x50, 0x00, 0x00, 0x00, 0x00, 0xF7, 0x9B, 0x0D,
              0xAE, 0x01, 0x00, 0x00, 0x14, 0x12, 0x34, 0x56, 0x78, 0x00, 0x01,
              0xA0, 0x00, 0x00, 0x0A, 0x08, 0x00, 0x9A, 0xBC, 0xDE, 0xF0});

SctpHeader header_of(const Frame& packet) {
    SctpHeader header;
    std::memcpy(&header, packet.data(), sizeof(header));
    return header;
}

TEST(SctpChecksum, IsThatOfAKnownPacket) {
    for (const Frame& packet : {data_packet, init_packet}) {
        const SctpHeader header = header_of(packet);
        SctpChecksum sum(header);
        sum.add(std::span(packet).subspan(sizeof(header)));
        EXPECT_EQ(sum.field(), header.checksum);
    }
}

TEST(SctpChecksum, DoesNotDependOnTheFieldBefore) {
    SctpHeader header = header_of(data_packet);
    header.checksum = {1, 2, 3, 4};
    SctpChecksum sum(header);
    sum.add(std::span(data_packet).subspan(sizeof(header)));
    EXPECT_EQ(sum.field(), header_of(data_packet).checksum);
}

TEST(SctpChecksum, DoesNotDependOnWhereThePacketIsCut) {
    const auto rest = std::span(data_packet).subspan(sizeof(SctpHeader));
    for (std::size_t first = 0; first <= rest.size(); ++first)
        for (std::size_t second = 0; first + second <= rest.size(); ++second) {
            SctpChecksum sum(header_of(data_packet));
            sum.add(rest.first(first));
            sum.add(rest.subspan(first, second));
            sum.add(rest.subspan(first + second));
            ASSERT_EQ(sum.field(), header_of(data_packet).checksum) << first << ' ' << second;
        }
}

TEST(SctpChecksum, AnotherPortIsAnotherChecksum) {
    SctpHeader header = header_of(data_packet);
    header.destination = L4Port(81);
    SctpChecksum sum(header);
    sum.add(std::span(data_packet).subspan(sizeof(header)));
    Frame changed = data_packet;
    test::poke(changed, 3, {81});
    test::poke(changed, 8, {0, 0, 0, 0});
    const std::uint32_t crc = slow_crc(changed);
    EXPECT_EQ(sum.field(),
              (std::array<std::uint8_t, 4>{
                  static_cast<std::uint8_t>(crc), static_cast<std::uint8_t>(crc >> 8),
                  static_cast<std::uint8_t>(crc >> 16), static_cast<std::uint8_t>(crc >> 24)}));
}

}  // namespace
}  // namespace shunt
