// SPDX-License-Identifier: BSD-3-Clause
#include "app/ftp/address_text.h"

#include <gtest/gtest.h>

#include <string>

namespace shunt::ftp {
namespace {

/// The endpoint, or what is wrong.
std::string said(const AddressText& parsed) {
    switch (parsed.problem) {
        case AddressProblem::none:
            return parsed.has_address ? to_string(parsed.endpoint)
                                      : ":" + std::to_string(parsed.endpoint.port.value());
        case AddressProblem::syntax:
            return "syntax";
        case AddressProblem::range:
            return "range";
        case AddressProblem::family:
            return "family";
        case AddressProblem::address:
            return "address";
        case AddressProblem::port:
            return "port";
        case AddressProblem::too_long:
            return "too long";
    }
    return "?";
}

std::string host_port(std::string_view text) {
    return said(parse_host_port(text));
}
std::string extended(std::string_view text) {
    return said(parse_extended(text));
}
std::string in_reply(std::string_view text) {
    return said(parse_extended_reply(text));
}

TEST(AddressText, SixNumbersAreAnAddressAndAPort) {
    EXPECT_EQ(host_port("132,235,1,2,24,131"), "132.235.1.2:6275");  // RFC 2428 has the same port
    EXPECT_EQ(host_port("0,0,0,0,0,1"), "0.0.0.0:1");
    EXPECT_EQ(host_port("255,255,255,255,255,255"), "255.255.255.255:65535");
    EXPECT_EQ(host_port("010,000,001,09,4,001"), "10.0.1.9:1025");
}

TEST(AddressText, AnythingElseIsNone) {
    for (const char* text :
         {"", ",", "1", "1,2,3,4,5", "1,2,3,4,5,", "1,2,3,4,5,6,", "1,2,3,4,5,6,7", ",1,2,3,4,5,6",
          "1,,3,4,5,6", " 1,2,3,4,5,6", "1,2,3,4,5,6 ", "1, 2,3,4,5,6", "+1,2,3,4,5,6",
          "-1,2,3,4,5,6", "1,2,3,4,5,x", "1.2.3.4,5,6", "0x1,2,3,4,5,6"})
        EXPECT_EQ(host_port(text), "syntax") << text;
    for (const char* text :
         {"256,2,3,4,5,6", "1,2,3,4,5,256", "1,2,3,4,999,6", "1,2,3,4294967297,5,6",
          "99999999999999999999,2,3,4,5,6", "0001,2,3,4,5,6"})
        EXPECT_EQ(host_port(text), "range") << text;
    EXPECT_EQ(host_port("1,2,3,4,0,0"), "port");
}

TEST(AddressText, ExtendedHasAFamilyAndAnyDelimiter) {
    EXPECT_EQ(extended("|1|132.235.1.2|6275|"), "132.235.1.2:6275");
    EXPECT_EQ(extended("|2|1080::8:800:200C:417A|5282|"), "[1080::8:800:200c:417a]:5282");
    EXPECT_EQ(extended("|2|2001:0db8:0000:0000:0000:0000:255.255.255.255|65535|"),
              "[2001:db8::ffff:ffff]:65535");
    EXPECT_EQ(extended("!1!10.0.0.1!1!"), "10.0.0.1:1");
    EXPECT_EQ(extended("~2~::1~00021~"), "[::1]:21");
    EXPECT_EQ(extended(",1,10.0.0.1,1,"), "10.0.0.1:1");
    for (const char c : {' ', '\t', '\x7F', '\x80', '\0'}) {
        std::string text = "|1|10.0.0.1|1|";
        std::replace(text.begin(), text.end(), '|', c);
        EXPECT_EQ(extended(text), "syntax") << int{c};
    }
}

TEST(AddressText, ExtendedIsRefusedForOneReason) {
    for (const char* text : {"", "|", "||||", "|||", "|1|10.0.0.1|1", "|1|10.0.0.1|1||",
                             "1|10.0.0.1|1|", "|1|10.0.0.1||", "|1|10.0.0.1|x|", "|1|10.0.0.1|+1|",
                             "|||1|", "||10.0.0.1|1|", "|x|10.0.0.1|1|", "|1|10.0.0.1|1| "})
        EXPECT_EQ(extended(text), "syntax") << text;
    EXPECT_EQ(extended("|3|10.0.0.1|1|"), "family");
    EXPECT_EQ(extended("|0|10.0.0.1|1|"), "family");
    EXPECT_EQ(extended("|1|::1|1|"), "address");
    EXPECT_EQ(extended("|2|10.0.0.1|1|"), "address");
    EXPECT_EQ(extended("|1|10.0.0|1|"), "address");
    EXPECT_EQ(extended("|1|10.0.0.256|1|"), "address");
    EXPECT_EQ(extended("|1||1|"), "address");
    EXPECT_EQ(extended("|2|fe80::1%eth0|1|"), "address");
    EXPECT_EQ(extended("|2|" + std::string(46, '0') + "|1|"), "address");
    EXPECT_EQ(extended("|1|10.0.0.1|65536|"), "range");
    EXPECT_EQ(extended("|1|10.0.0.1|000001|"), "range");
    EXPECT_EQ(extended("|65536|10.0.0.1|1|"), "range");
    EXPECT_EQ(extended("|1|10.0.0.1|0|"), "port");
}

TEST(AddressText, AddressesOfBothFamiliesAreReadWhole) {
    for (const auto& [text, endpoint] : std::vector<std::pair<std::string, std::string>>{
             {"|1|192.0.2.1|1024|", "192.0.2.1:1024"},
             {"|2|2001:db8::1|65535|", "[2001:db8::1]:65535"},
             {"|2|2001:db8::1|21|", "[2001:db8::1]:21"},
             {"|2|::|1|", "[::]:1"},
             {"|2|ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff|65535|",
              "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
             {std::string("|1|10.0.0.1\0x|21|", 17), "address"}})
        EXPECT_EQ(extended(text), endpoint) << text;
}

TEST(AddressText, RepliesMayLackTheAddress) {
    EXPECT_EQ(in_reply("|||6446|"), ":6446");
    EXPECT_EQ(in_reply("!!!6446!"), ":6446");
    EXPECT_EQ(in_reply("|1||6446|"), ":6446");
    EXPECT_EQ(in_reply("|1|10.0.0.1|6446|"), "10.0.0.1:6446");
    EXPECT_EQ(in_reply("|2|::1|6446|"), "[::1]:6446");
    EXPECT_EQ(in_reply("|||0|"), "port");
    EXPECT_EQ(in_reply("|||70000|"), "range");
    EXPECT_EQ(in_reply("||||"), "syntax");
    EXPECT_EQ(in_reply("|||6446"), "syntax");
}

TEST(AddressText, WhatIsPrintedIsReadAgain) {
    ShortText text;
    append_host_port(text, parse_address("10.0.200.255")->v4(), L4Port(std::uint16_t{1025}));
    EXPECT_EQ(text.view(), "10,0,200,255,4,1");
    EXPECT_EQ(host_port(text.view()), "10.0.200.255:1025");
    text.clear();
    append_host_port(text, parse_address("255.255.255.255")->v4(), L4Port(std::uint16_t{65535}));
    EXPECT_EQ(text.view(), "255,255,255,255,255,255");
    text.clear();
    append_extended_port(text, L4Port(std::uint16_t{6446}));
    EXPECT_EQ(text.view(), "|||6446|");
}

TEST(ShortText, HoldsWhatAnEditMayHave) {
    ShortText text;
    EXPECT_TRUE(text.empty());
    EXPECT_TRUE(text.append(std::string(54, 'x')));
    EXPECT_FALSE(text.append("ab"));
    EXPECT_EQ(text.view(), std::string(54, 'x'));
    EXPECT_TRUE(text.append('a'));
    EXPECT_FALSE(text.append('b'));
    EXPECT_FALSE(text.append_number(7));
    EXPECT_EQ(text.view(), std::string(54, 'x') + "a");
    text.clear();
    EXPECT_TRUE(text.append_number(4294967295U));
    EXPECT_EQ(text.view(), "4294967295");
}

}  // namespace
}  // namespace shunt::ftp
