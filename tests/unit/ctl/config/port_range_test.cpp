// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/port_range.h"

#include <gtest/gtest.h>

namespace shunt::ctl {
namespace {

PortRange range(std::uint16_t first, std::uint16_t last) {
    return {L4Port(first), L4Port(last)};
}

TEST(PortRange, IsOnePortOrAFirstAndALast) {
    EXPECT_EQ(parse_port_range("80"), range(80, 80));
    EXPECT_EQ(parse_port_range("80-90"), range(80, 90));
    EXPECT_EQ(parse_port_range("80-80"), range(80, 80));
    EXPECT_EQ(parse_port_range("255-256"), range(255, 256)) << "compared as numbers";
    EXPECT_EQ(parse_port_range("0-65535"), PortRange{});
    EXPECT_EQ(to_string(range(80, 80)), "80");
    EXPECT_EQ(to_string(range(1024, 65535)), "1024-65535");
}

TEST(PortRange, RefusesAnythingElse) {
    for (const auto* const text : {"", "-", "80-", "-80", "90-80", "256-255", "65536", "80-65536",
                                   "80-90-100", "http", "80 ", " 80", "+80", "0x50", "80,81"})
        EXPECT_FALSE(parse_port_range(text)) << text;
}

}  // namespace
}  // namespace shunt::ctl
