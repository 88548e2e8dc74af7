// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/rpc_dispatch.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cerrno>
#include <stdexcept>

namespace shunt::ctl {
namespace {

namespace json = boost::json;

/// A few methods, and what they were asked.
struct Fixture {
    MethodTable methods{
        {{"echo",
          {{"text", true}, {"again"}},
          [this](const Params& p, const Respond& respond) {
              ++calls;
              respond(json::value(p.text("text")));
          }},
         {"later", {}, [this](const Params&, const Respond& respond) { pending = respond; }},
         {"refuse",
          {},
          [](const Params&, const Respond&) { throw refused(EEXIST, "it is there", "here"); }},
         {"break", {}, [](const Params&, const Respond&) { throw std::runtime_error("oh"); }}}};
    int calls = 0;
    Respond pending;

    std::string ask(std::string_view line) {
        std::string answer = "(none)";
        int times = 0;
        dispatch_line(line, methods, [&](std::string a) {
            answer = std::move(a);
            ++times;
        });
        EXPECT_EQ(times, pending ? 0 : 1) << line;
        return answer;
    }
};

std::string error(int code, std::string_view message, std::string_view id = "null") {
    return R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"error":{"code":)" +
           std::to_string(code) + R"(,"message":")" + std::string(message) + "\"}}\n";
}

TEST(RpcDispatch, AnswersWithTheIdOfTheRequest) {
    Fixture f;
    EXPECT_EQ(f.ask(R"({"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"a"}})"),
              "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"a\"}\n");
    EXPECT_EQ(f.ask(R"({"params":{"text":"\n"},"method":"echo","id":"x","jsonrpc":"2.0"})"),
              "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":\"\\n\"}\n");
    EXPECT_EQ(f.ask(R"({"jsonrpc":"2.0","id":null,"method":"echo","params":{"text":""}})"),
              "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":\"\"}\n");
    EXPECT_EQ(
        f.ask(
            R"({"jsonrpc":"2.0","id":18446744073709551615,"method":"echo","params":{"text":""}})"),
        "{\"jsonrpc\":\"2.0\",\"id\":18446744073709551615,\"result\":\"\"}\n");
    EXPECT_EQ(f.calls, 4);
}

TEST(RpcDispatch, NotificationsAreDoneAndNeverAnswered) {
    Fixture f;
    EXPECT_EQ(f.ask(R"({"jsonrpc":"2.0","method":"echo","params":{"text":"a"}})"), "");
    EXPECT_EQ(f.calls, 1);
    EXPECT_EQ(f.ask(R"({"jsonrpc":"2.0","method":"refuse"})"), "");
    EXPECT_EQ(f.ask(R"({"jsonrpc":"2.0","method":"break"})"), "");
    EXPECT_EQ(f.ask(R"({"jsonrpc":"2.0","method":"echo"})"), "");
    EXPECT_EQ(f.ask(R"({"jsonrpc":"2.0","method":"nope"})"), "");
}

TEST(RpcDispatch, AnHandlerMayTakeItsTime) {
    Fixture f;
    std::string answer;
    dispatch_line(R"({"jsonrpc":"2.0","id":5,"method":"later"})", f.methods,
                  [&](std::string a) { answer = std::move(a); });
    EXPECT_EQ(answer, "");
    f.pending(json::value(9));
    EXPECT_EQ(answer, "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":9}\n");
}

TEST(RpcDispatch, ErrorsCarryCodeSentencePlaceAndErrno) {
    Fixture f;
    EXPECT_EQ(f.ask(R"({"jsonrpc":"2.0","id":1,"method":"refuse"})"),
              R"({"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"it is there",)"
              "\"data\":{\"path\":\"here\",\"errno\":\"EEXIST\"}}}\n");
    EXPECT_EQ(f.ask(R"({"jsonrpc":"2.0","id":1,"method":"break"})"),
              error(-32603, "internal error: oh", "1"));
    EXPECT_EQ(f.ask(R"({"jsonrpc":"2.0","id":1,"method":"nope"})"),
              error(-32601, "no such method; docs/protocol.md lists those there are", "1"));
}

