// SPDX-License-Identifier: BSD-3-Clause
#include "app/ftp/tls_watch.h"

#include <gtest/gtest.h>

#include <string>

namespace shunt::ftp {
namespace {

std::string record(int type, std::size_t size, int minor = 3) {
    return std::string{static_cast<char>(type), '\3', static_cast<char>(minor),
                       static_cast<char>(size >> 8), static_cast<char>(size)} +
           std::string(size, 'P');
}

constexpr int alert = 21;
constexpr int handshake = 22;
constexpr int data = 23;

struct Seen {
    std::size_t passed;
    bool lost;
};

/// What is of TLS when the bytes come in pieces of that size.
Seen watch(const std::string& bytes, std::size_t piece) {
    TlsWatch watch;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const auto part =
            std::as_bytes(std::span(bytes)).subspan(at, std::min(piece, bytes.size() - at));
        const std::size_t passed = watch.pass(part);
        if (passed < part.size()) return {at + passed, watch.lost()};
    }
    return {bytes.size(), watch.lost()};
}

/// The text behind the records, "lost", or nothing while the records go on.
std::string text_in(const std::string& bytes) {
    const Seen whole = watch(bytes, bytes.size());
    for (std::size_t piece = 1; piece < 12; ++piece) {
        EXPECT_EQ(watch(bytes, piece).passed, whole.passed) << piece;
        EXPECT_EQ(watch(bytes, piece).lost, whole.lost) << piece;
    }
    EXPECT_TRUE(!whole.lost || whole.passed == bytes.size());
    return whole.lost ? "lost" : bytes.substr(whole.passed);
}

TEST(TlsWatch, RecordsArePassedOver) {
    EXPECT_EQ(text_in(record(handshake, 200, 1)), "");
    EXPECT_EQ(text_in(record(handshake, 200) + record(20, 1) + record(data, 0) + record(24, 30)),
              "");
    EXPECT_EQ(text_in(record(data, 16384 + 2048)), "");
    EXPECT_EQ(text_in("\x16\x03"), "") << "the header is not whole yet";
}

TEST(TlsWatch, TextBehindACloseIsSeen) {
    EXPECT_EQ(text_in(record(handshake, 90) + record(data, 40) + record(alert, 26) + "PASV\r\n"),
              "PASV\r\n");
    EXPECT_EQ(text_in(record(data, 19) + "227 x\r\n"), "227 x\r\n") << "TLS 1.3 hides the alert";
    EXPECT_EQ(text_in(record(alert, 2) + "\r\n"), "\r\n");
    EXPECT_EQ(text_in(record(alert, 2) + "\xFF\xF4"), "\xFF\xF4");
    EXPECT_EQ(text_in("PASV\r\n"), "PASV\r\n") << "TLS was not begun";
}

TEST(TlsWatch, WhatIsNeitherIsLost) {
    EXPECT_EQ(text_in(record(handshake, 9) + "PASV\r\n"), "lost");
    EXPECT_EQ(text_in(record(25, 9)), "lost");
    EXPECT_EQ(text_in(record(data, 16384 + 2049)), "lost");
    EXPECT_EQ(text_in(record(handshake, 0)), "lost");
    EXPECT_EQ(text_in(record(data, 9, 5)), "lost");
    EXPECT_EQ(text_in(std::string("\x16\x02\x03\0\x05hello", 10)), "lost");
    EXPECT_EQ(text_in(std::string("\x80\x2E\x01\x03\x03 old hello", 15)), "lost");
}

}  // namespace
}  // namespace shunt::ftp
