// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/pages.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <vector>

namespace shunt::cli {
namespace {

namespace json = boost::json;

/// Gives the answers one after the other, and keeps the requests.
struct Answers {
    std::vector<std::string> answers;
    std::vector<std::string> requests;

    Call call() {
        return [this](std::string_view method, const json::object& params) {
            requests.push_back(std::string(method) + ' ' + json::serialize(params));
            return json::parse(answers.at(requests.size() - 1));
        };
    }
    std::string whole(const char* method, const json::object& params = {}) {
        return json::serialize(call_whole(call(), method, params));
    }
};

using Requests = std::vector<std::string>;

TEST(Pages, ServicesGoOnBehindTheLastOne) {
    Answers a{{R"({"services":[{"service":{"mark":1}},{"service":{"mark":2}}],"more":true})",
               R"({"services":[{"service":{"mark":3}}],"more":false})"},
              {}};
    EXPECT_EQ(a.whole("service.list"),
              R"({"services":[{"service":{"mark":1}},{"service":{"mark":2}},)"
              R"({"service":{"mark":3}}]})");
    EXPECT_EQ(a.requests, (Requests{R"(service.list {"limit":500})",
                                    R"(service.list {"limit":500,"after":{"mark":2}})"}));
}

TEST(Pages, OtherListsGoOnByCursor) {
    Answers a{{R"({"drops":[1,2],"cursor":"2"})", R"({"drops":[3],"cursor":null})"}, {}};
    EXPECT_EQ(a.whole("drop.list", {{"reason", "no_route"}}), R"({"drops":[1,2,3]})");
    EXPECT_EQ(a.requests,
              (Requests{R"(drop.list {"reason":"no_route","limit":10000})",
                        R"(drop.list {"reason":"no_route","limit":10000,"cursor":"2"})"}));
}

TEST(Pages, OneServiceAndShortListsComeAsTheyAre) {
    const std::string answer = R"({"services":[],"x":1})";
    for (const auto& [method, params] : std::vector<std::pair<const char*, json::object>>{
             {"service.list", {{"service", {{"mark", 1}}}}}, {"status.get", {}}}) {
        Answers a{{answer}, {}};
        EXPECT_EQ(a.whole(method, params), answer);
        EXPECT_EQ(a.requests, Requests{std::string(method) + ' ' + json::serialize(params)});
    }
}

TEST(Pages, AnOddAnswerEndsTheList) {
    for (const char* answer : {R"({"services":[],"more":true})", R"({"services":[7],"more":true})",
                               "{}", "7", R"({"services":[{"service":{"mark":1}}],"more":7})"}) {
        Answers a{{answer}, {}};
        EXPECT_NO_THROW(a.whole("service.list")) << answer;
    }
    Answers a{{R"({"services":7})"}, {}};
    EXPECT_THROW(a.whole("service.list"), Unreachable);
}

}  // namespace
}  // namespace shunt::cli
