// SPDX-License-Identifier: BSD-3-Clause
// The tables are held against their text in docs/reference/ipvs-behaviour.md, section 3.5, cell by
// cell: what stands there decides, not what the code says.
#include "conn/sctp_state.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "conn/timeouts.h"

namespace shunt {
namespace {

using namespace std::chrono_literals;
using Row = std::vector<std::string>;

/// The cells of "| a | b |".
Row cells_of(const std::string& line) {
    Row cells;
    std::istringstream in(line.substr(1));
    for (std::string cell; std::getline(in, cell, '|');) {
        std::istringstream trimmed(cell);
        std::string word;
        trimmed >> word;
        cells.push_back(word);
    }
    return cells;
}

/// All rows of the section's tables with `columns` cells, without the headings' rulers.
std::vector<Row> rows_with(std::size_t columns) {
    std::ifstream in(SHUNT_SOURCE_DIR "/docs/reference/ipvs-behaviour.md");
    std::vector<Row> rows;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("#")) inside = line.starts_with("### 3.5 ");
        if (!inside || !line.starts_with("| ")) continue;
        if (Row row = cells_of(line); row.size() == columns) rows.push_back(std::move(row));
    }
    return rows;
}

const std::map<std::string, SctpSide> sides = {{"INPUT", SctpSide::from_client},
                                               {"OUTPUT", SctpSide::from_server},
                                               {"IN-ONLY", SctpSide::client_only}};
const std::map<std::string, SctpEvent> events = {
    {"d", SctpEvent::data},          {"i", SctpEvent::init},
    {"ia", SctpEvent::init_ack},     {"ce", SctpEvent::cookie_echo},
    {"ca", SctpEvent::cookie_ack},   {"s", SctpEvent::shutdown},
    {"sa", SctpEvent::shutdown_ack}, {"sc", SctpEvent::shutdown_complete},
    {"er", SctpEvent::error},        {"ab", SctpEvent::abort}};

TEST(SctpState, EveryCellOfTheThreeTables) {
    const auto rows = rows_with(2 + sctp_state_count);
    ASSERT_EQ(rows.size(), 1 + sides.size() * events.size());
    const Row& columns = rows[0];
    std::size_t compared = 0;
    for (const Row& row : std::span(rows).subspan(1))
        for (std::size_t from = 0; from < sctp_state_count; ++from, ++compared) {
            const SctpState next =
                sctp_next(static_cast<SctpState>(from), sides.at(row[0]), events.at(row[1]));
            EXPECT_EQ(columns[2 + static_cast<std::size_t>(next)], row[2 + from])
                << row[0] << ' ' << row[1] << " from " << columns[2 + from];
        }
    EXPECT_EQ(compared, 3U * 10 * 14);
}

TEST(SctpState, NumbersNamesAndTimeouts) {
    const auto rows = rows_with(4);
    ASSERT_EQ(rows.size(), 1 + sctp_state_count);
    const Row columns = rows_with(2 + sctp_state_count).at(0);
    for (std::size_t i = 0; i < sctp_state_count; ++i) {
        const Row& row = rows[1 + i];
        EXPECT_EQ(row[0], columns[2 + i]);
        EXPECT_EQ(row[1], std::to_string(i));
        const auto state = static_cast<SctpState>(i);
        EXPECT_EQ(row[2], sctp_state_name(state));
        EXPECT_EQ(Ticks(std::chrono::seconds(std::stoi(row[3]))), Timeouts{}.sctp_in(state))
            << row[2];
    }
}

TEST(SctpState, OnlyEstablishedIsActive) {
    for (std::size_t i = 0; i < sctp_state_count; ++i)
        EXPECT_EQ(sctp_active(static_cast<SctpState>(i)), i == 8) << i;
}

TEST(SctpEvent, EveryChunkTypeHasItsEvent) {
    const std::map<int, SctpEvent> own = {{1, SctpEvent::init},
                                          {2, SctpEvent::init_ack},
                                          {6, SctpEvent::abort},
                                          {7, SctpEvent::shutdown},
                                          {8, SctpEvent::shutdown_ack},
                                          {9, SctpEvent::error},
                                          {10, SctpEvent::cookie_echo},
                                          {11, SctpEvent::cookie_ack},
                                          {14, SctpEvent::shutdown_complete}};
    for (int type = 0; type < 256; ++type) {
        const auto found = own.find(type);
        EXPECT_EQ(sctp_event(static_cast<std::uint8_t>(type)),
                  found == own.end() ? SctpEvent::data : found->second)
            << type;
    }
}

TEST(SctpState, AnAssociationsLifeInWords) {
    SctpState s = SctpState::none;
    const auto step = [&s](SctpSide side, std::uint8_t chunk) {
        s = sctp_next(s, side, sctp_event(chunk));
        return sctp_state_name(s);
    };
    EXPECT_EQ(step(SctpSide::from_client, SctpChunkHeader::init), "INIT1");
    EXPECT_EQ(step(SctpSide::from_server, SctpChunkHeader::init_ack), "C-SENT");
    EXPECT_EQ(step(SctpSide::from_client, SctpChunkHeader::cookie_echo), "C-REPLIED");
    EXPECT_EQ(step(SctpSide::from_server, SctpChunkHeader::cookie_ack), "ESTABLISHED");
    EXPECT_EQ(step(SctpSide::from_client, 0), "ESTABLISHED");
    EXPECT_EQ(step(SctpSide::from_server, 3), "ESTABLISHED");
    EXPECT_EQ(step(SctpSide::from_client, SctpChunkHeader::shutdown), "S-RECEIVED");
    EXPECT_EQ(step(SctpSide::from_server, SctpChunkHeader::shutdown_ack), "S-ACK-SENT");
    EXPECT_EQ(step(SctpSide::from_client, SctpChunkHeader::shutdown_complete), "CLOSED");
    EXPECT_EQ(step(SctpSide::from_client, SctpChunkHeader::init), "INIT");
}

}  // namespace
}  // namespace shunt
