// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/audit.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "ctl/rpc/reading_methods.h"
#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;

std::string described(std::string_view params, std::size_t most = 400) {
    return describe_params(json::parse(params).as_object(), most);
}

TEST(Audit, ParametersBecomeOneShortText) {
    EXPECT_EQ(described("{}"), "");
    EXPECT_EQ(described(R"({"service":{"protocol":"tcp","address":"192.0.2.1:80"},"weight":3})"),
              "service.protocol=tcp service.address=192.0.2.1:80 weight=3");
    EXPECT_EQ(described(R"({"rules":[{"mark":1},{"mark":2}],"flags":[],"all":true,"x":null})"),
              "rules[0].mark=1 rules[1].mark=2 flags=[] all=true x=null");
}

TEST(Audit, WhateverAClientSendsTheTextIsBounded) {
    EXPECT_EQ(described(R"({"name":"abcdefgh"})", 10), "name=abcde...");
    EXPECT_EQ(described(R"({"abcdefghijklmnop":1})", 10), "abcdefghij...");
    std::string many = R"({"rules":[0)";
    for (int i = 0; i < 10'000; ++i) many += ",1";
    EXPECT_EQ(described(many + "]}").size(), 403U);
    EXPECT_EQ(described(R"({"text":")" + std::string(100'000, 'x') + R"("})").size(), 403U);
}

TEST(Audit, ALineSaysWhoDidWhat) {
    const Caller root{.who = {.uid = 0, .gid = 0, .pid = 47}};
    EXPECT_EQ(audit_line({.caller = root, .method = "service.flush", .what = ""}),
              R"(event=audit uid=0 user=root pid=47 method=service.flush what="" result=ok)");
    const Caller unknown{.who = {.uid = 4'000'000'000U, .gid = 0, .pid = 1}};
    const auto error = refused(EEXIST, "it is there", "service");
    EXPECT_EQ(audit_line({unknown, "service.add", "service.mark=1\nresult=ok", &error}),
              R"(event=audit uid=4000000000 user="" pid=1 method=service.add )"
              R"(what="service.mark=1\x0aresult=ok" result=EEXIST)");
    const RpcError internal(RpcCode::internal, "internal error", "", 0);
    EXPECT_TRUE(audit_line({root, "x", "", &internal}).ends_with(" result=-32603"));
}

/// What is told of each request of a caller.
class AuditTest : public testing::Test {
  protected:
    std::string ask(const std::string& method, const std::string& params = "{}") {
        std::string answer;
        dispatch_line(
            R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" + params + "}",
            control.methods, [&answer](std::string a) { answer = std::move(a); },
            {.caller = caller,
             .audit = [this](const AuditRecord& record) { told.push_back(audit_line(record)); }});
        control.io.restart();
        control.io.run();
        return answer;
    }

    test::Control control;
    Caller caller{.who = {.uid = 0, .gid = 0, .pid = 5}};
    std::vector<std::string> told;
};

TEST_F(AuditTest, ChangesAreToldAndReadingIsNot) {
    ask("service.add", R"({"service":{"mark":7},"scheduler":"rr"})");
    ask("service.add", R"({"service":{"mark":7},"scheduler":"rr"})");
    ask("service.add", R"({"service":{"mark":0}})");
    ask("service.list");
    ask("no.such");
    ask("conn.flush", R"({"all":true})");
    const std::string start = R"(event=audit uid=0 user=root pid=5 method=)";
    EXPECT_EQ(told, (std::vector<std::string>{
                        start + R"(service.add what="service.mark=7 scheduler=rr" result=ok)",
                        start + R"(service.add what="service.mark=7 scheduler=rr" result=EEXIST)",
                        start + R"(service.add what="service.mark=0" result=EINVAL)",
                        start + R"(conn.flush what="all=true" result=ok)"}))
        << "conn.flush when its answer is there";
}

TEST_F(AuditTest, AReaderChangesNothing) {
    ask("service.add", R"({"service":{"mark":7}})");
    told.clear();
    caller.access = Access::read;
    std::size_t changing = 0;
    for (const Method& method : control.methods.methods()) {
        const std::string answer = ask(method.name);
        const bool is_forbidden = answer.find("\"code\":-32001") != std::string::npos;
        EXPECT_EQ(is_forbidden, method.access == Access::change) << answer;
        if (is_forbidden) {
            EXPECT_NE(answer.find(R"("message":"no right to call )" + method.name +
                                  R"(: it takes the right to change","data":{"errno":"EPERM"})"),
                      std::string::npos)
                << answer;
            changing += is_audited(method.name) ? 1 : 0;
        }
    }
    EXPECT_GE(changing, 13U);
    EXPECT_EQ(told.size(), changing);
    for (const std::string& line : told) EXPECT_TRUE(line.ends_with(" result=EPERM")) << line;
    EXPECT_EQ(control.registry.services(), 1U);
    EXPECT_NE(ask("service.list").find("\"mark\":7"), std::string::npos);
}

}  // namespace
}  // namespace shunt::ctl
