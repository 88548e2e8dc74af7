// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A control connection whose segments all arrive in order, and what the two ends of it read.
#include <optional>
#include <string>
#include <vector>

#include "app/ftp/control_channel.h"

namespace shunt::test {

/// What was asked for, in words; the server's port P is shown as 203.0.113.7 or 2001:db8::7, port
/// 50000 + P modulo 1000.
struct TalkConnections {
    std::vector<std::string> asked;
    bool room = true;

    bool expect_active(const Endpoint& client) noexcept {
        asked.push_back("active " + to_string(client));
        return room;
    }
    std::optional<Endpoint> offer_passive(const Endpoint& server) noexcept {
        asked.push_back("passive " + to_string(server));
        if (!room) return std::nullopt;
        const bool ipv4 = server.address.family() == Family::ipv4;
        return Endpoint{*parse_address(ipv4 ? "203.0.113.7" : "2001:db8::7"),
                        L4Port(static_cast<std::uint16_t>(50000 + server.port.value() % 1000))};
    }
};

class FtpTalk {
  public:
    FtpTalk(const char* client, const char* server)
        : channel(*parse_address(client), *parse_address(server), start, start) {}

    /// What the client says, in segments of `size` bytes; all in one for 0.
    FtpTalk& client(const std::string& text, std::size_t size = 0) {
        say(Direction::from_client, text, size);
        return *this;
    }
    FtpTalk& server(const std::string& text, std::size_t size = 0) {
        say(Direction::from_server, text, size);
        return *this;
    }
    void end(Direction d) { segment(d, {}, true); }

    ftp::ControlChannel channel;
    ftp::SessionRules rules;
    ftp::FtpCounters counters;
    TalkConnections connections;
    std::string at_server;  ///< what arrived there
    std::string at_client;
    bool ended = false;        ///< a FIN has come out
    bool acknowledges = true;  ///< the receivers do so at once

  private:
    static constexpr std::uint32_t start = 0xFFFFFFFCU;

    void say(Direction d, const std::string& text, std::size_t size) {
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t piece = size == 0 ? text.size() : size;
            const std::size_t taken = segment(d, text.substr(at, piece), false);
            // What was not taken comes again once the edits before it were acknowledged.
            at += acknowledges && taken > 0 ? taken : piece;
        }
    }

    std::size_t segment(Direction d, std::string_view data, bool fin) {
        StreamEdits& edits = channel.edits(d);
        const SeqSegment in{edits.next(), static_cast<std::uint32_t>(data.size()), false, fin};
        channel.take(d, in, std::as_bytes(std::span(data)), rules, connections, counters);
        const auto out = edits.translate(in);
        std::string& arrived = d == Direction::from_client ? at_server : at_client;
        for (const auto& piece : out.data())
            arrived += piece.text != nullptr ? std::string_view(piece.text, piece.size)
                                             : data.substr(piece.offset, piece.size);
        ended = ended || out.fin;
        if (acknowledges) edits.acknowledged(edits.place_of(edits.held()));
        return edits.next() - in.seq;
    }
};

}  // namespace shunt::test
