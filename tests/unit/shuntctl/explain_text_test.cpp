// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/explain_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace shunt::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const char* const opens = R"({
    "protocol": "tcp", "source": "198.51.100.7:40000", "destination": "192.0.2.10:80",
    "port": "wan0", "verdict": "opens", "reason": null, "owner": 1, "direction": "from_client",
    "mark": {"mark": 7, "rule": 2}, "connection": null,
    "service": {"service": {"mark": 7, "family": "ipv4"}, "scheduler": "rr", "persistent": true},
    "server": {"address": "10.1.0.11:80", "forward": "nat"},
    "candidates": [
        {"address": "10.1.0.11:80", "forward": "nat", "weight": 1, "eligible": true, "why": ""},
        {"address": "10.1.0.12:80", "forward": "nat", "weight": 0, "eligible": false,
         "why": "weight 0"}],
    "next_hop": {"kind": "via", "interface": "lan0.5", "port": "lan0", "gateway": "10.1.0.11",
                 "mac": null, "fits": 1500},
    "application": "ftp",
    "defence": {"secure_tcp": true, "drop_entry": false, "drop_packet_one_of": 10,
                "admits_newcomers": false, "connections": 5, "half_open": 2, "room": 1000},
    "rules": [{"rule": "marked", "step": "2", "text": "a mark rule matches"}]})";

TEST(ExplainText, TellsAllThatIsKnown) {
    const auto text = explain_text(boost::json::parse(opens));
    for (const auto* part :
         {"tcp 198.51.100.7:40000 > 192.0.2.10:80", "opens a connection", "worker 1",
          "7, by rule 2", "mark 7 ipv4, scheduler rr, persistent", "10.1.0.11:80, nat",
          "10.1.0.11 on lan0.5 (port lan0), link address not known, packets up to 1500 bytes",
          "ftp", "secure_tcp, drop_packet refuses one of 10, new_share admits nobody now",
          "5 of 1000 connections, 2 half-open", "no: weight 0", "a mark rule matches"})
        EXPECT_THAT(text, HasSubstr(part));
}

TEST(ExplainText, LeavesOutWhatThereIsNot) {
    const auto text = explain_text(boost::json::parse(R"({
        "protocol": "udp", "source": "198.51.100.7:1", "destination": "192.0.2.10:2", "port": null,
        "verdict": "dropped", "reason": "martian", "owner": 0, "mark": null, "service": null,
        "connection": null, "server": null, "candidates": [], "next_hop": null,
        "application": null, "rules": []})"));
    EXPECT_THAT(text, HasSubstr("is dropped: martian"));
    for (const auto* part : {"service", "next hop", "CANDIDATE", "application"})
        EXPECT_THAT(text, Not(HasSubstr(part)));
}

TEST(ExplainText, ShowsTheConnection) {
    const auto text = explain_text(boost::json::parse(R"({
        "protocol": "tcp", "source": "10.1.0.11:80", "destination": "198.51.100.7:40000",
        "port": "lan0", "verdict": "known", "reason": null, "owner": 0, "mark": null,
        "service": null, "server": null, "candidates": [], "next_hop": {"kind": "unreachable"},
        "connection": {"protocol": "tcp", "client": "198.51.100.7:40000",
            "virtual": "192.0.2.10:80", "server": "10.1.0.11:80", "state": "ESTABLISHED",
            "expires": 899}, "application": null, "rules": []})"));
    EXPECT_THAT(text, HasSubstr("198.51.100.7:40000 > 192.0.2.10:80 > 10.1.0.11:80, ESTABLISHED, "
                                "expires in 899 s"));
    EXPECT_THAT(text, HasSubstr("goes the way of its connection"));
}

}  // namespace
}  // namespace shunt::cli
