// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/paging.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>

#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;

class PagingTest : public testing::Test {
  protected:
    json::object ask(const std::string& method, const std::string& params) {
        return json::parse(control.ask(R"({"jsonrpc":"2.0","id":1,"method":")" + method +
                                       R"(","params":)" + params + "}"))
            .as_object();
    }
    json::object result(const std::string& method, const std::string& params) {
        const auto answer = ask(method, params);
        EXPECT_TRUE(answer.contains("result")) << json::serialize(answer);
        return answer.contains("result") ? answer.at("result").as_object() : json::object();
    }
    std::string refusal(const std::string& method, const std::string& params) {
        const auto answer = ask(method, params);
        EXPECT_TRUE(answer.contains("error")) << json::serialize(answer);
        return answer.contains("error") ? json::serialize(answer.at("error").at("message")) : "";
    }
    /// All rows, page by page.
    json::array pages(const std::string& method, const char* key, int limit) {
        json::array all;
        json::value cursor = nullptr;
        do {
            const auto page =
                result(method, json::serialize(json::object{{"limit", limit}, {"cursor", cursor}}));
            const auto& rows = page.at(key).as_array();
            EXPECT_LE(rows.size(), static_cast<std::size_t>(limit));
            all.insert(all.end(), rows.begin(), rows.end());
            cursor = page.at("cursor");
            EXPECT_TRUE(cursor.is_null() || !rows.empty());
        } while (!cursor.is_null());
        return all;
    }

    test::Control control;
};

TEST_F(PagingTest, PagesOfEveryListAreTheWholeList) {
    json::array rules;
    for (int mark = 1; mark <= 23; ++mark) rules.emplace_back(json::object{{"mark", mark}});
    result("mark.set", json::serialize(json::object{{"rules", rules}}));
    for (const auto& [method, key] :
         {std::pair{"mark.list", "rules"}, std::pair{"tunable.list", "tunables"},
          std::pair{"scheduler.list", "schedulers"}, std::pair{"worker.list", "workers"},
          std::pair{"port.list", "ports"}, std::pair{"app.list", "apps"},
          std::pair{"drop.list", "drops"}}) {
        const auto whole = result(method, "{}");
        EXPECT_FALSE(whole.contains("cursor")) << method;
        for (const int limit : {1, 7, 100'000})
            EXPECT_EQ(pages(method, key, limit), whole.at(key)) << method << ' ' << limit;
    }
    EXPECT_EQ(pages("mark.list", "rules", 23).size(), 23U) << "the last page is full";
}

TEST_F(PagingTest, ServersOfAService) {
    const std::string service = R"({"service":{"mark":7})";
    result("service.add", service + "}");
    for (int i = 1; i <= 5; ++i)
        result("dest.add",
               service + R"(,"server":{"address":"10.0.0.)" + std::to_string(i) + R"(:80"}})");
    const auto whole = result("service.list", service + "}");
    const auto& servers = whole.at("services").at(0).at("servers").as_array();
    EXPECT_EQ(result("dest.list", service + "}").at("servers"), servers);
    const auto page = result("dest.list", service + R"(,"limit":2,"cursor":"2"})");
    EXPECT_EQ(page.at("servers"), (json::array{servers[2], servers[3]}));
    EXPECT_EQ(result("dest.list", service + R"(,"cursor":"4"})").at("servers"),
              json::array{servers[4]});
    EXPECT_EQ(ask("dest.list", R"({"service":{"mark":8}})").at("error").at("data").at("errno"),
              "ESRCH");
}

TEST_F(PagingTest, BehindTheEndThereIsNothing) {
    EXPECT_EQ(json::serialize(result("scheduler.list", R"({"cursor":"4000000000","limit":3})")),
              R"({"schedulers":[],"cursor":null})");
}

TEST_F(PagingTest, WhatIsNoCursorOrLimitIsRefused) {
    for (const char* cursor : {"", "x", "-1", "1x", "99999999999999999999999"})
        EXPECT_NE(refusal("port.list", R"({"cursor":")" + std::string(cursor) + "\"}")
                      .find("is none that this method gave"),
                  std::string::npos)
            << cursor;
    refusal("port.list", R"({"cursor":7})");
    for (const char* limit : {"0", "-1", "100001", "\"7\""})
        EXPECT_NE(refusal("port.list", R"({"limit":)" + std::string(limit) + "}").find("limit"),
                  std::string::npos);
}

}  // namespace
}  // namespace shunt::ctl
