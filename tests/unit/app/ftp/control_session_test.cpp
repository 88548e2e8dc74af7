// SPDX-License-Identifier: BSD-3-Clause
#include "app/ftp/control_session.h"

#include <gtest/gtest.h>

#include <string>

namespace shunt::ftp {
namespace {

using CommandVerdict = ControlSession::CommandVerdict;
using ReplyVerdict = ControlSession::ReplyVerdict;

/// A session that is told lines; what it says to each.
struct Lines {
    ControlSession session{*parse_address("198.51.100.4"), *parse_address("10.0.0.2")};
    SessionRules rules;
    FtpCounters counters;

    CommandVerdict command(const std::string& line) {
        CommandScanner scanner;
        const std::string text = line + "\r\n";
        scanner.scan(std::as_bytes(std::span(text)), event);
        return session.command(event, rules, counters);
    }
    /// What is said to the first address of a reply, or else at its end.
    ControlSession::ReplyDecision reply(const std::string& lines) {
        ReplyScanner scanner;
        const std::string text = lines + "\r\n";
        auto bytes = std::as_bytes(std::span(text));
        ControlSession::ReplyDecision said;
        while (!bytes.empty()) {
            Event found;
            bytes = bytes.subspan(scanner.scan(bytes, found));
            const auto decision = session.reply(found, rules, counters);
            if (said.verdict == ReplyVerdict::pass) said = decision;
            if (found.has_range) event = found;
        }
        return said;
    }
    Event event;
};

std::string offered(const ControlSession::ReplyDecision& decision) {
    switch (decision.verdict) {
        case ReplyVerdict::pass:
            return decision.tls_follows ? "tls" : "pass";
        case ReplyVerdict::withhold:
            return "withhold";
        case ReplyVerdict::offer:
            return to_string(decision.server);
    }
    return "?";
}

const std::string said_227 = "227 Entering Passive Mode (10,0,0,2,117,48)";
const std::string said_229 = "229 Entering Extended Passive Mode (|||30000|)";

TEST(ControlSession, TheClientsOwnEndpointIsExpected) {
    Lines lines;
    EXPECT_EQ(lines.command("PORT 198,51,100,4,4,0"), CommandVerdict::expect);
    EXPECT_EQ(lines.command("EPRT |1|198.51.100.4|65535|"), CommandVerdict::expect);
    EXPECT_EQ(lines.counters.active_malformed, 0U);
    Lines ipv6;
    ipv6.session = ControlSession(*parse_address("2001:db8::4"), *parse_address("2001:db8::2"));
    EXPECT_EQ(ipv6.command("EPRT |2|2001:db8:0::4|2000|"), CommandVerdict::expect);
    EXPECT_EQ(ipv6.command("EPRT |1|198.51.100.4|2000|"), CommandVerdict::refuse);
}

TEST(ControlSession, BouncesAreRefused) {
    Lines lines;
    EXPECT_EQ(lines.command("PORT 198,51,100,5,4,0"), CommandVerdict::refuse);
    EXPECT_EQ(lines.command("PORT 0,0,0,0,4,0"), CommandVerdict::refuse);
    EXPECT_EQ(lines.command("EPRT |1|10.0.0.2|2000|"), CommandVerdict::refuse);
    EXPECT_EQ(lines.command("EPRT |2|::ffff:198.51.100.4|2000|"), CommandVerdict::refuse);
    EXPECT_EQ(lines.counters.active_foreign, 4U);
    EXPECT_EQ(lines.command("PORT 198,51,100,4,3,255"), CommandVerdict::refuse);
    EXPECT_EQ(lines.command("EPRT |1|198.51.100.4|25|"), CommandVerdict::refuse);
    EXPECT_EQ(lines.counters.active_low_port, 2U);
    EXPECT_EQ(lines.command("PORT 198,51,100,4,4"), CommandVerdict::refuse);
    EXPECT_EQ(lines.command("EPRT |3|x|2000|"), CommandVerdict::refuse);
    EXPECT_EQ(lines.command("PORT " + std::string(700, '1')), CommandVerdict::refuse);
    EXPECT_EQ(lines.counters.active_malformed, 3U);
    EXPECT_EQ(lines.counters.lines_too_long, 1U);
    EXPECT_EQ(lines.command("PORT"), CommandVerdict::pass) << "nothing to refuse";
    EXPECT_EQ(lines.counters.active_malformed, 3U);
    lines.rules.any_client_address = true;
    lines.rules.least_client_port = 20;
    EXPECT_EQ(lines.command("PORT 198,51,100,5,0,20"), CommandVerdict::expect);
    EXPECT_EQ(lines.command("PORT 198,51,100,5,0,19"), CommandVerdict::refuse);
}

TEST(ControlSession, WhatIsRefusedIsNoAddressForAnyServer) {
    Lines lines;
    lines.command("PORT 1,2,3,4,5,6");
    EXPECT_EQ(ControlSession::refusal(lines.event).view(), "refused\r\n");
    lines.command("PORT " + std::string(700, '1'));
    EXPECT_EQ(ControlSession::refusal(lines.event).view(), "refused\r\n");
}

TEST(ControlSession, WhatWasAskedForIsOffered) {
    Lines lines;
    lines.command("PASV");
    EXPECT_EQ(offered(lines.reply(said_227)), "10.0.0.2:30000");
    const auto shown = parse_endpoint("203.0.113.7:50000");
    EXPECT_EQ(ControlSession::passive_text(lines.event, shown).view(), "203,0,113,7,195,80)");
    EXPECT_EQ(ControlSession::passive_text(lines.event, std::nullopt).view(), "0,0,0,0,0,0)");
    EXPECT_EQ(ControlSession::passive_text(lines.event, parse_endpoint("[::1]:2")).view(),
              "0,0,0,0,0,0)");
    lines.command("EPSV 1");
    EXPECT_EQ(offered(lines.reply(said_229)), "10.0.0.2:30000");
    EXPECT_EQ(ControlSession::passive_text(lines.event, shown).view(), "(|||50000|)");
    EXPECT_EQ(ControlSession::passive_text(lines.event, std::nullopt).view(), "(|||0|)");
    EXPECT_EQ(offered(lines.reply(said_229)), "pass");
    EXPECT_EQ(offered(lines.reply(said_227)), "pass");
    EXPECT_EQ(lines.counters.passive_unasked, 2U);
    EXPECT_EQ(lines.counters.passive_foreign, 0U);
}

TEST(ControlSession, RequestsAreMatchedWithTheirReplies) {
    Lines lines;
    lines.reply("220 ready");
    for (const char* line : {"USER x", "PASV", "NOOP", "EPSV", "PASV", "PASV"}) lines.command(line);
    EXPECT_EQ(lines.session.requests(), 4U);
    EXPECT_EQ(offered(lines.reply("331 password")), "pass");
    EXPECT_EQ(offered(lines.reply(said_227)), "10.0.0.2:30000");
    EXPECT_EQ(lines.session.requests(), 3U);
    EXPECT_EQ(offered(lines.reply("200 noop")), "pass");
    EXPECT_EQ(lines.session.requests(), 3U);
    EXPECT_EQ(offered(lines.reply("500 no EPSV here")), "pass");
    EXPECT_EQ(lines.session.requests(), 2U);
    EXPECT_EQ(offered(lines.reply("425 not now")), "pass");
    EXPECT_EQ(offered(lines.reply("227-Entering\r\n (10,0,0,2,117,49)\r\n227 .")),
              "10.0.0.2:30001");
    EXPECT_EQ(lines.session.requests(), 0U);
    EXPECT_EQ(offered(lines.reply(said_227)), "pass");
}

TEST(ControlSession, PreliminaryRepliesAnswerNothing) {
    Lines lines;
    lines.reply("120 wait");
    lines.reply("220-Welcome\r\n227 hello (1,2,3,4,5,6)\r\n220 ready");
    for (const char* line : {"RETR x", "PASV"}) lines.command(line);
    lines.reply("150 here it comes");
    lines.reply("550 gone");
    EXPECT_EQ(lines.session.requests(), 1U);
    EXPECT_EQ(offered(lines.reply(said_227)), "10.0.0.2:30000");
}

TEST(ControlSession, AServerThatSaysTooLittleOrTooMuchIsFollowed) {
    Lines silent;
    for (const char* line : {"", "", "PASV", "PASV"}) silent.command(line);
    EXPECT_EQ(offered(silent.reply(said_227)), "10.0.0.2:30000");
    silent.reply("550 refused");
    EXPECT_EQ(silent.session.requests(), 0U) << "the count was set right by 227";
    Lines talkative;
    talkative.reply("220 ready");
    talkative.command("PASV");
    for (int i = 0; i < 5; ++i) talkative.reply("226 and one more");
    EXPECT_EQ(offered(talkative.reply(said_227)), "10.0.0.2:30000");
    Lines skipping;
    for (const char* line : {"EPSV", "PASV", "EPSV"}) skipping.command(line);
    EXPECT_EQ(offered(skipping.reply(said_227)), "10.0.0.2:30000");
    EXPECT_EQ(skipping.session.requests(), 1U) << "the first one can have no answer now";
}

TEST(ControlSession, TheOldestOfTooManyRequestsIsForgotten) {
    Lines lines;
    lines.reply("220 ready");
    lines.command("NOOP");
    lines.command("EPSV");
    for (int i = 0; i < 8; ++i) lines.command("PASV");
    EXPECT_EQ(lines.counters.requests_forgotten, 1U);
    EXPECT_EQ(lines.session.requests(), 8U);
    EXPECT_EQ(offered(lines.reply("200 noop")), "pass");
    EXPECT_EQ(offered(lines.reply("500 no EPSV")), "pass");
    EXPECT_EQ(lines.session.requests(), 8U) << "what was due before the forgotten one still is";
    for (int i = 0; i < 8; ++i) EXPECT_EQ(offered(lines.reply(said_227)), "10.0.0.2:30000");
    EXPECT_EQ(lines.session.requests(), 0U);
}

TEST(ControlSession, AServersOtherAddressIsARule) {
    const std::string foreign = "227 (203,0,113,9,117,48)";
    Lines lines;
    lines.command("PASV");
    EXPECT_EQ(offered(lines.reply(foreign)), "10.0.0.2:30000");
    lines.rules.foreign = ForeignAddress::trust;
    lines.command("PASV");
    EXPECT_EQ(offered(lines.reply(foreign)), "203.0.113.9:30000");
    lines.command("EPSV");
    EXPECT_EQ(offered(lines.reply("229 (|1|203.0.113.9|30000|)")), "203.0.113.9:30000");
    lines.rules.foreign = ForeignAddress::refuse;
    lines.command("PASV");
    EXPECT_EQ(offered(lines.reply(foreign)), "withhold");
    EXPECT_EQ(lines.counters.passive_withheld, 1U);
    EXPECT_EQ(lines.counters.passive_foreign, 4U);
    lines.command("PASV");
    EXPECT_EQ(offered(lines.reply("227 (0,0,0,0,117,48)")), "10.0.0.2:30000");
    lines.command("PASV");
    EXPECT_EQ(offered(lines.reply(said_227)), "10.0.0.2:30000");
    EXPECT_EQ(lines.counters.passive_foreign, 4U);
}

TEST(ControlSession, WhatCannotBeReadIsCountedAndAnswersItsRequest) {
    Lines lines;
    lines.command("PASV");
    EXPECT_EQ(offered(lines.reply("227 Entering Passive Mode (10,0,0,256,1,2)")), "pass");
    EXPECT_EQ(lines.counters.passive_malformed, 1U);
    EXPECT_EQ(lines.session.requests(), 0U);
}

TEST(ControlSession, ExtendedOnlyHoldsWhenTheServerAgrees) {
    Lines lines;
    lines.reply("220 ready");
    lines.command("EPSV ALL");
    EXPECT_FALSE(lines.session.extended_only());
    lines.reply("500 what?");
    EXPECT_FALSE(lines.session.extended_only());
    EXPECT_EQ(lines.session.requests(), 0U);
    lines.command("EPSV ALL");
    lines.reply("200 EPSV ALL ok.");
    EXPECT_TRUE(lines.session.extended_only());
    lines.command("EPSV");
    EXPECT_EQ(offered(lines.reply(said_229)), "10.0.0.2:30000");
}

TEST(ControlSession, TlsFollowsAnAuthThatIsAccepted) {
    Lines lines;
    lines.command("NOOP");
    lines.reply("220 ready");
    EXPECT_EQ(offered(lines.reply("234 unasked")), "pass");
    lines.command("AUTH TLS");
    EXPECT_EQ(offered(lines.reply("534 policy")), "pass");
    EXPECT_EQ(lines.session.requests(), 0U);
    lines.command("AUTH SSL");
    EXPECT_EQ(offered(lines.reply("234-go\r\n234 on")), "tls");
    lines.command("AUTH WHATEVER");
    EXPECT_EQ(offered(lines.reply("234 go on")), "tls");
    lines.command("AUTH GSSAPI");
    EXPECT_EQ(offered(lines.reply("334 data please")), "pass");
    EXPECT_EQ(lines.session.requests(), 0U);
    lines.command("PASV");
    lines.session.forget_requests();
    EXPECT_EQ(offered(lines.reply(said_227)), "pass");
}

}  // namespace
}  // namespace shunt::ftp
