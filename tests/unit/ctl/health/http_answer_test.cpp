// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/health/http_answer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shunt::ctl {
namespace {

using State = HttpAnswer::State;

HttpAnswer read(std::string_view bytes) {
    HttpAnswer answer;
    answer.take(bytes);
    return answer;
}

TEST(HttpAnswer, GivesTheStatusAtTheEndOfTheHeader) {
    const std::string header = "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 5\r\n\r\n";
    HttpAnswer answer;
    EXPECT_EQ(answer.take(header.substr(0, header.size() - 1)), State::more);
    EXPECT_EQ(answer.take("\n"), State::done);
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.take("HTTP/1.1 500 \r\n\r\n"), State::done) << "what follows is the body";
    EXPECT_EQ(answer.status(), 200);
}

TEST(HttpAnswer, ComesInAnyPieces) {
    const std::string header = "HTTP/1.0 404 Not \r Found\r\nA: b\r\r\n\r\nbody";
    for (std::size_t cut = 0; cut <= header.size(); ++cut) {
        HttpAnswer answer;
        answer.take(std::string_view(header).substr(0, cut));
        EXPECT_EQ(answer.take(std::string_view(header).substr(cut)), State::done) << cut;
        EXPECT_EQ(answer.status(), 404) << cut;
    }
}

TEST(HttpAnswer, LinesMayEndWithoutCr) {
    EXPECT_EQ(read("HTTP/1.1 204\n\n").status(), 204);
    EXPECT_EQ(read("HTTP/1.1 204\n\n").state(), State::done);
    EXPECT_EQ(read("HTTP/1.1 301 \n\n").state(), State::done) << "an empty reason";
}

TEST(HttpAnswer, AnInterimAnswerIsPassedOver) {
    HttpAnswer answer;
    EXPECT_EQ(
        answer.take("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
        State::more);
    EXPECT_EQ(answer.take("HTTP/1.1 503 Busy\r\n\r\n"), State::done);
    EXPECT_EQ(answer.status(), 503);
}

TEST(HttpAnswer, WhatIsNoAnswerIsRefusedAtOnce) {
    for (const auto* bytes : {"SSH-2.0-OpenSSH_9.2\r\n", "h", "HTTP/2", "http/1.1 200 OK\r\n\r\n",
                              "\r\nHTTP/1.1 200 OK\r\n\r\n", " HTTP/1.1 200 OK\r\n\r\n"})
        EXPECT_EQ(read(bytes).state(), State::broken) << bytes;
    EXPECT_EQ(read("SSH").problem(), "it is not HTTP/1");
}

TEST(HttpAnswer, AStatusIsThreeDigitsFrom100To599) {
    for (const auto* line :
         {"HTTP/1.1", "HTTP/1.", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 20x OK",
          "HTTP/1.1  200 OK", "HTTP/1.1-200 OK", "HTTP/1.x 200 OK", "HTTP/1.1 200OK",
          "HTTP/1.1 099 no", "HTTP/1.1 600 no"})
        EXPECT_EQ(read(std::string(line) + "\r\n").state(), State::broken) << line;
    EXPECT_EQ(read("HTTP/1.1 599 x\r\n\r\n").status(), 599);
}

TEST(HttpAnswer, ItsHeaderHasABound) {
    const std::string first = "HTTP/1.1 200 OK\r\n";
    const std::string fits =
        first + std::string(HttpAnswer::longest_header - first.size() - 4, 'a') + "\r\n\r\n";
    EXPECT_EQ(read(fits).state(), State::done);
    EXPECT_EQ(read(first + 'a' + fits.substr(first.size())).state(), State::broken);
    std::string many = first;
    while (many.size() < 2 * HttpAnswer::longest_header) many += "A: b\r\n";
    const HttpAnswer answer = read(many);
    EXPECT_EQ(answer.state(), State::broken);
    EXPECT_EQ(answer.problem(), "its header is too long");
    HttpAnswer interim;
    while (interim.state() == State::more) interim.take("HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(interim.state(), State::broken) << "interim answers count";
    EXPECT_EQ(read("HTTP/1.1 200 " + std::string(20000, 'x')).state(), State::broken);
}

}  // namespace
}  // namespace shunt::ctl
