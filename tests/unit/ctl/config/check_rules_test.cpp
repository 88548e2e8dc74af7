// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/check_rules.h"

#include <gtest/gtest.h>

#include <functional>

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

const ServiceKey web{
    .protocol = Protocol::tcp, .endpoint = parse_endpoint("192.0.2.10:80").value(), .mark = {}};

/// The field to blame when a check of HTTP is changed so; "" when it is good.
std::string blamed(const std::function<void(HealthCheck&)>& change, const ServiceKey& key = web) {
    HealthCheck check;
    check.type = CheckType::http;
    change(check);
    const auto found = problem(key, check);
    return found ? found->field : "";
}

TEST(CheckRules, TheDefaultsAreGood) {
    EXPECT_EQ(problem(web, HealthCheck()), std::nullopt);
    EXPECT_EQ(blamed([](auto&) {}), "");
}

TEST(CheckRules, TimesAndCountsHaveBounds) {
    EXPECT_EQ(blamed([](auto& c) { c.interval = 100ms; }), "");
    EXPECT_EQ(blamed([](auto& c) { c.interval = 99ms; }), "check.interval_ms");
    EXPECT_EQ(blamed([](auto& c) { c.interval = 3'600'001ms; }), "check.interval_ms");
    EXPECT_EQ(blamed([](auto& c) { c.timeout = 9ms; }), "check.timeout_ms");
    EXPECT_EQ(blamed([](auto& c) { c.timeout = 60'001ms; }), "check.timeout_ms");
    EXPECT_EQ(blamed([](auto& c) { c.rise = 0; }), "check.rise");
    EXPECT_EQ(blamed([](auto& c) { c.rise = 100; }), "");
    EXPECT_EQ(blamed([](auto& c) { c.fall = 101; }), "check.fall");
}

TEST(CheckRules, NothingCanBeAddedToTheRequest) {
    EXPECT_EQ(blamed([](auto& c) { c.path = "/a?b=c&d=%20"; }), "");
    for (const char* path : {"", "health", "/a b", "/\r\nHost: x", "/\x7F", "/\xC3\xA4"})
        EXPECT_EQ(blamed([&](auto& c) { c.path = path; }), "check.path") << path;
    EXPECT_EQ(blamed([](auto& c) { c.path = '/' + std::string(1024, 'a'); }), "check.path");
    EXPECT_EQ(blamed([](auto& c) { c.host = "a_b-1.example.org:8080"; }), "");
    EXPECT_EQ(blamed([](auto& c) { c.host = "[2001:db8::1]"; }), "");
    for (const char* host : {"a b", "a\r\nX: y", "a/b"})
        EXPECT_EQ(blamed([&](auto& c) { c.host = host; }), "check.host") << host;
    EXPECT_EQ(blamed([](auto& c) { c.host = std::string(256, 'a'); }), "check.host");
}

TEST(CheckRules, WhatOnlyHttpHasIsRefusedOfOthers) {
    const auto of_tcp = [](const std::function<void(HealthCheck&)>& change) {
        return blamed([&](HealthCheck& c) {
            c.type = CheckType::tcp;
            change(c);
        });
    };
    EXPECT_EQ(of_tcp([](auto& c) { c.path = "/x"; }), "check.path");
    EXPECT_EQ(of_tcp([](auto& c) { c.host = "x"; }), "check.host");
    EXPECT_EQ(of_tcp([](auto& c) { c.status = {200, 200}; }), "check.status");
}

TEST(CheckRules, WhereServersNeedHaveNoPortTheCheckHasOne) {
    ServiceKey marked;
    marked.protocol = Protocol::none;
    marked.mark = Mark(std::uint32_t{7});
    ServiceKey any = web;
    any.endpoint.port = {};
    for (const auto& key : {marked, any}) {
        EXPECT_EQ(blamed([](auto&) {}, key), "check.port");
        EXPECT_EQ(blamed([](auto& c) { c.port = L4Port(std::uint16_t{80}); }, key), "");
    }
}

TEST(CheckRules, ASourceIsAnAddressOfAHost) {
    EXPECT_EQ(blamed([](auto& c) { c.source = parse_address("10.1.0.1"); }), "");
    EXPECT_EQ(blamed([](auto& c) { c.source = parse_address("224.0.0.1"); }), "check.source");
}

TEST(StatusRange, IsReadAndWritten) {
    EXPECT_EQ(parse_status_range("200-399"), (StatusRange{200, 399}));
    EXPECT_EQ(parse_status_range("204"), (StatusRange{204, 204}));
    EXPECT_EQ(to_string(StatusRange{200, 399}), "200-399");
    EXPECT_EQ(to_string(StatusRange{204, 204}), "204");
    for (const char* text :
         {"", "-", "200-", "-200", "99", "600", "300-200", "200-600", "2xx", "200 ", "200-300-400"})
        EXPECT_EQ(parse_status_range(text), std::nullopt) << text;
}

}  // namespace
}  // namespace shunt::ctl
