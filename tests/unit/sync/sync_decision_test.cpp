// SPDX-License-Identifier: BSD-3-Clause
#include "sync/sync_decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace shunt {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

constexpr TickTime start{Ticks(100'000)};

SyncSubject tcp(TcpState state, std::uint32_t packets) {
    return {.protocol = Protocol::tcp,
            .state = static_cast<std::uint8_t>(state),
            .packets = packets,
            .timeout = std::chrono::duration<std::uint32_t>(900)};
}

/// The packets of `last` at which the subject is told of.
std::vector<std::uint32_t> told_at(const SyncRules& rules, SyncSubject what, std::uint32_t last) {
    SyncMemo memo;
    std::vector<std::uint32_t> told;
    for (what.packets = 1; what.packets <= last; ++what.packets)
        if (is_to_be_told(rules, what, memo, start)) told.push_back(what.packets);
    return told;
}

TEST(SyncDecision, CountsThePacketsOfTheClient) {
    EXPECT_THAT(told_at({}, tcp(TcpState::established, 0), 160), ElementsAre(3, 53, 103, 153));
    const SyncSubject udp{.protocol = Protocol::udp, .timeout = 300s};
    EXPECT_THAT(told_at({}, udp, 60), ElementsAre(3, 53));
    EXPECT_THAT(told_at({.threshold = 0, .period = 20}, udp, 45), ElementsAre(20, 40));
    EXPECT_THAT(told_at({.threshold = 4, .period = 0}, udp, 300), ElementsAre(4));
}

TEST(SyncDecision, TellsAtOnceOfTheStatesThatEndAConnection) {
    for (const TcpState state :
         {TcpState::fin_wait, TcpState::close, TcpState::close_wait, TcpState::time_wait}) {
        SyncMemo memo;
        EXPECT_TRUE(is_to_be_told({}, tcp(state, 1), memo, start));
        EXPECT_EQ(memo.state, static_cast<std::uint8_t>(state));
        EXPECT_FALSE(is_to_be_told({}, tcp(state, 2), memo, start)) << "not twice";
        EXPECT_TRUE(is_to_be_told({}, tcp(state, 3), memo, start)) << "but by count";
    }
    for (const SctpState state : {SctpState::shutdown_sent, SctpState::shutdown_received,
                                  SctpState::shutdown_ack_sent, SctpState::closed}) {
        SyncMemo memo;
        const SyncSubject what{.protocol = Protocol::sctp,
                               .state = static_cast<std::uint8_t>(state),
                               .packets = 1,
                               .timeout = 61s};
        EXPECT_TRUE(is_to_be_told({}, what, memo, start));
        EXPECT_FALSE(is_to_be_told({}, what, memo, start));
    }
}

TEST(SyncDecision, SaysNothingOfStatesThatMayNotLast) {
    for (const TcpState state : {TcpState::none, TcpState::syn_sent, TcpState::syn_recv,
                                 TcpState::last_ack, TcpState::listen, TcpState::synack})
        EXPECT_TRUE(told_at({}, tcp(state, 0), 60).empty()) << static_cast<int>(state);
    for (const SctpState state :
         {SctpState::none, SctpState::init1, SctpState::cookie_echoed, SctpState::rejected}) {
        const SyncSubject what{.protocol = Protocol::sctp,
                               .state = static_cast<std::uint8_t>(state)};
        EXPECT_TRUE(told_at({}, what, 60).empty()) << static_cast<int>(state);
    }
}

TEST(SyncDecision, LeavesTiedConnectionsToTheirTemplatesIfAsked) {
    SyncSubject what = tcp(TcpState::fin_wait, 0);
    what.tied = true;
    EXPECT_FALSE(told_at({}, what, 3).empty());
    EXPECT_TRUE(told_at({.templates_only = true}, what, 60).empty());
    what.tied = false;
    EXPECT_FALSE(told_at({.templates_only = true}, what, 60).empty());
    const SyncSubject its_template{.is_template = true, .tied = true, .timeout = 360s};
    EXPECT_EQ(told_at({.templates_only = true}, its_template, 5).size(), 5U);
}

/// A packet a second; the seconds at which it is told of.
std::vector<int> told_in_time(const SyncRules& rules, SyncSubject what, int seconds) {
    SyncMemo memo;
    std::vector<int> told;
    for (int s = 0; s < seconds; ++s) {
        ++what.packets;
        if (is_to_be_told(rules, what, memo, start + std::chrono::duration<std::uint32_t>(s)))
            told.push_back(s);
    }
    return told;
}

TEST(SyncDecision, TellsAgainWhenTheEndHasMovedByTheRefreshPeriod) {
    const SyncRules rules{.threshold = 3, .period = 0, .refresh = 60s};
    EXPECT_THAT(told_in_time(rules, tcp(TcpState::established, 0), 200),
                ElementsAre(0, 60, 120, 180));
    // Half of a short life, but no less than 10 s.
    SyncSubject brief = tcp(TcpState::established, 0);
    brief.timeout = 40s;
    EXPECT_THAT(told_in_time(rules, brief, 50), ElementsAre(0, 20, 40));
    brief.timeout = 6s;
    EXPECT_THAT(told_in_time(rules, brief, 25), ElementsAre(0, 10, 20));
}

TEST(SyncDecision, TellsAgainSoonAsOftenAsRetriesAllow) {
    const SyncRules rules{.threshold = 3, .period = 0, .refresh = 80s, .retries = 2};
    EXPECT_THAT(told_in_time(rules, tcp(TcpState::established, 0), 110),
                ElementsAre(0, 10, 20, 100));
}

TEST(SyncDecision, TheCountDecidesAlsoWithARefreshPeriod) {
    const SyncRules rules{.threshold = 3, .period = 50, .refresh = 10s};
    EXPECT_THAT(told_in_time(rules, tcp(TcpState::established, 0), 110), ElementsAre(2, 52, 102));
    const SyncSubject its_template{.is_template = true, .timeout = 360s};
    EXPECT_THAT(told_in_time(rules, its_template, 25), ElementsAre(0, 10, 20));
}

TEST(SyncDecision, TakesItsRulesFromTheTunables) {
    Tunables tunables;
    EXPECT_EQ(SyncRules::of(tunables).threshold, 3U);
    EXPECT_EQ(SyncRules::of(tunables).period, 50U);
    tunables.sync_threshold = "7 0";
    tunables.sync_refresh_period = 2'147'483'647;
    tunables.sync_retries = 3;
    tunables.sync_persist_mode = 1;
    const SyncRules rules = SyncRules::of(tunables);
    EXPECT_EQ(rules.threshold, 7U);
    EXPECT_EQ(rules.period, 0U);
    EXPECT_EQ(rules.refresh, Ticks(1'000'000'000));
    EXPECT_EQ(rules.retries, 3);
    EXPECT_TRUE(rules.templates_only);
}

}  // namespace
}  // namespace shunt
