// SPDX-License-Identifier: BSD-3-Clause
#include "net/address.h"

#include <gtest/gtest.h>

#include <vector>

namespace shunt {
namespace {

using namespace std::literals;

IpAddress address(std::string_view text) {
    return parse_address(text).value();
}

TEST(IpAddress, TextFormsAreCanonical) {
    struct Row {
        std::string_view in;
        std::string_view out;
    };
    // IPv6 rows: RFC 5952 section 4.
    for (const Row& row : std::vector<Row>{{"0.0.0.0", "0.0.0.0"},
                                           {"255.255.255.255", "255.255.255.255"},
                                           {"192.0.2.7", "192.0.2.7"},
                                           {"::", "::"},
                                           {"::1", "::1"},
                                           {"2001:0db8:0:0:0:0:0:0001", "2001:db8::1"},
                                           {"2001:DB8::ABCD", "2001:db8::abcd"},
                                           {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
                                           {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
                                           {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                                           {"::ffff:192.0.2.1", "::ffff:192.0.2.1"}}) {
        const auto a = parse_address(row.in);
        ASSERT_TRUE(a.has_value()) << row.in;
        EXPECT_EQ(to_string(*a), row.out);
        EXPECT_EQ(a->family(), row.in.find(':') == row.in.npos ? Family::ipv4 : Family::ipv6);
    }
}

TEST(IpAddress, OtherTextIsNone) {
    for (const std::string_view text : {""sv,
                                        " "sv,
                                        "1.2.3"sv,
                                        "1.2.3.4.5"sv,
                                        "1.2.3.256"sv,
                                        "1.2.3.-4"sv,
                                        "1.2.3.4 "sv,
                                        " 1.2.3.4"sv,
                                        "1.2.3.4\0"sv,
                                        "1.2.3.4\0x"sv,
                                        "0x7f.0.0.1"sv,
                                        "127.1"sv,
                                        "localhost"sv,
                                        "1.2.3.4/24"sv,
                                        ":"sv,
                                        ":::"sv,
                                        "1::2::3"sv,
                                        "2001:db8::12345"sv,
                                        "1:2:3:4:5:6:7"sv,
                                        "1:2:3:4:5:6:7:8:9"sv,
                                        "fe80::1%eth0"sv,
                                        "[::1]"sv,
                                        "2001:db8::g"sv,
                                        "::1\0"sv})
        EXPECT_FALSE(parse_address(text).has_value()) << text;
    EXPECT_FALSE(parse_address(std::string(5000, '1')).has_value());
    EXPECT_FALSE(parse_address(std::string(5000, ':')).has_value());
}

TEST(IpAddress, TextIsReadOnlyToItsEnd) {
    const std::string longer = "192.0.2.123";
    EXPECT_EQ(to_string(parse_address(std::string_view(longer).substr(0, 9)).value()), "192.0.2.1");
}

TEST(IpAddress, BytesAreWireBytes) {
    const Ipv4Address a = address("1.2.3.4").v4();
    EXPECT_EQ(a.word.value(), 0x01020304U);
    const Ipv6Address b = address("102:304:506:708:90a:b0c:d0e:f10").v6();
    for (std::uint8_t i = 0; i < 16; ++i) EXPECT_EQ(b.bytes[i], i + 1);
}

TEST(IpAddress, ValuesThatDifferDoNotCompareEqual) {
    EXPECT_NE(address("0.0.0.0"), address("::"));
    EXPECT_NE(IpAddress(), address("::"));
    EXPECT_EQ(IpAddress(), address("0.0.0.0"));
    EXPECT_LT(address("9.255.255.255"), address("10.0.0.0"));
    EXPECT_LT(address("2001:db8::1"), address("2001:db8::2"));
    EXPECT_EQ(address("10.0.0.1").bits(), 32U);
    EXPECT_EQ(address("::").bits(), 128U);
}

TEST(IpAddress, VisitCallsForTheRightFamily) {
    const auto size = [](const auto& a) { return sizeof(a); };
    EXPECT_EQ(address("10.0.0.1").visit(size), 4U);
    EXPECT_EQ(address("::1").visit(size), 16U);
}

TEST(IpAddress, KindsAtTheirEdges) {
    struct Row {
        std::string_view text;
        bool multicast, loopback, broadcast, link_local, unspecified;
    };
    for (const Row& row : std::vector<Row>{{"223.255.255.255", false, false, false, false, false},
                                           {"224.0.0.0", true, false, false, false, false},
                                           {"239.255.255.255", true, false, false, false, false},
                                           {"240.0.0.0", false, false, false, false, false},
                                           {"255.255.255.255", false, false, true, false, false},
                                           {"127.0.0.0", false, true, false, false, false},
                                           {"127.255.255.255", false, true, false, false, false},
                                           {"128.0.0.0", false, false, false, false, false},
                                           {"0.0.0.0", false, false, false, false, true},
                                           {"::", false, false, false, false, true},
                                           {"::1", false, true, false, false, false},
                                           {"::2", false, false, false, false, false},
                                           {"1::1", false, false, false, false, false},
                                           {"fe7f::1", false, false, false, false, false},
                                           {"fe80::1", false, false, false, true, false},
                                           {"febf::1", false, false, false, true, false},
                                           {"fec0::1", false, false, false, false, false},
                                           {"feff::1", false, false, false, false, false},
                                           {"ff00::", true, false, false, false, false},
                                           {"ff02::1", true, false, false, false, false}}) {
        address(row.text).visit([&](const auto& a) {
            EXPECT_EQ(a.is_multicast(), row.multicast) << row.text;
            EXPECT_EQ(a.is_loopback(), row.loopback) << row.text;
            EXPECT_EQ(a.is_broadcast(), row.broadcast) << row.text;
            EXPECT_EQ(a.is_link_local(), row.link_local) << row.text;
            EXPECT_EQ(a.is_unspecified(), row.unspecified) << row.text;
        });
    }
}

TEST(Endpoint, TextFormsGoBothWays) {
    for (const std::string_view text : {"192.0.2.1:80"sv, "192.0.2.1:0"sv, "0.0.0.0:65535"sv,
                                        "[2001:db8::1]:443"sv, "[::]:0"sv}) {
        const auto e = parse_endpoint(text);
        ASSERT_TRUE(e.has_value()) << text;
        EXPECT_EQ(to_string(*e), text);
    }
    EXPECT_EQ(parse_endpoint("[2001:db8::1]:443")->port.value(), 443);
    EXPECT_EQ(parse_endpoint("192.0.2.1:80")->address, address("192.0.2.1"));
}

TEST(Endpoint, OtherTextIsNone) {
    for (const std::string_view text : {""sv,
                                        ":"sv,
                                        ":80"sv,
                                        "192.0.2.1"sv,
                                        "192.0.2.1:"sv,
                                        "192.0.2.1:65536"sv,
                                        "192.0.2.1:-1"sv,
                                        "192.0.2.1:+1"sv,
                                        "192.0.2.1: 80"sv,
                                        "192.0.2.1:80 "sv,
                                        "192.0.2.1:80\0"sv,
                                        "192.0.2.1:80:80"sv,
                                        "192.0.2.1:http"sv,
                                        "192.0.2.1:0x50"sv,
                                        "192.0.2.1:99999999999999999999"sv,
                                        "2001:db8::1"sv,
                                        "[2001:db8::1]"sv,
                                        "[2001:db8::1]:"sv,
                                        "[2001:db8::1:80"sv,
                                        "2001:db8::1]:80"sv,
                                        "[]:80"sv,
                                        "[2001:db8::1]80"sv,
                                        "[2001:db8::1]:80]"sv,
                                        "[192.0.2.1]:80"sv,
                                        "2001:db8:1:2:3:4:5:6:80"sv,
                                        "["sv,
                                        "]"sv,
                                        "]:80"sv,
                                        "[[::1]]:80"sv})
        EXPECT_FALSE(parse_endpoint(text).has_value()) << text;
}

TEST(IpPrefix, TextFormsGoBothWays) {
    for (const std::string_view text :
         {"192.0.2.0/24"sv, "0.0.0.0/0"sv, "128.0.0.0/1"sv, "192.0.2.1/32"sv, "192.0.2.254/31"sv,
          "::/0"sv, "2001:db8::/32"sv, "2001:db8::8/125"sv, "::1/128"sv}) {
        const auto p = parse_prefix(text);
        ASSERT_TRUE(p.has_value()) << text;
        EXPECT_EQ(to_string(*p), text);
    }
    EXPECT_EQ(parse_prefix("192.0.2.1")->length, 32);
    EXPECT_EQ(parse_prefix("2001:db8::1")->length, 128);
}

TEST(IpPrefix, HostBitsAndOtherTextAreRefused) {
    for (const std::string_view text : {""sv,
                                        "/"sv,
                                        "/24"sv,
                                        "192.0.2.0/"sv,
                                        "192.0.2.0/33"sv,
                                        "192.0.2.0/-1"sv,
                                        "192.0.2.0/+24"sv,
                                        "192.0.2.0/ 24"sv,
                                        "192.0.2.0/24 "sv,
                                        "192.0.2.0/24/24"sv,
                                        "192.0.2.0/255.255.255.0"sv,
                                        "192.0.2.0/280"sv,
                                        "::/129"sv,
                                        "192.0.2.1/31"sv,
                                        "192.0.2.1/24"sv,
                                        "0.0.0.1/0"sv,
                                        "192.0.2.0/22"sv,
                                        "2001:db8::1/32"sv,
                                        "2001:db8::8/124"sv,
                                        "8000::/0"sv,
                                        "2001:db8:0:1::/63"sv})
        EXPECT_FALSE(parse_prefix(text).has_value()) << text;
}

TEST(MacAddress, TextFormsGoBothWays) {
    const auto a = parse_mac("02:00:5E:10:aB:ff");
    ASSERT_TRUE(a.has_value());
    EXPECT_EQ(to_string(*a), "02:00:5e:10:ab:ff");
    EXPECT_EQ(a->bytes, (std::array<std::uint8_t, 6>{0x02, 0x00, 0x5e, 0x10, 0xab, 0xff}));
    for (const std::string_view text :
         {""sv, "02:00:5e:10:ab"sv, "02:00:5e:10:ab:"sv, "02:00:5e:10:ab:fg"sv,
          "02:00:5e:10:ab:ff:"sv, "02:00:5e:10:ab:ff:00"sv, "02:00:5e:10:ab:fff"sv,
          " 02:00:5e:10:ab:ff"sv, "02:00:5e:10:ab:ff "sv, "02:00:5e:10:ab:-1"sv,
          "02:00:5e:10:ab:+1"sv, "02:00:5e:10:ab: 1"sv, "0200:5e10:abff:00000"sv})
        EXPECT_FALSE(parse_mac(text).has_value()) << text;
}

TEST(MacAddress, GroupBitIsTheLowestOfTheFirstByte) {
    EXPECT_TRUE(parse_mac("ff:ff:ff:ff:ff:ff")->is_group());
    EXPECT_TRUE(parse_mac("01:00:5e:00:00:01")->is_group());
    EXPECT_FALSE(parse_mac("02:01:01:01:01:01")->is_group());
}

TEST(Protocol, NamesGoBothWays) {
    for (const std::string_view text : {"tcp"sv, "udp"sv, "sctp"sv}) {
        ASSERT_TRUE(parse_protocol(text).has_value()) << text;
        EXPECT_EQ(to_string(*parse_protocol(text)), text);
    }
    EXPECT_EQ(parse_protocol("tcp"), Protocol::tcp);
    EXPECT_EQ(parse_protocol("udp"), Protocol::udp);
    EXPECT_EQ(parse_protocol("sctp"), Protocol::sctp);
    for (const std::string_view text : {""sv, "icmp"sv, "none"sv, "tc"sv, "tcpp"sv, "6"sv})
        EXPECT_FALSE(parse_protocol(text).has_value()) << text;
}

}  // namespace
}  // namespace shunt
