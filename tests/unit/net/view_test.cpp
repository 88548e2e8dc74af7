// SPDX-License-Identifier: BSD-3-Clause
#include "net/view.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "net/byteorder.h"
#include "net/headers.h"

namespace shunt {
namespace {

std::vector<std::byte> numbered(std::size_t length) {
    std::vector<std::byte> bytes(length);
    for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>(i);
    return bytes;
}

TEST(PacketReader, ReadsUpToTheLastByteAndNotBeyond) {
    const auto bytes = numbered(10);
    const PacketReader reader{bytes};
    EXPECT_EQ(reader.read<Be16>(0)->value(), 0x0001);
    EXPECT_EQ(reader.read<Be16>(8)->value(), 0x0809);
    EXPECT_EQ(reader.read<std::uint8_t>(9), 9);
    EXPECT_FALSE(reader.read<Be16>(9).has_value());
    EXPECT_FALSE(reader.read<std::uint8_t>(10).has_value());
    EXPECT_FALSE(reader.read<std::uint8_t>(11).has_value());
    EXPECT_FALSE(reader.read<Be32>(std::numeric_limits<std::size_t>::max()).has_value());
    EXPECT_FALSE(reader.read<Be32>(std::numeric_limits<std::size_t>::max() - 3).has_value());
    EXPECT_FALSE(reader.read<EthernetHeader>(0).has_value());
    EXPECT_FALSE(PacketReader().read<std::uint8_t>(0).has_value());
}

TEST(PacketReader, SubNeverReachesBeyondItsParent) {
    const auto bytes = numbered(10);
    const PacketReader reader{bytes};
    EXPECT_EQ(reader.sub(4).size(), 6U);
    EXPECT_EQ(reader.sub(4, 3).size(), 3U);
    EXPECT_EQ(reader.sub(4, 3).read<std::uint8_t>(0), 4);
    EXPECT_FALSE(reader.sub(4, 3).read<std::uint8_t>(3).has_value());
    EXPECT_EQ(reader.sub(4, 100).size(), 6U);
    EXPECT_EQ(reader.sub(10).size(), 0U);
    EXPECT_EQ(reader.sub(11).size(), 0U);
    EXPECT_EQ(reader.sub(std::numeric_limits<std::size_t>::max(), 5).size(), 0U);
    EXPECT_EQ(reader.sub(2).sub(3).bytes().data(), bytes.data() + 5);
}

TEST(PacketWriter, WritesWhollyOrNotAtAll) {
    auto bytes = numbered(6);
    const PacketWriter writer{bytes};
    EXPECT_TRUE(writer.write(4, Be16(0xAABB)));
    EXPECT_EQ(bytes[4], std::byte{0xAA});
    EXPECT_EQ(bytes[5], std::byte{0xBB});
    const auto before = bytes;
    EXPECT_FALSE(writer.write(5, Be16(0xCCDD)));
    EXPECT_FALSE(writer.write(6, std::uint8_t{1}));
    EXPECT_FALSE(writer.write(std::numeric_limits<std::size_t>::max(), std::uint8_t{1}));
    EXPECT_EQ(bytes, before);
    EXPECT_EQ(writer.reader().read<Be16>(4)->value(), 0xAABB);
}

TEST(PacketWriter, FixedIsAWindowOnTheSameBytes) {
    auto bytes = numbered(10);
    const PacketWriter writer{bytes};
    const auto window = writer.fixed<4>(6);
    ASSERT_TRUE(window.has_value());
    EXPECT_EQ((load<Be16, 2>(*window).value()), 0x0809);
    store<1>(*window, Be16(0x1122));
    EXPECT_EQ(bytes[7], std::byte{0x11});
    EXPECT_EQ(bytes[8], std::byte{0x22});
    EXPECT_EQ(bytes[6], std::byte{6});
    EXPECT_EQ(bytes[9], std::byte{9});
    EXPECT_FALSE(writer.fixed<4>(7).has_value());
    EXPECT_FALSE(writer.fixed<1>(10).has_value());
    EXPECT_FALSE(writer.fixed<11>(0).has_value());
    EXPECT_FALSE(writer.fixed<1>(std::numeric_limits<std::size_t>::max()).has_value());
}

}  // namespace
}  // namespace shunt
