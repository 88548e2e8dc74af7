// SPDX-License-Identifier: BSD-3-Clause
#include "net/sip_call_id.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace shunt {
namespace {

/// The Call-ID of a message in a buffer of just its size, so that a sanitizer sees what is read
/// beyond it.
std::string call_id(std::string_view message) {
    const auto exact = std::make_unique<std::byte[]>(message.size());
    if (!message.empty()) std::memcpy(exact.get(), message.data(), message.size());
    std::string found;
    for (const std::byte b : sip_call_id(PacketReader({exact.get(), message.size()})))
        found += std::to_integer<char>(b);
    return found;
}

std::string in_message(const std::string& lines) {
    return call_id("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n" + lines);
}

TEST(SipCallId, IsWhatItsHeaderSays) {
    EXPECT_EQ(in_message("Call-ID: a84b4c76e66710@pc33.example.com\r\nCSeq: 1 INVITE\r\n\r\n"),
              "a84b4c76e66710@pc33.example.com");
    EXPECT_EQ(in_message("Call-ID: one@host\r\n"), "one@host");
    EXPECT_EQ(in_message("Call-ID: one\r\n"), "one");
    EXPECT_EQ(in_message("Call-ID: ONE@Host\r\n"), "ONE@Host");
    EXPECT_EQ(in_message("Call-ID: one@host:5060\r\n"), "one@host:5060");
    EXPECT_EQ(in_message("Call-ID: -.!%*_+`'~()<>:\\\"/[]?{}09AZaz@x\r\n"),
              "-.!%*_+`'~()<>:\\\"/[]?{}09AZaz@x");
}

TEST(SipCallId, HasAHeaderOfTwoNamesInAnyCase) {
    for (const char* name :
         {"Call-ID: ", "call-id: ", "CALL-ID: ", "i: ", "I: ", "Call-ID:", "i:", "Call-ID\t : \t",
          "i  :  ", "Call-ID:\r\n ", "Call-ID:\n\t", "i\r :", "Call-ID \r\n\t \t:\r\n  \t"})
        EXPECT_EQ(in_message(name + std::string("one@host\r\n")), "one@host") << name;
}

TEST(SipCallId, OtherNamesAreNone) {
    for (const char* line :
         {"Call-IDs: one@host\r\n", "X-Call-ID: one@host\r\n", "Call_ID: one@host\r\n",
          "in: one@host\r\n", "Call-I: one@host\r\n", " Call-ID: one@host\r\n", "\ti: one@host\r\n",
          "Subject: x\r\n Call-ID: one@host\r\n"})
        EXPECT_EQ(in_message(line), "") << line;
}

TEST(SipCallId, LinesEndAsTheyLike) {
    for (const char* end : {"\r", "\n", "\r\n", "\n\r", "\r\n\r\n"}) {
        const std::string e(end);
        EXPECT_EQ(call_id("BYE x SIP/2.0" + e + "i: one@host" + e), "one@host");
        EXPECT_EQ(call_id(e + "i: one@host" + e + "To: x" + e), "one@host");
    }
    EXPECT_EQ(in_message("Call-ID: one@host\rabc"), "one@host");
}

TEST(SipCallId, TheFirstLineHasNone) {
    EXPECT_EQ(call_id("Call-ID: one@host\r\n"), "");
    EXPECT_EQ(call_id("Call-ID: one@host\r\ni: two@host\r\n"), "two@host");
}

TEST(SipCallId, TheFirstHeaderCountsEvenInABody) {
    EXPECT_EQ(in_message("i: one@host\r\nCall-ID: two@host\r\n"), "one@host");
    EXPECT_EQ(in_message("\r\nCall-ID: one@host\r\n"), "one@host");
    EXPECT_EQ(in_message("Call-ID one@host\r\nCall-ID: two@host\r\n"), "") << "no colon";
    EXPECT_EQ(in_message("i:\r\nCall-ID: two@host\r\n"), "") << "no value";
    EXPECT_EQ(in_message("\r\ni=title of SDP\r\ni: two@host\r\n"), "");
}

TEST(SipCallId, AValueThatCannotBeIsNone) {
    for (const char* value : {"", " ", "@host", "one@", "one@ host", "one two", "one@host x",
                              "one@host ", "one;two", "one@two@three", "one,two", "\xC3\xA9@host"})
        EXPECT_EQ(in_message("Call-ID: " + std::string(value) + "\r\n"), "") << value;
}

TEST(SipCallId, TheEndOfItsLineHasToBeThere) {
    const std::string whole = "x\r\nCall-ID: one@host\r";
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(call_id(std::string_view(whole).substr(0, size)), "") << size;
    EXPECT_EQ(call_id(whole), "one@host");
}

TEST(SipCallId, EveryCutOfAFoldedHeaderIsRead) {
    const std::string whole = "x\ni\r\n\t:\r\n one@host\n";
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(call_id(std::string_view(whole).substr(0, size)), "") << size;
    EXPECT_EQ(call_id(whole), "one@host");
}

TEST(SipCallId, IsOf255BytesAtMost) {
    const std::string longest(longest_call_id, 'a');
    EXPECT_EQ(in_message("i: " + longest + "\r\n"), longest);
    EXPECT_EQ(in_message("i: " + longest + "a\r\n"), "");
    const std::string with_host = std::string(200, 'a') + '@' + std::string(54, 'b');
    EXPECT_EQ(in_message("i: " + with_host + "\r\n"), with_host);
    EXPECT_EQ(in_message("i: " + with_host + "b\r\n"), "");
}

TEST(SipCallId, IsAPartOfTheMessage) {
    const std::string_view text = "x\r\ni: one@host\r\n";
    const auto message = std::as_bytes(std::span(text));
    const auto found = sip_call_id(PacketReader(message));
    EXPECT_EQ(found.data(), message.data() + 6);
    EXPECT_EQ(found.size(), 8U);
}

}  // namespace
}  // namespace shunt
