// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/health/check_task.h"

#include <gtest/gtest.h>

namespace shunt::ctl {
namespace {

Endpoint endpoint(const char* text) {
    return parse_endpoint(text).value();
}

TEST(CheckTask, GoesToThePortOfTheServerOrAnother) {
    HealthCheck check;
    EXPECT_EQ(check_task(check, endpoint("10.1.0.11:8080")).target, endpoint("10.1.0.11:8080"));
    check.port = L4Port(std::uint16_t{9000});
    EXPECT_EQ(check_task(check, endpoint("10.1.0.11:8080")).target, endpoint("10.1.0.11:9000"));
    EXPECT_EQ(check_task(check, endpoint("10.1.0.11:8080")).request, "") << "of tcp there is none";
}

TEST(CheckTask, ASourceIsForItsFamily) {
    HealthCheck check;
    check.source = parse_address("10.1.0.1");
    EXPECT_EQ(check_task(check, endpoint("10.1.0.11:80")).source, parse_address("10.1.0.1"));
    EXPECT_EQ(check_task(check, endpoint("[2001:db8::11]:80")).source, std::nullopt);
}

TEST(CheckTask, ARequestNamesPathAndHost) {
    HealthCheck check;
    check.type = CheckType::http;
    EXPECT_EQ(check_task(check, endpoint("10.1.0.11:80")).request,
              "GET / HTTP/1.1\r\nHost: 10.1.0.11\r\nUser-Agent: shunt\r\nAccept: */*\r\n"
              "Connection: close\r\n\r\n");
    check.path = "/health?deep=1";
    const auto of = [&](const char* server) {
        const std::string request = check_task(check, endpoint(server)).request;
        return request.substr(0, request.find("\r\nUser-Agent"));
    };
    EXPECT_EQ(of("[2001:db8::11]:80"), "GET /health?deep=1 HTTP/1.1\r\nHost: [2001:db8::11]");
    EXPECT_EQ(of("[2001:db8::11]:81"), "GET /health?deep=1 HTTP/1.1\r\nHost: [2001:db8::11]:81");
    check.host = "www.example.org";
    EXPECT_EQ(of("10.1.0.11:80"), "GET /health?deep=1 HTTP/1.1\r\nHost: www.example.org");
}

TEST(CheckTask, TimesInWords) {
    using namespace std::chrono_literals;
    EXPECT_EQ(duration_text(3000ms), "3 s");
    EXPECT_EQ(duration_text(250ms), "250 ms");
    EXPECT_EQ(duration_text(1500ms), "1500 ms");
}

}  // namespace
}  // namespace shunt::ctl
