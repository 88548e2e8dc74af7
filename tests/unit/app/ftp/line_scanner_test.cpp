// SPDX-License-Identifier: BSD-3-Clause
#include "app/ftp/line_scanner.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shunt::ftp {
namespace {

using Strings = std::vector<std::string>;

constexpr std::uint32_t start = 0xFFFFFFF8U;  // positions wrap

std::string name_of(EventKind kind) {
    static constexpr std::array<const char*, 13> names = {
        "-",        "PORT", "EPRT", "LONG", "PASV", "EPSV",    "EPSV ALL",
        "AUTH TLS", "AUTH", "CCC",  "227",  "229",  "released"};
    return names[static_cast<std::size_t>(kind)];
}

std::string address_of(const AddressText& address) {
    if (address.problem != AddressProblem::none)
        return "problem " + std::to_string(static_cast<int>(address.problem));
    return address.has_address ? to_string(address.endpoint)
                               : ":" + std::to_string(address.endpoint.port.value());
}

/// One event in words: kind, address, the bytes of its range in brackets, and what it ends.
std::string words(const Event& event, const std::string& stream) {
    std::string out = name_of(event.kind);
    if (event.has_range) {
        const std::uint32_t first = event.first - start;
        const std::uint32_t last = event.last - start;
        EXPECT_LE(first, last);
        EXPECT_LT(last, stream.size());
        const std::string range = stream.substr(first, last - first + 1);
        const bool whole =
            event.address.problem != AddressProblem::too_long || event.kind == EventKind::released;
        EXPECT_EQ(event.text.view(),
                  whole ? range : range.substr(range.size() - event.closing_size));
        EXPECT_TRUE(event.closing_size > 0 && range.ends_with(event.closing()));
        if (event.kind != EventKind::released) out += " " + address_of(event.address);
        out += " [" + range + "]";
    }
    if (event.line_too_long) out += " long";
    if (event.code != 0 && event.line_end) out += " " + std::to_string(event.code);
    if (event.reply_end) out += " end";
    return out;
}

/// The events of a stream that comes in segments of the given sizes; what is released is left out.
template <class Scanner>
Strings events(const std::string& stream, const std::vector<std::size_t>& sizes) {
    Scanner scanner(start);
    Strings found;
    std::size_t at = 0;
    for (std::size_t i = 0; at < stream.size(); ++i) {
        const std::size_t size =
            std::min(i < sizes.size() ? sizes[i] : stream.size(), stream.size() - at);
        auto bytes = std::as_bytes(std::span(stream)).subspan(at, size);
        at += size;
        while (!bytes.empty()) {
            Event event;
            bytes = bytes.subspan(scanner.scan(bytes, event));
            if (!event.any()) continue;
            EXPECT_TRUE(!event.has_range || event.last - start < at);
            if (event.kind != EventKind::released || event.line_end)
                found.push_back(words(event, stream));
        }
        EXPECT_EQ(scanner.next() - start, at);
        EXPECT_LE(scanner.held() - start, at);
    }
    return found;
}

/// The same for the stream whole, byte by byte, and cut in two at every byte.
template <class Scanner>
Strings of_any_cut(const std::string& stream) {
    const Strings whole = events<Scanner>(stream, {});
    EXPECT_EQ(events<Scanner>(stream, std::vector<std::size_t>(stream.size(), 1)), whole);
    for (std::size_t cut = 1; cut < stream.size(); ++cut)
        EXPECT_EQ(events<Scanner>(stream, {cut}), whole) << "cut at " << cut;
    return whole;
}

Strings commands(const std::string& stream) {
    return of_any_cut<CommandScanner>(stream);
}
Strings replies(const std::string& stream) {
    return of_any_cut<ReplyScanner>(stream);
}

/// What is held back when only `begun` has come.
template <class Scanner>
std::string held(const std::string& begun) {
    Scanner scanner(start);
    auto bytes = std::as_bytes(std::span(begun));
    Event event;
    while (!bytes.empty()) bytes = bytes.subspan(scanner.scan(bytes, event));
    return begun.substr(scanner.held() - start);
}

TEST(CommandScanner, KnowsTheCommandsThatMatter) {
    EXPECT_EQ(
        commands(
            "USER anonymous\r\nPASS a@b\r\nPASV\r\nEPSV\r\nEPSV 1\r\nEPSV 2\r\nEPSV ALL\r\n"
            "AUTH TLS\r\nAUTH SSL\r\nAUTH TLS-C\r\nAUTH TLS-P\r\nAUTH GSSAPI\r\nCCC\r\nQUIT\r\n"),
        (Strings{"-", "-", "PASV", "EPSV", "EPSV", "EPSV", "EPSV ALL", "AUTH TLS", "AUTH TLS",
                 "AUTH TLS", "AUTH TLS", "AUTH", "CCC", "-"}));
}

TEST(CommandScanner, HoldsTheArgumentsOfPort) {
    EXPECT_EQ(commands("PORT 132,235,1,2,24,131\r\n"),
              (Strings{"PORT 132.235.1.2:6275 [132,235,1,2,24,131\r\n]"}));
    EXPECT_EQ(commands("EPRT |1|132.235.1.2|6275|\r\nLIST\r\n"),
              (Strings{"EPRT 132.235.1.2:6275 [|1|132.235.1.2|6275|\r\n]", "-"}));
    EXPECT_EQ(commands("EPRT |2|1080::8:800:200C:417A|5282|\r\n"),
              (Strings{"EPRT [1080::8:800:200c:417a]:5282 [|2|1080::8:800:200C:417A|5282|\r\n]"}));
    EXPECT_EQ(held<CommandScanner>("PORT"), "");
    EXPECT_EQ(held<CommandScanner>("PORT  "), "");
    EXPECT_EQ(held<CommandScanner>("PORT  1,2"), "1,2");
    EXPECT_EQ(held<CommandScanner>("PORT 1,2,3,4,5,6\r"), "1,2,3,4,5,6\r");
    EXPECT_EQ(held<CommandScanner>("NOOP\r\nEPRT |"), "|");
    EXPECT_EQ(held<CommandScanner>("PORT 1,2,3,4,5,6\r\n"), "");
    for (const char* other :
         {"PASV ", "EPSV A", "AUTH T", "PORTS 1", "XPORT 1", "STOR PORT 1", "POR 1", "P"})
        EXPECT_EQ(held<CommandScanner>(other), "") << other;
}

TEST(CommandScanner, SpellingIsFree) {
    const Strings port{"PORT 1.2.3.4:1286 [1,2,3,4,5,6\r\n]"};
    for (const char* command :
         {"port ", "Port ", "  PORT ", "\tpOrT   ", "PORT\t", "\r\n  PORT "}) {
        Strings found = commands(command + std::string("1,2,3,4,5,6\r\n"));
        if (command[0] == '\r') found.erase(found.begin());
        EXPECT_EQ(found, port) << command;
    }
    EXPECT_EQ(commands("pasv\n  epsv all \r\nPASV \n"), (Strings{"PASV", "EPSV ALL", "PASV"}));
    EXPECT_EQ(commands("PORT 1,2,3,4,5,6\n"), (Strings{"PORT 1.2.3.4:1286 [1,2,3,4,5,6\n]"}));
    EXPECT_EQ(commands("PORT 1,2,3,4,5,6  \r\n"),
              (Strings{"PORT 1.2.3.4:1286 [1,2,3,4,5,6  \r\n]"}));
    EXPECT_EQ(commands("PASVX\r\nPAS\r\nPASVPASV\r\nRETR PASV\r\nEPSVALL\r\n"),
              (Strings{"-", "-", "-", "-", "-"}));
}

TEST(CommandScanner, TelnetIsPassedBy) {
    const std::string iac = "\xFF";
    EXPECT_EQ(commands(iac + "\xF4" + iac + "\xF2" + "PASV\r\n"), (Strings{"PASV"}));
    EXPECT_EQ(commands("PA" + iac + "\xFB\x01" + "SV\r\n"), (Strings{"PASV"}));
    EXPECT_EQ(commands(iac + "\xFC\x01" + iac + "\xFD\x03" + iac + "\xFE\x7F" + "PASV\r\n"),
              (Strings{"PASV"}));
    EXPECT_EQ(commands(iac + "\xFA" + "PASV" + iac + "\xF1" + iac + "\xF0" + "EPSV\r\n"),
              (Strings{"EPSV"}));
    EXPECT_EQ(commands(iac + "\xF4" + "PORT 1,2,3,4,5,6\r\n"),
              (Strings{"PORT 1.2.3.4:1286 [1,2,3,4,5,6\r\n]"}));
    EXPECT_EQ(commands("STOR \xFF\xFF\r\nPASV\r\n"), (Strings{"-", "PASV"}));
}

TEST(CommandScanner, NothingHidesACommandFromIt) {
    const Strings port{"-", "PORT 1.2.3.4:22 [1,2,3,4,0,22\r\n]"};
    for (const char* before : {"NOOP \xFF\n", "NOOP \xFF\xFB\n", "NOOP \xFF\xFA\n", "NOOP\n", "\n"})
        EXPECT_EQ(commands(before + std::string("PORT 1,2,3,4,0,22\r\n")), port) << before;
    EXPECT_EQ(commands("NOOP\rPORT 1,2,3,4,0,22\r\n"),
              (Strings{"PORT 1.2.3.4:22 [1,2,3,4,0,22\r\n]"}));
    const Strings refused{"PORT problem 1 [1,2,3,4\r5,6\r\n]"};
    EXPECT_EQ(commands("PORT 1,2,3,4\r5,6\r\n"), refused);
    EXPECT_EQ(commands("PORT 1,2,3,4,5\xFF\xF1,6\r\n"),
              (Strings{"PORT problem 1 [1,2,3,4,5\xFF\xF1,6\r\n]"}));
    EXPECT_EQ(commands("PORT 1,2,3,4, 5,6\r\n"), (Strings{"PORT problem 1 [1,2,3,4, 5,6\r\n]"}));
    EXPECT_EQ(commands("PORT 1,2,3,4,5,256\r\n"), (Strings{"PORT problem 2 [1,2,3,4,5,256\r\n]"}));
    EXPECT_EQ(commands("PORT\r\n"), (Strings{"PORT"}));
    EXPECT_EQ(commands("PORT  \r\n"), (Strings{"PORT"}));
}

TEST(CommandScanner, LongAddressesAreHeldBackAndNotUnderstood) {
    EXPECT_EQ(commands("LPRT 4,4,10,0,0,9,2,7,208\r\nNOOP\r\n"),
              (Strings{"LONG problem 3 [4,4,10,0,0,9,2,7,208\r\n]", "-"}));
    EXPECT_EQ(
        commands("lpsv\r\nLPSV\nLPSV \t\r\nNOOP\r\n"),
        (Strings{"LONG problem 3 [\r\n]", "LONG problem 3 [\n]", "LONG problem 3 [ \t\r\n]", "-"}));
    EXPECT_EQ(commands("NOOP\rLPSV\rPORT 1,2,3,4,5,6\r\n"),
              (Strings{"LONG problem 3 [\rPORT 1,2,3,4,5,6\r\n]"}));
    const std::string rest = std::string("6,16") + std::string(60, ',');
    EXPECT_EQ(commands("LPRT " + rest + "\r\n"), (Strings{"LONG problem 6 [" + rest + "\r\n]"}));
    EXPECT_EQ(held<CommandScanner>("LPSV"), "");
    EXPECT_EQ(held<CommandScanner>("LPSV\r"), "\r");
    EXPECT_EQ(held<CommandScanner>("LPRT 4"), "4");
    EXPECT_EQ(commands("LPRT\r\nLPSVX\r\nXLPSV\r\n"), (Strings{"LONG", "-", "-"}));
}

TEST(CommandScanner, LongLinesAreOfNoInterestButPortsAreRefused) {
    const std::string blanks(600, ' ');
    const std::string digits(600, '1');
    EXPECT_EQ(events<CommandScanner>("PASV" + blanks + "\r\nPASV\r\n", {}),
              (Strings{"- long", "PASV"}));
    EXPECT_EQ(events<CommandScanner>("STOR " + digits + "\r\n", {7, 100, 1}), (Strings{"- long"}));
    const Strings refused{"PORT problem 6 [" + digits + "\r\n] long"};
    EXPECT_EQ(events<CommandScanner>("PORT " + digits + "\r\n", {}), refused);
    EXPECT_EQ(events<CommandScanner>("PORT " + digits + "\r\n", {9, 1, 300}), refused);
    EXPECT_EQ(events<CommandScanner>("EPRT " + std::string(56, '|') + "\r\n", {}),
              (Strings{"EPRT problem 6 [" + std::string(56, '|') + "\r\n]"}));
    EXPECT_EQ(events<CommandScanner>("NOOP" + std::string(506, ' ') + "\r\n", {}), (Strings{"-"}));
    EXPECT_EQ(events<CommandScanner>("NOOP" + std::string(507, ' ') + "\r\n", {}),
              (Strings{"- long"}));
}

TEST(CommandScanner, KnowsWhetherALineHasBegun) {
    CommandScanner scanner;
    Event event;
    const auto scan = [&](std::string_view text) {
        scanner.scan(std::as_bytes(std::span(text)), event);
        return scanner.at_line_start();
    };
    EXPECT_TRUE(scanner.at_line_start());
    EXPECT_FALSE(scan("A"));
    EXPECT_FALSE(scan("\r"));
    EXPECT_TRUE(scan("\n"));
    EXPECT_FALSE(scan("PORT 1"));
}

TEST(ReplyScanner, FindsTheNumbersOf227HoweverServersWriteThem) {
    const auto found = [](const std::string& before, const std::string& after) {
        Strings events = replies("227" + before + "10,1,2,3,4,5" + after + "\r\n");
        std::erase(events, "- 227");  // lines before the last
        const char decides = after.empty() ? '\r' : after[0];
        EXPECT_EQ(events, (Strings{std::string("227 10.1.2.3:1029 [10,1,2,3,4,5") + decides + "]",
                                   "- 227 end"}))
            << before << "..." << after;
    };
    found(" Entering Passive Mode (", ").");  // vsftpd, proftpd, IIS
    found(" Entering Passive Mode (", ")");   // pure-ftpd, wu-ftpd
    found(" Entering passive mode (", ").");  // pyftpdlib
    found(" =", "");                          // RFC 1123 4.1.2.6
    found(" ", "");                           // RFC 959 as it stands
    found(" Entering Passive Mode. ", ".");
    found(" Ok: server 2, data at ", " now");
    found(" 1,2 or 3,4,5,6 (300,0,0,1,2,3) [1,2,3,4,5,6,7] 1,,2,3,4,5 but ", "!");
    found("  ((", "))");
    found("-Entering Passive Mode\r\n here: (", ")\r\n227 done");
    found("-first\r\n227-", "\r\n227 done");
    found("-first\r\n227 last ", "");
}

TEST(ReplyScanner, OnlyTheFirstAddressOfAReplyIsTaken) {
    EXPECT_EQ(replies("227 (1,2,3,4,5,6) and (1,2,3,4,5,7)\r\n227 (1,2,3,4,5,8)\r\n"),
              (Strings{"227 1.2.3.4:1286 [1,2,3,4,5,6)]", "- 227 end",
                       "227 1.2.3.4:1288 [1,2,3,4,5,8)]", "- 227 end"}));
}

TEST(ReplyScanner, OtherRepliesHaveNoAddress) {
    for (const char* line : {"220 (1,2,3,4,5,6)", "2270 (1,2,3,4,5,6)", "227", "22 (1,2,3,4,5,6)",
                             " 227 (1,2,3,4,5,6)", "227=(1,2,3,4,5,6)", "x227 (1,2,3,4,5,6)"})
        for (const std::string& event : replies(line + std::string("\r\n")))
            EXPECT_EQ(event[0], '-') << line << ": " << event;
    EXPECT_EQ(replies("211-Status\r\n227 Entering (1,2,3,4,5,6)\r\n 211 no\r\n211 End\r\n"),
              (Strings{"- 211", "- 211", "- 211", "- 211 end"}));
    EXPECT_EQ(replies("227 (1,2,3,4,5)\r\n"), (Strings{"- 227 end"}));
    EXPECT_EQ(replies("227 (" + std::string(25, '1') + ",2,3,4,5,6)\r\n"), (Strings{"- 227 end"}));
}

TEST(ReplyScanner, CodesAndEndsOfReplies) {
    EXPECT_EQ(
        replies("220 ready\r\n331 password\r\n230-Welcome\r\n230-more\r\nfree text\r\n230 in\r\n"),
        (Strings{"- 220 end", "- 331 end", "- 230", "- 230", "- 230", "- 230 end"}));
    EXPECT_EQ(replies("200\r\n200\n200 \n234 AUTH TLS ok.\n"),
              (Strings{"- 200 end", "- 200 end", "- 200 end", "- 234 end"}));
    EXPECT_EQ(replies("\r\nnot a reply\r\n12\r\n"), (Strings{"-", "-", "-"}));
    EXPECT_EQ(replies("214-a\r\n214\r\n214-b\r\n2140\r\n214 c\n"),
              (Strings{"- 214", "- 214 end", "- 214", "- 214", "- 214 end"}));
    EXPECT_EQ(replies("\xFF\xFE\x01"
                      "220 ready\r\n2\xFF\xF1"
                      "20 ready\r\n"),
              (Strings{"- 220 end", "- 220 end"}));
}

TEST(ReplyScanner, FindsTheParenthesesOf229) {
    EXPECT_EQ(replies("229 Entering Extended Passive Mode (|||6446|)\r\n"),  // RFC 2428
              (Strings{"229 :6446 [(|||6446|)]", "- 229 end"}));
    EXPECT_EQ(replies("229 Extended Passive mode OK (|||30000|)\r\n"),  // pure-ftpd
              (Strings{"229 :30000 [(|||30000|)]", "- 229 end"}));
    EXPECT_EQ(replies("229 Entering extended passive mode (|||6446|).\r\n"),  // pyftpdlib
              (Strings{"229 :6446 [(|||6446|)]", "- 229 end"}));
    EXPECT_EQ(replies("229 Mode (|1|10.0.0.1|6446|)\r\n"),
              (Strings{"229 10.0.0.1:6446 [(|1|10.0.0.1|6446|)]", "- 229 end"}));
    EXPECT_EQ(replies("229 Mode (EPSV) (maybe) ((!!!6446!)\r\n"), (Strings{"- 229 end"}));
    EXPECT_EQ(replies("229 Mode (EPSV) ( (!!!6446!)\r\n"),
              (Strings{"229 :6446 [(!!!6446!)]", "- 229 end"}));
    EXPECT_EQ(replies("229-Mode\r\n (|||6446|)\r\n229 done\r\n"),
              (Strings{"- 229", "229 :6446 [(|||6446|)]", "- 229", "- 229 end"}));
    EXPECT_EQ(replies("229 Mode (|||6446|\r\n"), (Strings{"- 229 end"}));
    EXPECT_EQ(replies("229 (" + std::string(60, '|') + ")\r\n"), (Strings{"- 229 end"}));
}

TEST(ReplyScanner, HoldsOnlyWhatMayBeAnAddress) {
    EXPECT_EQ(held<ReplyScanner>("227 Entering Passive Mode ("), "");
    EXPECT_EQ(held<ReplyScanner>("227 Entering Passive Mode (10,0"), "10,0");
    EXPECT_EQ(held<ReplyScanner>("227 Entering Passive Mode (10,0,0,1,2,33"), "10,0,0,1,2,33");
    EXPECT_EQ(held<ReplyScanner>("227 Entering Passive Mode (10,0,0,1,2,33)"), "");
    EXPECT_EQ(held<ReplyScanner>("227 1" + std::string(22, '1')), std::string(23, '1'));
    EXPECT_EQ(held<ReplyScanner>("227 1" + std::string(23, '1')), "");
    EXPECT_EQ(held<ReplyScanner>("229 Mode (|||64"), "(|||64");
    EXPECT_EQ(held<ReplyScanner>("229 (" + std::string(53, '|')), "(" + std::string(53, '|'));
    EXPECT_EQ(held<ReplyScanner>("229 (" + std::string(54, '|')), "");
    EXPECT_EQ(held<ReplyScanner>("227"), "");
    EXPECT_EQ(held<ReplyScanner>("150 (10,0"), "");
    EXPECT_EQ(held<ReplyScanner>("227-x\r\n22"), "22");
}

TEST(ReplyScanner, WhatIsWrongIsSaidAtTheEnd) {
    const auto problem = [](const std::string& reply) {
        ReplyScanner scanner(start);
        auto bytes = std::as_bytes(std::span(reply));
        Event event;
        while (!bytes.empty()) bytes = bytes.subspan(scanner.scan(bytes, event));
        EXPECT_TRUE(event.reply_end);
        return event.address.problem;
    };
    EXPECT_EQ(problem("227 none\r\n"), AddressProblem::syntax);
    EXPECT_EQ(problem("227 (10,0,0,300,1,2) 3\r\n"), AddressProblem::range);
    EXPECT_EQ(problem("227 (10,0,0,3,0,0)\r\n"), AddressProblem::port);
    EXPECT_EQ(problem("227 (10,0,0,3,4,5)\r\n"), AddressProblem::none);
    EXPECT_EQ(problem("229 (|9|x|1|)\r\n"), AddressProblem::family);
}

TEST(ReplyScanner, LongLinesAreSearchedUpToTheBound) {
    const std::string address = "10,1,2,3,4,5";
    const Strings found =
        events<ReplyScanner>("227 " + std::string(470, 'x') + address + ")\r\n", {});
    EXPECT_EQ(found.size(), 2U);
    EXPECT_EQ(events<ReplyScanner>("227 " + std::string(500, 'x') + address + ")\r\n", {}),
              (Strings{"- long 227 end"}));
    EXPECT_EQ(events<ReplyScanner>("227 " + std::string(600, 'x') + address + ")\r\n220 x\r\n", {}),
              (Strings{"- long 227 end", "- 220 end"}));
}

}  // namespace
}  // namespace shunt::ftp
