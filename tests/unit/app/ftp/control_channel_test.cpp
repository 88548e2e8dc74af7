// SPDX-License-Identifier: BSD-3-Clause
#include "app/ftp/control_channel.h"

#include <gtest/gtest.h>

#include <string>

#include "support/ftp_talk.h"

namespace shunt::ftp {
namespace {

using test::FtpTalk;
using Strings = std::vector<std::string>;

const std::string handshake = std::string("\x16\x03\x03\0\x04", 5) + "PORT";
const std::string farewell = std::string("\x15\x03\x03\0\x02", 5) + "xx";

/// Calls `check` with segments of 1 to 60 bytes, and of all that is said at once.
template <class Fn>
void for_any_cut(Fn&& check) {
    for (std::size_t size = 0; size <= 60; ++size) {
        SCOPED_TRACE(size);
        check(size);
    }
}

TEST(ControlChannel, PassiveRepliesNameTheVirtualEndpoint) {
    for_any_cut([](std::size_t size) {
        FtpTalk talk("198.51.100.4", "10.0.0.2");
        talk.server("220 (vsFTPd 3.0.3)\r\n", size);
        talk.client("USER a\r\nPASS b\r\nPASV\r\nEPSV\r\n", size);
        talk.server("331 Please specify the password.\r\n230 Login successful.\r\n", size);
        talk.server(
            "227 Entering Passive Mode (10,0,0,2,156,64).\r\n"
            "229 Entering Extended Passive Mode (|||40001|)\r\n221 Goodbye.\r\n",
            size);
        EXPECT_EQ(
            talk.at_client,
            "220 (vsFTPd 3.0.3)\r\n331 Please specify the password.\r\n230 Login successful.\r\n"
            "227 Entering Passive Mode (203,0,113,7,195,80).\r\n"
            "229 Entering Extended Passive Mode (|||50001|)\r\n221 Goodbye.\r\n");
        EXPECT_EQ(talk.at_server, "USER a\r\nPASS b\r\nPASV\r\nEPSV\r\n");
        EXPECT_EQ(talk.connections.asked,
                  (Strings{"passive 10.0.0.2:40000", "passive 10.0.0.2:40001"}));
        EXPECT_EQ(talk.counters.passive, 2U);
    });
}

TEST(ControlChannel, PortsOfTheClientPassAndOthersAreNeutralised) {
    for_any_cut([](std::size_t size) {
        FtpTalk talk("198.51.100.4", "10.0.0.2");
        const std::string good = "PORT 198,051,100,4,4,1 \r\nEPRT !1!198.51.100.4!2000!\n";
        talk.client(good + "PORT 10,0,0,3,0,22\r\nLIST\r\nEPRT |1|10.0.0.9|2000|\n" + "PORT " +
                        std::string(700, '1') + "\r\nQUIT\r\n",
                    size);
        EXPECT_EQ(talk.at_server,
                  good + "PORT refused\r\nLIST\r\nEPRT refused\nPORT refused\r\nQUIT\r\n");
        EXPECT_EQ(talk.connections.asked,
                  (Strings{"active 198.51.100.4:1025", "active 198.51.100.4:2000"}));
        EXPECT_EQ(talk.counters.active, 2U);
        EXPECT_EQ(talk.counters.active_foreign, 2U);
        EXPECT_EQ(talk.counters.active_malformed, 1U);
    });
}

TEST(ControlChannel, LongAddressesAreNeutralised) {
    for_any_cut([](std::size_t size) {
        FtpTalk talk("198.51.100.4", "10.0.0.2");
        talk.client("LPRT 4,4,198,51,100,4,2,7,208\r\nLPSV\r\nlpsv \nPASV\r\n", size);
        EXPECT_EQ(talk.at_server, "LPRT refused\r\nLPSVrefused\r\nlpsvrefused\nPASV\r\n");
        talk.server("220 .\r\n501 .\r\n500 .\r\n500 .\r\n227 (10,0,0,2,156,64)\r\n", size);
        EXPECT_EQ(talk.connections.asked, (Strings{"passive 10.0.0.2:40000"}));
        EXPECT_EQ(talk.counters.active_malformed, 3U);
        EXPECT_EQ(talk.counters.passive, 1U);
    });
}

TEST(ControlChannel, WithoutRoomForConnectionsBothSidesAreToldSo) {
    for_any_cut([](std::size_t size) {
        FtpTalk talk("2001:db8::4", "2001:db8::2");
        talk.connections.room = false;
        talk.client("EPRT |2|2001:db8::4|2000|\r\nEPSV 2\r\n", size);
        talk.server("229 Ok (|||40001|)\r\n", size);
        EXPECT_EQ(talk.at_server, "EPRT refused\r\nEPSV 2\r\n");
        EXPECT_EQ(talk.at_client, "229 Ok (|||0|)\r\n");
        EXPECT_EQ(talk.counters.active_no_room, 1U);
        EXPECT_EQ(talk.counters.active, 0U);
        EXPECT_EQ(talk.counters.passive_withheld, 1U);
    });
}

TEST(ControlChannel, WhatIsUnaskedOrNoAddressStaysAsItIs) {
    for_any_cut([](std::size_t size) {
        FtpTalk talk("198.51.100.4", "10.0.0.2");
        const std::string text =
            "227 (10,0,0,2,4,1)\r\n227 1,2,3 and 300,1,1,1,1,1\r\n"
            "229 (x) ((|||1|) (|||77|)\r\n211-\r\n227 (10,0,0,2,4,1)\r\n211 .\r\n";
        talk.server(text, size);
        EXPECT_EQ(talk.at_client, text);
        EXPECT_TRUE(talk.connections.asked.empty());
        EXPECT_EQ(talk.counters.passive_unasked, 2U);
        EXPECT_EQ(talk.counters.passive_malformed, 1U);
        EXPECT_TRUE(talk.channel.edits(Direction::from_server).untouched());
    });
}

TEST(ControlChannel, TlsIsLeftAloneAndTextBehindItIsRead) {
    for_any_cut([](std::size_t size) {
        FtpTalk talk("198.51.100.4", "10.0.0.2");
        talk.server("220 x\r\n").client("AUTH TLS\r\n", size).server("234 go\r\n", size);
        EXPECT_TRUE(talk.channel.opaque(Direction::from_client));
        talk.client(handshake, size)
            .server(handshake + "\x17\x03\x03" + std::string("\0\x01x", 3), size);
        EXPECT_EQ(talk.counters.tls, 1U);
        EXPECT_EQ(talk.counters.tls_over, 0U);
        talk.client(farewell + "PASV\r\n", size)
            .server(farewell + "227 (10,0,0,2,156,64)\r\n", size);
        EXPECT_FALSE(talk.channel.opaque(Direction::from_server));
        EXPECT_EQ(talk.counters.tls_over, 1U);
        EXPECT_EQ(talk.counters.tls_lost, 0U);
        EXPECT_TRUE(talk.at_client.ends_with(farewell + "227 (203,0,113,7,195,80)\r\n"));
        EXPECT_TRUE(talk.at_server.ends_with(farewell + "PASV\r\n"));
    });
}

TEST(ControlChannel, AfterTlsThatIsLostNothingIsRead) {
    FtpTalk talk("198.51.100.4", "10.0.0.2");
    talk.client("AUTH TLS\r\n").server("234 go\r\n").client("\x01\x02\x03\x04\x05");
    EXPECT_EQ(talk.counters.tls_lost, 1U);
    talk.client("PORT 10,0,0,3,0,22\r\n");
    EXPECT_TRUE(talk.at_server.ends_with("PORT 10,0,0,3,0,22\r\n"));
    EXPECT_EQ(talk.counters.tls_lost, 1U);
    EXPECT_EQ(talk.counters.active_foreign, 0U);
}

TEST(ControlChannel, ALineThatHasBegunEndsBeforeTls) {
    FtpTalk talk("198.51.100.4", "10.0.0.2");
    talk.client("AUTH TLS\r\nPORT 10,0").server("234 go\r\n");
    EXPECT_FALSE(talk.channel.opaque(Direction::from_client));
    talk.client(",0,3,0,22\r\n" + handshake);
    EXPECT_TRUE(talk.channel.opaque(Direction::from_client));
    EXPECT_EQ(talk.at_server, "AUTH TLS\r\nPORT refused\r\n" + handshake);
    talk.client(farewell + "NOOP\r\nPORT 10,0,0,3,0,22\r\n");
    EXPECT_TRUE(talk.at_server.ends_with(farewell + "NOOP\r\nPORT refused\r\n"));
}

TEST(ControlChannel, ALineThatNeverEndsIsTakenAway) {
    FtpTalk talk("198.51.100.4", "10.0.0.2");
    talk.client("NOOP\r\nPORT 1,2", 5);
    EXPECT_EQ(talk.at_server, "NOOP\r\nPORT ");
    talk.end(Direction::from_client);
    EXPECT_TRUE(talk.ended);
    EXPECT_EQ(talk.at_server, "NOOP\r\nPORT ");
    EXPECT_TRUE(talk.channel.edits(Direction::from_client).plausible());
    talk.client("PORT 1,2,3,4,5,6\r\n");
    EXPECT_EQ(talk.at_server, "NOOP\r\nPORT ") << "nothing comes behind the end";
}

TEST(ControlChannel, WithoutRoomForEditsTheStreamWaits) {
    FtpTalk talk("198.51.100.4", "10.0.0.2");
    talk.acknowledges = false;
    std::string said;
    for (int i = 0; i < 10; ++i) said += "PORT 10,0,0,3,0,22\r\n";
    talk.client(said);
    StreamEdits& edits = talk.channel.edits(Direction::from_client);
    EXPECT_EQ(edits.edits(), StreamEdits::most_edits);
    EXPECT_EQ(talk.at_server.size(), 8 * std::string_view("PORT refused\r\n").size());
    edits.acknowledged(edits.place_of(edits.held()));
    talk.client(said.substr(8 * 20));
    EXPECT_EQ(talk.at_server.size(), 10 * std::string_view("PORT refused\r\n").size());
    EXPECT_EQ(talk.counters.active_foreign, 10U);
}

TEST(ControlChannel, WhatWasJudgedIsNotJudgedAgain) {
    FtpTalk talk("198.51.100.4", "10.0.0.2");
    const std::string line = "PORT 198,51,100,4,4,1\r\n";
    talk.client(line);
    const std::uint32_t next = talk.channel.edits(Direction::from_client).next();
    const auto again = [&](std::uint32_t seq, std::string_view text) {
        talk.channel.take(Direction::from_client, {seq, static_cast<std::uint32_t>(text.size())},
                          std::as_bytes(std::span(text)), talk.rules, talk.connections,
                          talk.counters);
        return talk.channel.edits(Direction::from_client).next() - next;
    };
    EXPECT_EQ(again(next - 23, line), 0U);
    EXPECT_EQ(again(next - 200, line), 0U);
    EXPECT_EQ(again(next + 1, line), 0U) << "a byte is missing before it";
    EXPECT_EQ(again(next - 23, line + line), 23U);
    EXPECT_EQ(talk.counters.active, 2U);
}

}  // namespace
}  // namespace shunt::ftp
