// SPDX-License-Identifier: BSD-3-Clause
// Fuzz target of app/ftp. The input is one byte of rules and then what server and client say in
// turn, with a NUL wherever the other one goes on. However that is cut into segments, the same must
// be found, asked for and sent on; and where nothing is rewritten, nothing may change.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "support/ftp_talk.h"

namespace {

using namespace shunt;
using test::FtpTalk;

void require(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "a promise is broken: %s\n", promise);
    std::abort();
}
#define REQUIRE(promise) require((promise), #promise)

FtpTalk talk_by(std::uint8_t rules) {
    const bool ipv6 = (rules & 0x80) != 0;
    FtpTalk talk(ipv6 ? "2001:db8::4" : "198.51.100.4", ipv6 ? "2001:db8::2" : "10.0.0.2");
    talk.connections.room = (rules & 1) != 0;
    talk.rules.any_client_address = (rules & 2) != 0;
    talk.rules.foreign = static_cast<ftp::ForeignAddress>((rules >> 2 & 3) % 3);
    return talk;
}

/// Says all of it, with segments of sizes that `size_of(number)` gives; 0 is all at once.
template <class Fn>
FtpTalk hold(std::uint8_t rules, const std::vector<std::string>& said, Fn&& size_of) {
    FtpTalk talk = talk_by(rules);
    for (std::size_t i = 0; i < said.size(); ++i) {
        if (i % 2 == 0)
            talk.server(said[i], size_of(i));
        else
            talk.client(said[i], size_of(i));
    }
    return talk;
}

/// What arrived, and what is held back, is what was said, if nothing was rewritten.
void check_unchanged(FtpTalk& talk, const std::string& client, const std::string& server) {
    const auto held = [&](Direction d) {
        const StreamEdits& edits = talk.channel.edits(d);
        REQUIRE(edits.plausible());
        REQUIRE(edits.edits() == 0);
        return edits.next() - edits.held();
    };
    const auto& n = talk.counters;
    const std::uint32_t of_client = held(Direction::from_client);
    const std::uint32_t of_server = held(Direction::from_server);
    REQUIRE(of_server <= StreamEdits::longest_text);
    if (n.active_foreign + n.active_low_port + n.active_malformed + n.active_no_room == 0)
        REQUIRE(talk.at_server + client.substr(client.size() - of_client) == client);
    if (n.passive + n.passive_withheld == 0)
        REQUIRE(talk.at_client + server.substr(server.size() - of_server) == server);
}

void check_same(FtpTalk& a, FtpTalk& b) {
    REQUIRE(a.at_client == b.at_client);
    REQUIRE(a.at_server == b.at_server);
    REQUIRE(a.connections.asked == b.connections.asked);
    REQUIRE(std::memcmp(&a.counters, &b.counters, sizeof(a.counters)) == 0);
    REQUIRE(a.channel.session().requests() == b.channel.session().requests());
    for (const Direction d : {Direction::from_client, Direction::from_server}) {
        REQUIRE(a.channel.opaque(d) == b.channel.opaque(d));
        REQUIRE(a.channel.edits(d).next() == b.channel.edits(d).next());
        REQUIRE(a.channel.edits(d).held() == b.channel.edits(d).held());
    }
}

void end(FtpTalk& talk) {
    for (const Direction d : {Direction::from_client, Direction::from_server}) {
        talk.ended = false;
        talk.end(d);
        REQUIRE(talk.ended);
        REQUIRE(talk.channel.edits(d).next() == talk.channel.edits(d).held());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    std::vector<std::string> said(1);
    std::string client;
    std::string server;
    for (std::size_t i = 1; i < size; ++i) {
        if (data[i] == 0 && said.size() < 100) {
            said.emplace_back();
            continue;
        }
        said.back() += static_cast<char>(data[i]);
        (said.size() % 2 == 1 ? server : client) += static_cast<char>(data[i]);
    }
    FtpTalk whole = hold(data[0], said, [](std::size_t) { return 0U; });
    FtpTalk bytes = hold(data[0], said, [](std::size_t) { return 1U; });
    FtpTalk mixed = hold(data[0], said, [&](std::size_t i) { return 2 + (i * 7 + data[0]) % 23; });
    check_unchanged(whole, client, server);
    check_same(whole, bytes);
    check_same(whole, mixed);
    end(whole);
    end(bytes);
    check_same(whole, bytes);
    return 0;
}
