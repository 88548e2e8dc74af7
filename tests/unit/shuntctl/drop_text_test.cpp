// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/drop_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "shuntctl/rpc_client.h"
#include "support/packet_builder.h"

namespace shunt::cli {
namespace {

using test::Frame;
using test::PacketBuilder;
using ::testing::HasSubstr;

std::string text_of(const Frame& frame) {
    return packet_text(frame, static_cast<std::uint32_t>(frame.size()));
}

TEST(DropText, TellsTheHeadersOfAFrame) {
    const auto packet = PacketBuilder().ip("192.0.2.1", "192.0.2.10").ttl(63);
    EXPECT_EQ(text_of(PacketBuilder(packet).tcp(40000, 80, TcpHeader::syn).build()),
              "tcp 192.0.2.1:40000 > 192.0.2.10:80 SYN, ttl 63");
    EXPECT_EQ(text_of(PacketBuilder(packet).udp(53, 53).build()),
              "udp 192.0.2.1:53 > 192.0.2.10:53, ttl 63");
    EXPECT_EQ(text_of(PacketBuilder(packet).vlan(10).icmp(3, 3).build()),
              "icmp 192.0.2.1 > 192.0.2.10 type 3, ttl 63, vlan 10");
    EXPECT_EQ(text_of(PacketBuilder()
                          .ip("2001:db8::1", "2001:db8::2")
                          .ttl(9)
                          .tcp(1, 2, TcpHeader::rst | TcpHeader::ack)
                          .build()),
              "tcp [2001:db8::1]:1 > [2001:db8::2]:2 RST ACK, ttl 9");
}

TEST(DropText, APacketWithoutLinkLayerHeaderIsRead) {
    for (const auto& [source, destination] :
         {std::pair{"192.0.2.1", "192.0.2.10"}, {"2001:db8::1", "2001:db8::2"}}) {
        const Frame frame = PacketBuilder().ip(source, destination).udp(5, 6).build();
        EXPECT_EQ(text_of(test::network_part(frame)), text_of(frame));
    }
}

TEST(DropText, OnlyTheFirstBytesAreNeeded) {
    const Frame frame =
        PacketBuilder().ip("192.0.2.1", "192.0.2.10").udp(5, 6).payload(std::size_t{900}).build();
    const auto length = static_cast<std::uint32_t>(frame.size());
    EXPECT_EQ(packet_text(std::span(frame).first(128), length), text_of(frame));
}

TEST(DropText, WhatIsNoPacketIsSaid) {
    EXPECT_EQ(text_of(Frame(3)), "cannot be read: truncated");
    EXPECT_EQ(text_of({}), "cannot be read: truncated");
    Frame arp(60);
    arp[12] = std::byte{0x08};
    arp[13] = std::byte{0x06};
    EXPECT_EQ(text_of(arp), "no IP, Ethernet type 0x0806");
}

TEST(DropText, SamplesMakeATable) {
    const auto result = boost::json::parse(R"({"drops": [
        {"reason": "martian", "worker": 1, "time": 1700000000.25, "port": "wan0", "twin": true,
         "length": 60, "bytes": "000000000000000000000000080600010203"},
        {"reason": "no_route", "worker": 0, "time": 1699999999, "port": null, "twin": false,
         "length": 3, "bytes": "010203"}]})");
    const auto table = drops_text(result, false);
    EXPECT_THAT(table, HasSubstr("martian"));
    EXPECT_THAT(table, HasSubstr(".250"));
    EXPECT_THAT(table, HasSubstr("wan0 (twin)"));
    EXPECT_THAT(table, HasSubstr("Ethernet type 0x0806"));
    EXPECT_THAT(table, HasSubstr("cannot be read: truncated"));
    EXPECT_THAT(drops_text(result, true), HasSubstr("    0010  02 03\n"));
    EXPECT_EQ(drops_text(boost::json::parse(R"({"drops": []})"), true), "no packet was dropped\n");
    EXPECT_THROW(drops_text(boost::json::parse(R"({"drops": [{"bytes": "0g"}]})"), true),
                 Unreachable);
}

}  // namespace
}  // namespace shunt::cli