TEST(RpcDispatch, ASentenceStaysOnItsLineWhateverItRepeats) {
    EXPECT_STREQ(refused(EINVAL, std::string("\"a\0b\n\x7f\" is \xc3\xa4", 13), "").what(),
                 "\"a?b??\" is \xc3\xa4");
}

TEST(RpcDispatch, WhatIsNoRequestIsRefused) {
    struct Row {
        const char* line;
        const char* sentence;
        const char* id;
    };
    Fixture f;
    for (const auto& [line, sentence, id] : std::initializer_list<Row>{
             {"1", "a request is an object", "null"},
             {"null", "a request is an object", "null"},
             {"[]", "batches are not taken: one request a line", "null"},
             {"{}", "jsonrpc must be \\\"2.0\\\"", "null"},
             {R"({"id":4})", "jsonrpc must be \\\"2.0\\\"", "4"},
             {R"({"jsonrpc":2.0,"id":4,"method":"echo"})", "jsonrpc must be \\\"2.0\\\"", "4"},
             {R"({"jsonrpc":"1.0","id":4,"method":"echo"})", "jsonrpc must be \\\"2.0\\\"", "4"},
             {R"({"jsonrpc":"2.0","id":4})", "method is missing", "4"},
             {R"({"jsonrpc":"2.0","id":4,"method":5})", "method must be a string", "4"},
             {R"({"jsonrpc":"2.0","id":[4],"method":"echo"})",
              "id must be a string, a number or null", "null"},
             {R"({"jsonrpc":"2.0","id":1e400,"method":"echo"})",
              "id must be a string, a number or null", "null"},
             {R"({"jsonrpc":"2.0","id":4,"method":"echo","parms":{"text":"a"}})",
              "only jsonrpc, id, method and params may stand in a request", "4"}})
        EXPECT_EQ(f.ask(line), error(-32600, sentence, id)) << line;
    EXPECT_EQ(f.calls, 0);
}

TEST(RpcDispatch, WhatIsNoJsonIsRefused) {
    Fixture f;
    const std::string deep = std::string(17, '[') + std::string(17, ']');
    for (const std::string& line :
         {std::string(""), std::string("{"), std::string("{} {}"), std::string("nul"),
          std::string("\"\xff\""), std::string("\0", 1), std::string(100'000, '['), deep,
          std::string("{\"jsonrpc\":\"2.0\"")})
        EXPECT_TRUE(f.ask(line).starts_with(
            R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not JSON: )"))
            << line;
    EXPECT_TRUE(f.ask(std::string(16, '[') + std::string(16, ']')).find("-32600") !=
                std::string::npos);
}

TEST(RpcDispatch, ParametersAreAnObjectOfKnownNames) {
    Fixture f;
    const auto ask = [&f](const std::string& params) {
        return f.ask(R"({"jsonrpc":"2.0","id":1,"method":"echo","params":)" + params + "}");
    };
    EXPECT_NE(ask("[1]").find("params must be an object"), std::string::npos);
    EXPECT_NE(ask("{}").find(R"("message":"text: is missing","data":{"path":"text")"),
              std::string::npos);
    EXPECT_NE(ask(R"({"text":"a","more":1})").find(R"("path":"more")"), std::string::npos);
    EXPECT_EQ(f.calls, 0);
    EXPECT_NE(ask(R"({"text":"a","again":1})").find(R"("result":"a")"), std::string::npos);
    // A name of the client's comes back short and printable.
    const auto answer = ask("{\"text\":\"a\",\"\\u0001" + std::string(5000, 'x') + "\":1}");
    EXPECT_LT(answer.size(), 250U);
    EXPECT_NE(answer.find("\"?xxx"), std::string::npos);
}

TEST(MethodTable, FindsByWholeName) {
    const MethodTable methods({{"b.x", {}, {}}, {"a.y", {}, {}}});
    ASSERT_NE(methods.find("a.y"), nullptr);
    EXPECT_EQ(methods.find("a.y")->name, "a.y");
    EXPECT_EQ(methods.find("a."), nullptr);
    EXPECT_EQ(methods.find("a.yy"), nullptr);
    EXPECT_EQ(methods.find(""), nullptr);
}

}  // namespace
}  // namespace shunt::ctl
