// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/event_text.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <cstdlib>
#include <ctime>

namespace shunt::cli {
namespace {

std::string text(std::string_view event) {
    return event_text(boost::json::parse(event).as_object());
}

TEST(EventText, IsOneLineWithTimeKindAndWhatItIsAbout) {
    setenv("TZ", "UTC", 1);
    tzset();
    EXPECT_EQ(text(R"({"sequence":8,"time":1795300000.123,"kind":"server.down",
                       "service":{"protocol":"tcp","address":"192.0.2.1:80"},
                       "server":{"address":"10.1.0.11:80"},"weight":0})"),
              "2026-11-21 22:26:40.123 server.down tcp 192.0.2.1:80 10.1.0.11:80 weight=0");
    EXPECT_EQ(text(R"({"time":0,"kind":"service.added","service":{"mark":7,"family":"ipv6"},
                       "scheduler":"wrr","servers":2})"),
              "1970-01-01 00:00:00.000 service.added mark 7 ipv6 scheduler=wrr servers=2");
    EXPECT_EQ(text(R"({"kind":"limit.reached","reason":"no_buffer","packets":3})"),
              "limit.reached reason=no_buffer packets=3");
    EXPECT_EQ(text(R"({"lost":12})"), "lost 12");
}

TEST(EventText, WhatIsNotAsExpectedIsShownAsItIs) {
    EXPECT_EQ(text("{}"), "");
    EXPECT_EQ(text(R"({"time":"now","kind":7,"service":1,"more":{"a":[1]}})"),
              R"(now 7 1 more={"a":[1]})");
    EXPECT_EQ(text(R"({"time":1e300,"kind":"x"})"), "1E300 x");
    EXPECT_EQ(text(R"({"time":-1,"kind":"x"})"), "-1 x");
}

}  // namespace
}  // namespace shunt::cli
