// SPDX-License-Identifier: BSD-3-Clause
// The reference here is RFC 1071 the obvious way, and the builder's own verifier.
#include "net/checksum.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "net/headers.h"
#include "support/packet_builder.h"

namespace shunt {
namespace {

using test::bytes_of;
using test::Frame;

/// The checksum field's wire bytes as a number, first byte first.
std::uint16_t reference(std::span<const std::byte> bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += std::to_integer<std::uint64_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

/// 0 and 0xFFFF are the same number in one's complement.
std::uint16_t one_zero(std::uint16_t checksum) {
    return checksum == 0xFFFF ? std::uint16_t{0} : checksum;
}

TEST(Checksum, OfThePublishedExample) {
    // RFC 1071 section 3: the sum of these bytes is ddf2.
    const Frame bytes = bytes_of({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7});
    EXPECT_EQ(Be16::from_raw(checksum(bytes)).value(), 0xFFFF ^ 0xddf2);
    EXPECT_EQ(Be16::from_raw(checksum({})).value(), 0xFFFF);
}

TEST(Checksum, EveryLengthAndAlignmentEqualsTheReference) {
    std::mt19937 random(1);
    Frame bytes(1700);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    for (std::size_t start = 0; start < 9; ++start)
        for (std::size_t length = 0; start + length <= bytes.size();
             length += length < 80 ? 1 : 37) {
            const auto piece = std::span(bytes).subspan(start, length);
            ASSERT_EQ(Be16::from_raw(checksum(piece)).value(), reference(piece))
                << "start " << start << " length " << length;
        }
}

TEST(Checksum, LongestPacketOfOnesDoesNotOverflow) {
    const Frame bytes(65535, std::byte{0xFF});
    EXPECT_EQ(Be16::from_raw(checksum(bytes)).value(), reference(bytes));
    // The same with a start value, as a pseudo-header gives it, and in two pieces.
    const std::span all(bytes);
    const std::uint32_t sum = checksum_add(checksum_add(0x1FFFE, all.first(65534)), all.last(1));
    Frame joined = bytes_of({0xFF, 0xFF, 0xFF, 0xFF});
    joined.insert(joined.end(), bytes.begin(), bytes.end());
    EXPECT_EQ(Be16::from_raw(static_cast<std::uint16_t>(~fold(sum))).value(), reference(joined));
}

TEST(Checksum, PiecesOfEvenLengthAddUp) {
    const Frame bytes =
        test::PacketBuilder().ipv6("2001:db8::1", "2001:db8::2").tcp(1, 2).payload(99).build();
    const std::span all(bytes);
    for (std::size_t cut = 0; cut <= bytes.size(); cut += 2) {
        const std::uint32_t sum = checksum_add(checksum_add(0, all.first(cut)), all.subspan(cut));
        ASSERT_EQ(static_cast<std::uint16_t>(~fold(sum)), checksum(bytes)) << cut;
    }
}

TEST(Checksum, IsZeroOverARegionThatIncludesARightOne) {
    const Frame frame = test::PacketBuilder().ipv4("192.0.2.7", "198.51.100.10").tcp(1, 2).build();
    EXPECT_EQ(checksum(std::span(frame).subspan(14, 20)), 0);
    Frame bad = frame;
    bad[20] ^= std::byte{1};
    EXPECT_NE(checksum(std::span(bad).subspan(14, 20)), 0);
}

TEST(Fold, KeepsTheOnesComplementValue) {
    EXPECT_EQ(fold(0), 0);
    EXPECT_EQ(fold(0xFFFF), 0xFFFF);
    EXPECT_EQ(fold(0x10000), 1);
    EXPECT_EQ(fold(0x1FFFF), 1);
    EXPECT_EQ(fold(0xFFFFFFFF), 0xFFFF);
    EXPECT_EQ(fold(0xFFFF0001), 1);
}

/// A region of 40 bytes whose first two hold its checksum, with random changes of one kind.
class IncrementalChecksum : public ::testing::Test {
  protected:
    IncrementalChecksum() {
        for (std::byte& b : region_) b = static_cast<std::byte>(random_());
        set(recomputed());
    }
    template <class T>
    T get(std::size_t at) const {
        T value;
        std::memcpy(&value, region_.data() + at, sizeof(T));
        return value;
    }
    template <class T>
    void put(std::size_t at, const T& value) {
        std::memcpy(region_.data() + at, &value, sizeof(T));
    }
    template <class T>
    T random_value() {
        std::array<std::uint8_t, sizeof(T)> bytes{};
        // Many zeros and ones: that is where one's complement goes wrong.
        const auto kind = random_() % 4;
        for (std::uint8_t& b : bytes)
            b = kind == 0   ? std::uint8_t{0}
                : kind == 1 ? std::uint8_t{0xFF}
                            : static_cast<std::uint8_t>(random_());
        T value;
        std::memcpy(&value, bytes.data(), sizeof(T));
        return value;
    }
    void set(std::uint16_t field) { put(0, Be16(field)); }
    std::uint16_t field() const { return get<Be16>(0).value(); }
    std::uint16_t recomputed() const {
        return reference(std::span<const std::byte>(region_).subspan(2));
    }
    /// Replaces a value and the checksum field, by `Change(before, after) -> delta`.
    template <class T>
    ChecksumDelta change(std::size_t at) {
        const T before = get<T>(at);
        const T after = random_value<T>();
        put(at, after);
        return ChecksumDelta::replace(before, after);
    }
    void apply(ChecksumDelta delta) { put(0, Be16::from_raw(delta.apply(get<Be16>(0).raw()))); }

    std::mt19937 random_{2};
    std::array<std::byte, 40> region_{};
};

TEST_F(IncrementalChecksum, EqualsAFullRecomputeOverAMillionChanges) {
    for (int i = 0; i < 250'000; ++i) {
        apply(change<Be16>(2 + random_() % 19 * 2));
        ASSERT_EQ(one_zero(field()), one_zero(recomputed())) << "Be16, step " << i;
        apply(change<Ipv4Address>(2 + random_() % 18 * 2));
        ASSERT_EQ(one_zero(field()), one_zero(recomputed())) << "IPv4, step " << i;
        apply(change<Ipv6Address>(2 + random_() % 12 * 2));
        ASSERT_EQ(one_zero(field()), one_zero(recomputed())) << "IPv6, step " << i;
        apply(change<Ipv4Address>(4) + change<Be16>(10));
        ASSERT_EQ(one_zero(field()), one_zero(recomputed())) << "endpoint, step " << i;
    }
}

TEST_F(IncrementalChecksum, AReversedDeltaTakesTheChangeBack) {
    for (int i = 0; i < 100'000; ++i) {
        const auto before = region_;
        const ChecksumDelta delta = change<Ipv6Address>(8) + change<L4Port>(30);
        apply(delta);
        ASSERT_EQ(one_zero(field()), one_zero(recomputed())) << i;
        region_ = before;
        set(reference(std::span<const std::byte>(region_).subspan(2)));
        const std::uint16_t original = field();
        apply(delta);
        apply(delta.reversed());
        ASSERT_EQ(one_zero(field()), one_zero(original)) << i;
        put(8, random_value<Ipv6Address>());
        set(recomputed());
    }
}

TEST(ChecksumDelta, OfNoChangeLeavesEveryChecksumRight) {
    const ChecksumDelta same = ChecksumDelta::replace(Be32(0x12345678), Be32(0x12345678));
    for (std::uint32_t c = 0; c <= 0xFFFF; ++c) {
        ASSERT_EQ(one_zero(same.apply(static_cast<std::uint16_t>(c))),
                  one_zero(static_cast<std::uint16_t>(c)));
        ASSERT_EQ(ChecksumDelta().apply(static_cast<std::uint16_t>(c)), c);
    }
}

TEST(ChecksumDelta, NeverTurnsARightHeaderIntoOneThatAReceiverRefuses) {
    // RFC 1624 section 3: the example in which equation 2 gives 0xFFFF where 0x0000 is right.
    const ChecksumDelta delta = ChecksumDelta::replace(Be16(0x5555), Be16(0x3285));
    EXPECT_EQ(Be16::from_raw(delta.apply(Be16(0xDD2F).raw())).value(), 0x0000);
}

}  // namespace
}  // namespace shunt
