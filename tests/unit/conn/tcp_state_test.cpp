// SPDX-License-Identifier: BSD-3-Clause
// The tables, typed from the protocol description cell by cell, not from the code.
#include "conn/tcp_state.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "conn/timeouts.h"

namespace shunt {
namespace {

using namespace std::chrono_literals;

const std::array<std::string_view, tcp_state_count> columns = {"NO", "ES", "SS", "SR", "FW", "TW",
                                                               "CL", "CW", "LA", "LI", "SA"};
struct Row {
    TcpSide side;
    std::uint8_t flag;
    std::string_view cells;
};
using Rows = std::array<Row, 12>;
const Rows rows = {{
    {TcpSide::from_client, TcpHeader::syn, "SR ES ES SR SR SR SR SR SR SR SR"},
    {TcpSide::from_client, TcpHeader::fin, "CL CW SS TW TW TW CL CW LA LI TW"},
    {TcpSide::from_client, TcpHeader::ack, "ES ES SS ES FW TW CL CW CL LI ES"},
    {TcpSide::from_client, TcpHeader::rst, "CL CL CL SR CL CL CL CL LA LI SR"},
    {TcpSide::from_server, TcpHeader::syn, "SS ES SS SR SS SS SS SS SS LI SR"},
    {TcpSide::from_server, TcpHeader::fin, "TW FW SS TW FW TW CL TW LA LI TW"},
    {TcpSide::from_server, TcpHeader::ack, "ES ES SS ES FW TW CL CW LA ES ES"},
    {TcpSide::from_server, TcpHeader::rst, "CL CL SS CL CL TW CL CL CL CL CL"},
    {TcpSide::client_only, TcpHeader::syn, "SR ES ES SR SR SR SR SR SR SR SR"},
    {TcpSide::client_only, TcpHeader::fin, "CL FW SS TW FW TW CL CW LA LI TW"},
    {TcpSide::client_only, TcpHeader::ack, "ES ES SS ES FW TW CL CW CL LI ES"},
    {TcpSide::client_only, TcpHeader::rst, "CL CL CL SR CL CL CL CL LA LI CL"},
}};

const Rows secure_rows = {{
    {TcpSide::from_client, TcpHeader::syn, "SR ES ES SR SR SR SR SR SR SR SA"},
    {TcpSide::from_client, TcpHeader::fin, "CL CW SS TW TW TW CL CW LA LI SA"},
    {TcpSide::from_client, TcpHeader::ack, "ES ES SS SR FW TW CL CW CL LI SA"},
    {TcpSide::from_client, TcpHeader::rst, "CL CL CL SR CL CL CL CL LA LI CL"},
    {TcpSide::from_server, TcpHeader::syn, "SS ES SS SA SS SS SS SS SS LI SA"},
    {TcpSide::from_server, TcpHeader::fin, "TW FW SS TW FW TW CL TW LA LI TW"},
    {TcpSide::from_server, TcpHeader::ack, "ES ES SS ES FW TW CL CW LA ES ES"},
    {TcpSide::from_server, TcpHeader::rst, "CL CL SS CL CL TW CL CL CL CL CL"},
    {TcpSide::client_only, TcpHeader::syn, "SA ES ES SR SA SA SA SA SA SA SA"},
    {TcpSide::client_only, TcpHeader::fin, "CL FW SS TW FW TW CL CW LA LI TW"},
    {TcpSide::client_only, TcpHeader::ack, "ES ES SS ES FW TW CL CW CL LI ES"},
    {TcpSide::client_only, TcpHeader::rst, "CL CL CL SR CL CL CL CL LA LI CL"},
}};

void expect_table(const TcpTransitions& table, const Rows& expected) {
    for (const Row& row : expected)
        for (std::size_t from = 0; from < tcp_state_count; ++from) {
            const TcpState next =
                tcp_next(static_cast<TcpState>(from), row.side, tcp_event(row.flag), table);
            EXPECT_EQ(columns.at(static_cast<std::size_t>(next)), row.cells.substr(from * 3, 2))
                << "side " << static_cast<int>(row.side) << " flags " << int{row.flag} << " from "
                << columns[from];
        }
}

TEST(TcpState, EveryCellOfTheNormalTable) {
    expect_table(tcp_transitions, rows);
}

TEST(TcpState, EveryCellOfTheSecureTable) {
    expect_table(tcp_secure_transitions, secure_rows);
}

TEST(TcpState, ASegmentWithoutAnyOfTheFourFlagsCloses) {
    for (const TcpSide side : {TcpSide::from_client, TcpSide::from_server, TcpSide::client_only})
        for (std::size_t from = 0; from < tcp_state_count; ++from)
            for (const int flags : {0x00, 0x08, 0x20, 0xE8})
                EXPECT_EQ(tcp_next(static_cast<TcpState>(from), side,
                                   tcp_event(static_cast<std::uint8_t>(flags))),
                          TcpState::close);
}

TEST(TcpEvent, ResetThenSynThenFinThenAckDecides) {
    for (int flags = 0; flags < 256; ++flags) {
        const TcpEvent expected = (flags & 4) != 0    ? TcpEvent::rst
                                  : (flags & 2) != 0  ? TcpEvent::syn
                                  : (flags & 1) != 0  ? TcpEvent::fin
                                  : (flags & 16) != 0 ? TcpEvent::ack
                                                      : TcpEvent::none;
        ASSERT_EQ(tcp_event(static_cast<std::uint8_t>(flags)), expected) << flags;
    }
}

TEST(TcpState, AConnectionsLifeInWords) {
    constexpr std::uint8_t syn = TcpHeader::syn;
    constexpr std::uint8_t ack = TcpHeader::ack;
    constexpr std::uint8_t fin = TcpHeader::fin;
    TcpState s = TcpState::none;
    const auto step = [&s](TcpSide side, int flags) {
        s = tcp_next(s, side, tcp_event(static_cast<std::uint8_t>(flags)));
        return tcp_state_name(s);
    };
    EXPECT_EQ(step(TcpSide::from_client, syn), "SYN_RECV");
    EXPECT_EQ(step(TcpSide::from_server, syn | ack), "SYN_RECV");
    EXPECT_EQ(step(TcpSide::from_client, ack), "ESTABLISHED");
    EXPECT_EQ(step(TcpSide::from_server, ack), "ESTABLISHED");
    EXPECT_EQ(step(TcpSide::from_server, fin | ack), "FIN_WAIT");
    EXPECT_EQ(step(TcpSide::from_client, ack), "FIN_WAIT");
    EXPECT_EQ(step(TcpSide::from_client, fin | ack), "TIME_WAIT");
    EXPECT_EQ(step(TcpSide::from_server, ack), "TIME_WAIT");
    EXPECT_EQ(step(TcpSide::from_client, syn), "SYN_RECV");
}

struct Fact {
    TcpState state;
    int number;
    std::string_view name;
    std::chrono::seconds timeout;
    bool active;
};
const std::array<Fact, tcp_state_count> facts = {{
    {TcpState::none, 0, "NONE", 2s, false},
    {TcpState::established, 1, "ESTABLISHED", 900s, true},
    {TcpState::syn_sent, 2, "SYN_SENT", 120s, true},
    {TcpState::syn_recv, 3, "SYN_RECV", 60s, true},
    {TcpState::fin_wait, 4, "FIN_WAIT", 120s, false},
    {TcpState::time_wait, 5, "TIME_WAIT", 120s, false},
    {TcpState::close, 6, "CLOSE", 10s, false},
    {TcpState::close_wait, 7, "CLOSE_WAIT", 60s, false},
    {TcpState::last_ack, 8, "LAST_ACK", 30s, false},
    {TcpState::listen, 9, "LISTEN", 120s, false},
    {TcpState::synack, 10, "SYNACK", 120s, true},
}};

TEST(TcpState, NumbersNamesActivityAndTimeouts) {
    const Timeouts timeouts;
    for (const Fact& fact : facts) {
        EXPECT_EQ(static_cast<int>(fact.state), fact.number) << fact.name;
        EXPECT_EQ(tcp_state_name(fact.state), fact.name);
        EXPECT_EQ(tcp_active(fact.state), fact.active) << fact.name;
        EXPECT_EQ(timeouts.tcp_in(fact.state), fact.timeout) << fact.name;
    }
}

TEST(Timeouts, UdpAndTheFirstMoment) {
    EXPECT_EQ(Timeouts().udp, 300s);
    EXPECT_EQ(initial_timeout, 3s);
    EXPECT_EQ(Ticks(10), 1s);
}

TEST(TcpState, HalfOpenIsWhatTheServerDidNotConfirm) {
    std::string half_open;
    for (std::size_t i = 0; i < tcp_state_count; ++i)
        if (tcp_half_open(static_cast<TcpState>(i))) half_open += std::string(columns[i]) + " ";
    EXPECT_EQ(half_open, "NO SS SR SA ");
}

TEST(Timeouts, AreThoseOfTheTunables) {
    const Timeouts standard = Timeouts::of(Tunables{});
    EXPECT_EQ(standard.tcp, Timeouts{}.tcp) << "as ipvs-behaviour 3.3 says";
    EXPECT_EQ(standard.sctp, Timeouts{}.sctp);
    EXPECT_EQ(standard.udp, Timeouts{}.udp);
    Tunables tunables;
    tunables.timeout_synrecv = 7;
    tunables.timeout_sctp = 8;
    tunables.timeout_udp = 9;
    const Timeouts set = Timeouts::of(tunables);
    EXPECT_EQ(set.tcp_in(TcpState::syn_recv), 7s);
    EXPECT_EQ(set.tcp_in(TcpState::synack), 120s);
    EXPECT_EQ(set.sctp_in(SctpState::established), 8s);
    EXPECT_EQ(set.sctp_in(SctpState::init), 61s);
    EXPECT_EQ(set.udp, 9s);
}

TEST(Timeouts, EachHasATunableOfItsOwn) {
    const Timeouts standard;
    const auto changed = [&](const Timeouts& t) {
        std::vector<std::string> what;
        for (std::size_t i = 0; i < tcp_state_count; ++i)
            if (t.tcp[i] != standard.tcp[i]) what.push_back("tcp " + std::to_string(i));
        for (std::size_t i = 0; i < sctp_state_count; ++i)
            if (t.sctp[i] != standard.sctp[i]) what.push_back("sctp " + std::to_string(i));
        if (t.udp != standard.udp) what.emplace_back("udp");
        return what;
    };
    std::set<std::string> all;
    for (const auto& about : tunable_list) {
        if (!about.name.starts_with("timeout_")) continue;
        Tunables tunables;
        tunables.*about.value = 77;
        const auto what = changed(Timeouts::of(tunables));
        ASSERT_EQ(what.size(), 1U) << about.name;
        EXPECT_TRUE(all.insert(what[0]).second) << about.name << " is " << what[0];
    }
    EXPECT_EQ(all.size(), tcp_state_count + sctp_state_count + 1 - 2) << "all but both NONE";
}

/// The straight way of the data plane rests on it.
TEST(TcpState, AnAckLeavesAnEstablishedConnectionAsItIs) {
    for (const auto& table : {tcp_transitions, tcp_secure_transitions})
        for (const auto side : {TcpSide::from_client, TcpSide::from_server, TcpSide::client_only})
            EXPECT_EQ(tcp_next(TcpState::established, side, TcpEvent::ack, table),
                      TcpState::established);
}

}  // namespace
}  // namespace shunt
