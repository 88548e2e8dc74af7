// SPDX-License-Identifier: BSD-3-Clause
// Captures and traces by their methods, with real workers on devices of rings.
#include "ctl/methods/watch_methods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/base64.h"
#include "support/worker_bench.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;
using namespace test;
using ::testing::HasSubstr;
namespace json = boost::json;

class WatchMethods : public ::testing::Test {
  protected:
    WatchMethods() { bench.add_usual_services(); }
    ~WatchMethods() override {
        for (std::uint16_t w = 0; w < 2; ++w) bench.worker(w).counters.watch = nullptr;
    }

    /// The answer to one line; workers and timers run until it is there.
    json::object ask(const std::string& line) {
        std::string answer;
        dispatch_line(line, methods, [&answer](std::string a) { answer = std::move(a); });
        const auto until = std::chrono::steady_clock::now() + 10s;
        while (answer.empty() && std::chrono::steady_clock::now() < until) run();
        EXPECT_FALSE(answer.empty()) << line;
        return answer.empty() ? json::object() : json::parse(answer).get_object();
    }
    json::object call(const std::string& method, const json::object& params = {}) {
        const json::object request{
            {"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}};
        return ask(json::serialize(request));
    }
    json::object result(const std::string& method, const json::object& params = {}) {
        auto answer = call(method, params);
        EXPECT_TRUE(answer.contains("result")) << json::serialize(answer);
        return answer.contains("result") ? answer["result"].get_object() : json::object();
    }
    /// "path: sentence" of the error.
    std::string refusal(const std::string& method, const json::object& params = {}) {
        auto answer = call(method, params);
        if (!answer.contains("error")) return "it was done: " + json::serialize(answer);
        auto& error = answer["error"].get_object();
        std::string path;
        if (error.contains("data"))
            if (auto* p = error["data"].get_object().if_contains("path")) path = p->get_string();
        return path + ": " + std::string(error["message"].get_string());
    }
    void run() {
        bench.settle();
        io.restart();
        io.run_one_for(2ms);
    }
    void send(int port) {
        bench.put(
            wan, from_client(v4).tcp(static_cast<std::uint16_t>(port), 80, TcpHeader::syn).build());
    }
    bool watched() {
        return bench.worker(0).counters.watch != nullptr ||
               bench.worker(1).counters.watch != nullptr;
    }
    /// What `member` of the answers holds until the session is done.
    std::vector<json::value> read_all(const std::string& method, const json::value& session,
                                      const char* member) {
        std::vector<json::value> all;
        for (int i = 0; i < 1000; ++i) {
            auto part = result(method, {{"session", session}});
            all.push_back(part[member]);
            if (part["done"] == true) {
                ended = std::string(part["ended"].as_string());
                return all;
            }
        }
        ADD_FAILURE() << "it has no end";
        return all;
    }

    WorkerBench bench{{.workers = 2}};
    boost::asio::io_context io;
    WatchControl control{io,
                         2,
                         [this](WorkerId w, WorkerRequest& request) {
                             request.step(bench.worker(w.value()));
                             request.finish();
                             return true;
                         },
                         {.poll = 1ms, .client = 300ms, .rest = 20ms, .answer = 20ms}};
    MethodTable methods{watch_methods(&control, [] {
        return std::vector<WatchPort>{{"wan0", true}, {"lan0", true}};
    })};
    std::string ended;
};

TEST_F(WatchMethods, ACaptureIsAFile) {
    const auto session = result("capture.start", {{"packets", 3}})["session"];
    EXPECT_TRUE(watched());
    for (int i = 0; i < 5; ++i) send(40000 + i);
    std::string file;
    for (const auto& part : read_all("capture.read", session, "data"))
        file += from_base64(part.get_string()).value();
    EXPECT_EQ(ended, "packets");
    EXPECT_FALSE(watched());
    std::size_t packets = 0;
    for (std::size_t at = 0; at + 8 <= file.size();) {
        std::uint32_t head[2];
        std::memcpy(head, file.data() + at, sizeof(head));
        ASSERT_GE(head[1], 12U);
        packets += head[0] == 6;
        at += head[1];
    }
    EXPECT_EQ(packets, 6U);
    EXPECT_EQ(bench.sent(lan).size(), 5U);
    EXPECT_FALSE(control.active()) << "it was read to its end";
}

TEST_F(WatchMethods, ATraceIsALineADecision) {
    const auto session =
        result("trace.start", {{"packets", 1}, {"filter", {{"protocol", "tcp"}}}})["session"];
    send(40000);
    std::string text;
    for (const auto& part : read_all("trace.read", session, "steps"))
        for (const auto& step : part.get_array())
            text += std::string(step.at("stage").as_string()) + ": " +
                    std::string(step.at("decision").as_string()) + '\n';
    EXPECT_THAT(text, HasSubstr("receive: by wan0: tcp 192.0.2.100:40000 > 192.0.2.10:80 SYN, "));
    EXPECT_THAT(text, HasSubstr("parse: ok: IPv4\n"));
    EXPECT_THAT(text, HasSubstr("classify: mine\n"));
    EXPECT_THAT(text, HasSubstr("lookup: miss\n"));
    EXPECT_THAT(text, HasSubstr("admit: new connection: client 192.0.2.100:40000, service tcp "
                                "192.0.2.10:80 turns -> 198.51.100.11:8080\n"));
    EXPECT_THAT(text, HasSubstr("advance: state NONE -> SYN_RECV\n"));
    EXPECT_THAT(text, HasSubstr("forward: nat\nresolve: next hop 02:00:00:00:02:0b by lan0\n"));
    EXPECT_THAT(text, HasSubstr("send: to lan0: tcp 192.0.2.100:40000 > 198.51.100.11:8080 SYN"));
}

TEST_F(WatchMethods, OneAtATime) {
    const auto session = result("capture.start")["session"];
    EXPECT_THAT(refusal("trace.start"), HasSubstr("already"));
    EXPECT_THAT(refusal("capture.start"), HasSubstr("already"));
    result("capture.stop", {{"session", session}});
    read_all("capture.read", session, "data");
    EXPECT_EQ(ended, "stopped");
    EXPECT_THAT(refusal("capture.read", {{"session", session}}), HasSubstr("session: there is no"));
    EXPECT_TRUE(call("trace.start").contains("result"));
}

TEST_F(WatchMethods, EndsWhenNobodyReads) {
    result("capture.start");
    EXPECT_TRUE(watched());
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (control.active() && std::chrono::steady_clock::now() < until) run();
    EXPECT_FALSE(control.active());
    EXPECT_FALSE(watched());
}

TEST_F(WatchMethods, EndsByTimeAndByBytes) {
    auto session = result("capture.start", {{"seconds", 1}})["session"];
    read_all("capture.read", session, "data");
    EXPECT_EQ(ended, "seconds");
    session = result("capture.start", {{"bytes", 700}})["session"];
    for (int i = 0; i < 20; ++i) send(41000 + i);
    std::size_t bytes = 0;
    for (const auto& part : read_all("capture.read", session, "data"))
        bytes += from_base64(part.get_string()).value().size();
    EXPECT_EQ(ended, "bytes");
    EXPECT_LT(bytes, 1100U);
}

TEST_F(WatchMethods, RefusesWhatCannotBe) {
    const auto filter = [this](const char* text, const char* method = "capture.start") {
        return refusal(method, {{"filter", json::parse(text)}});
    };
    EXPECT_THAT(filter(R"({"protocol": "ipx"})"), HasSubstr("filter.protocol: "));
    EXPECT_THAT(filter(R"({"client": "192.0.2.1/24"})"), HasSubstr("filter.client: "));
    EXPECT_THAT(filter(R"({"virtual": "192.0.2.1"})"), HasSubstr("filter.virtual: "));
    EXPECT_THAT(filter(R"({"server": 80})"), HasSubstr("filter.server: "));
    EXPECT_THAT(filter(R"({"address": "x"})"), HasSubstr("filter.address: "));
    EXPECT_THAT(filter(R"({"l4_port": 0})"), HasSubstr("filter.l4_port: "));
    EXPECT_THAT(filter(R"({"port": "eth7"})"), HasSubstr("filter.port: is not there"));
    EXPECT_THAT(filter(R"({"worker": 2})"), HasSubstr("workers are 0 to 1"));
    EXPECT_THAT(filter(R"({"dropped": true})", "trace.start"), HasSubstr("filter.dropped: "));
    EXPECT_THAT(refusal("capture.start", {{"packets", 0}}), HasSubstr("packets: "));
    EXPECT_THAT(refusal("capture.start", {{"snap", 10}}), HasSubstr("snap: "));
    EXPECT_THAT(refusal("capture.read", {{"session", 9}}), HasSubstr("session: there is no"));
    EXPECT_FALSE(watched());
}

TEST_F(WatchMethods, ASessionIsOfOneKind) {
    const auto session = result("trace.start")["session"];
    EXPECT_THAT(refusal("capture.read", {{"session", session}}), HasSubstr("other kind"));
}

}  // namespace
}  // namespace shunt::ctl
