// SPDX-License-Identifier: BSD-3-Clause
#include "net/byteorder.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <type_traits>

namespace shunt {
namespace {

template <class T>
std::array<unsigned char, sizeof(T)> wire(const T& value) {
    std::array<unsigned char, sizeof(T)> bytes;
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
}

TEST(BigEndian, WireBytesStartWithTheMostSignificant) {
    EXPECT_EQ(wire(Be16(0x1234)), (std::array<unsigned char, 2>{0x12, 0x34}));
    EXPECT_EQ(wire(Be32(0x12345678)), (std::array<unsigned char, 4>{0x12, 0x34, 0x56, 0x78}));
    EXPECT_EQ(wire(BigEndian<std::uint64_t>(1))[7], 1);
}

TEST(BigEndian, ValueAndRawUndoTheirConstructors) {
    for (const std::uint32_t v : {0U, 1U, 0x80U, 0x12345678U, 0xFFFFFFFFU}) {
        EXPECT_EQ(Be32(v).value(), v);
        EXPECT_EQ(Be32::from_raw(v).raw(), v);
        EXPECT_EQ(Be32::from_raw(Be32(v).raw()), Be32(v));
    }
    EXPECT_EQ(Be16().value(), 0);
}

TEST(BigEndian, OrdersByNumberNotByWireBytes) {
    EXPECT_LT(Be16(0x00FF), Be16(0x0100));
    EXPECT_GT(Be32(0x01000000), Be32(0x000000FF));
    EXPECT_NE(Be16(1), Be16::from_raw(Be16(0x0100).raw()));
}

TEST(BigEndian, ConvertsToNothingByItself) {
    EXPECT_FALSE((std::is_convertible_v<Be16, std::uint16_t>));
    EXPECT_FALSE((std::is_convertible_v<std::uint16_t, Be16>));
    EXPECT_FALSE((std::is_constructible_v<Be32, Be16>));
}

TEST(Byteswap, ReversesBytesOfEverySize) {
    EXPECT_EQ(byteswap(std::uint8_t{0x12}), 0x12);
    EXPECT_EQ(byteswap(std::uint16_t{0x1234}), 0x3412);
    EXPECT_EQ(byteswap(std::uint32_t{0x12345678}), 0x78563412U);
    EXPECT_EQ(byteswap(std::uint64_t{0x0102030405060708}), 0x0807060504030201ULL);
}

}  // namespace
}  // namespace shunt
