// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/events.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <map>
#include <set>

#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;

EventKinds only(EventKind kind) {
    return EventKinds().set(static_cast<std::size_t>(kind));
}

TEST(EventKinds, AreFoundByNameAndByWhatStandsBeforeTheDot) {
    EXPECT_EQ(find_event_kinds("server.down"), only(EventKind::server_down));
    const auto limits = find_event_kinds("limit");
    EXPECT_EQ(limits, only(EventKind::limit_reached) | only(EventKind::limit_over));
    EXPECT_EQ(find_event_kinds("server")->count(), 7U);
    for (const auto* wrong : {"", ".", "server.", "serve", "server.downs", "down", "Server"})
        EXPECT_FALSE(find_event_kinds(wrong)) << wrong;
    std::set<std::string_view> names;
    for (const auto& text : event_kind_texts) names.insert(text.name);
    EXPECT_EQ(names.size(), event_kind_count);
}

TEST(EventBus, TellsThoseWhoWantToHear) {
    EventBus bus;
    std::vector<std::string> heard;
    const auto listener = [&heard](const std::string& who) {
        return [&heard, who](const Event& event) {
            heard.push_back(who + ' ' + std::string(name(event.kind)) + ' ' +
                            std::to_string(event.sequence) + json::serialize(event.about));
        };
    };
    bus.publish(EventKind::config_saved, {});
    auto all = bus.subscribe(EventKinds().set(), listener("all"));
    const auto down = bus.subscribe(only(EventKind::server_down), listener("down"));
    bus.publish(EventKind::server_up, {{"weight", 1}});
    bus.publish(EventKind::server_down, {{"weight", 0}});
    all.reset();
    bus.publish(EventKind::server_down, {});
    EXPECT_EQ(heard, (std::vector<std::string>{
                         "all server.up 2{\"weight\":1}", "all server.down 3{\"weight\":0}",
                         "down server.down 3{\"weight\":0}", "down server.down 4{}"}));
    EXPECT_EQ(bus.sequence(), 4U);
}

TEST(EventBus, ListenersMayComeAndGoMeanwhile) {
    EventBus bus;
    int first = 0;
    int second = 0;
    EventBus::Subscription later;
    EventBus::Subscription once;
    once = bus.subscribe(EventKinds().set(), [&](const Event&) {
        ++first;
        later = bus.subscribe(EventKinds().set(), [&](const Event&) { ++second; });
        once.reset();
    });
    bus.publish(EventKind::server_up, {});
    EXPECT_EQ(second, 0) << "it came behind the event";
    bus.publish(EventKind::server_up, {});
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second, 1);
}

TEST(EventBus, AnEventAsJsonHasTimeSequenceAndKind) {
    const Event event{
        .sequence = 7,
        .time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'795'300'000'123)),
        .kind = EventKind::limit_reached,
        .about = {{"reason", "no_buffer"}}};
    EXPECT_EQ(json::value(to_json(event)),
              json::parse(R"({"sequence":7,"time":1795300000.123,"kind":"limit.reached",
                              "reason":"no_buffer"})"));
}

// The methods.

class EventMethods : public testing::Test, protected EventReceiver {
  protected:
    void subscribe(EventBus& bus, EventKinds kinds) override {
        subscription =
            bus.subscribe(kinds, [this](const Event& event) { heard.push_back(name(event.kind)); });
    }
    void unsubscribe() override { subscription.reset(); }
    std::string ask(std::string_view line, bool connected = true) {
        std::string answer;
        dispatch_line(line, control.methods, [&answer](std::string a) { answer = std::move(a); },
                      {.receiver = connected ? this : nullptr});
        return answer;
    }

    test::Control control;
    EventBus::Subscription subscription;
    std::vector<std::string_view> heard;
};

TEST_F(EventMethods, AClientHearsOfTheKindsThatItAsksFor) {
    control.events.publish(EventKind::server_up, {});
    EXPECT_EQ(ask(R"({"jsonrpc":"2.0","id":1,"method":"events.subscribe",)"
                  R"("params":{"kinds":["limit","config.saved"]}})"),
              R"({"jsonrpc":"2.0","id":1,"result":{"kinds":["limit.reached","limit.over",)"
              R"("config.saved"],"sequence":1}})"
              "\n");
    control.events.publish(EventKind::server_up, {});
    ask(R"({"jsonrpc":"2.0","id":1,"method":"config.save"})");
    EXPECT_EQ(heard, std::vector<std::string_view>{"config.saved"});
    EXPECT_EQ(ask(R"({"jsonrpc":"2.0","id":1,"method":"events.unsubscribe"})"),
              "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
    ask(R"({"jsonrpc":"2.0","id":1,"method":"config.save"})");
    EXPECT_EQ(heard.size(), 1U);
    ask(R"({"jsonrpc":"2.0","id":1,"method":"events.subscribe"})");
    control.events.publish(EventKind::server_up, {});
    EXPECT_EQ(heard.size(), 2U) << "without kinds it is all of them";
}

TEST_F(EventMethods, WhatIsNoKindIsNamed) {
    const auto error = [this](const std::string& kinds) {
        return ask(R"({"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{"kinds":)" +
                   kinds + "}}");
    };
    EXPECT_NE(error(R"(["server","servers"])")
                  .find(R"("message":"kinds[1]: \"servers\" is no kind of events; )"
                        R"(docs/protocol.md lists those there are","data":{"path":"kinds[1]")"),
              std::string::npos);
    EXPECT_NE(error("[]").find(R"("path":"kinds")"), std::string::npos);
    EXPECT_NE(error("7").find(R"("path":"kinds")"), std::string::npos);
    EXPECT_EQ(subscription, nullptr);
    EXPECT_NE(ask(R"({"jsonrpc":"2.0","id":1,"method":"events.subscribe"})", false)
                  .find("there is no connection to send events by"),
              std::string::npos);
}

/// The kinds in the table of the page's section about events, with what they mean.
std::map<std::string, std::string> documented_kinds() {
    std::ifstream page(SHUNT_SOURCE_DIR "/docs/protocol.md");
    std::map<std::string, std::string> out;
    bool in_events = false;
    for (std::string line; std::getline(page, line);) {
        if (line.starts_with("## ")) in_events = line == "## Events";
        if (!in_events || !line.starts_with("| `")) continue;
        const auto end = line.find("` | ", 3);
        const auto last = line.rfind(" | ");
        out[line.substr(3, end - 3)] = line.substr(end + 4, last - end - 4);
    }
    return out;
}

TEST(EventKinds, TheProtocolPageListsExactlyThese) {
    std::map<std::string, std::string> known;
    for (const auto& text : event_kind_texts)
        known.emplace(std::string(text.name), std::string(text.meaning));
    EXPECT_EQ(documented_kinds(), known);
}

}  // namespace
}  // namespace shunt::ctl
