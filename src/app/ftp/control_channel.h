// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Both directions of one FTP control connection: the bytes of segments are judged in their order
// (line_scanner.h, control_session.h), and StreamEdits says what goes out for a segment.
//
// For each segment of a direction: take(), then edits(direction).translate() for its data and the
// original_ack(), original_block() and acknowledged() of the other direction's edits for its
// acknowledgement. A segment whose data is all held back goes out empty, for the sake of its
// acknowledgement, and the receiver has nothing to answer: so whenever a segment with data comes
// out empty and is no probe, the sender is to be sent an acknowledgement of own_ack(), or it would
// wait for ever with what it has yet to send.
//
// 1340 bytes of plain data without pointers, of which 1072 are the edits: a copy of the bytes is a
// copy of the state. No allocation. Thread: the connection's owner.
#include <array>
#include <cassert>
#include <concepts>
#include <optional>
#include <span>
#include <type_traits>

#include "app/ftp/control_session.h"
#include "app/ftp/line_scanner.h"
#include "app/ftp/tls_watch.h"
#include "app/stream_edits.h"
#include "net/tuple.h"

namespace shunt::ftp {

/// Whom the channel asks. expect_active(): a data connection to this endpoint of the client is to
/// be expected; false refuses the command. offer_passive(): the endpoint that the client is shown
/// for this one of the server, with the data connection expected there; nothing withholds it.
template <class T>
concept DataConnections = requires(T t, const Endpoint& e) {
    { t.expect_active(e) }
    noexcept->std::same_as<bool>;
    { t.offer_passive(e) }
    noexcept->std::same_as<std::optional<Endpoint>>;
};

class ControlChannel {
  public:
    /// The numbers are of the first bytes behind the SYN of each.
    ControlChannel(const IpAddress& client, const IpAddress& server, std::uint32_t client_next,
                   std::uint32_t server_next) noexcept
        : session_(client, server),
          commands_(client_next),
          replies_(server_next),
          from_client_{.edits = StreamEdits(client_next)},
          from_server_{.edits = StreamEdits(server_next)} {}

    /// Met in its middle, where no line has begun: streams of which StreamEdits::met_at() is told.
    ControlChannel(const IpAddress& client, const IpAddress& server, std::uint32_t client_next,
                   std::uint32_t server_next,
                   const std::array<std::uint32_t, 2>& differences) noexcept
        : ControlChannel(client, server, client_next, server_next) {
        from_client_.edits = StreamEdits::met_at(client_next, differences[0]);
        from_server_.edits = StreamEdits::met_at(server_next, differences[1]);
    }

    /// Judges what is new in a segment: nothing if bytes before it are missing, and less than all
    /// while there is no room for edits. `data` has segment.size bytes.
    template <DataConnections Connections>
    void take(Direction direction, const SeqSegment& segment, std::span<const std::byte> data,
              const SessionRules& rules, Connections& connections, FtpCounters& counters) noexcept;

    [[nodiscard]] StreamEdits& edits(Direction d) noexcept { return side(d).edits; }
    [[nodiscard]] const ControlSession& session() const noexcept { return session_; }
    /// Is the direction unreadable now?
    [[nodiscard]] bool opaque(Direction d) noexcept { return side(d).opaque; }

  private:
    struct Side {
        StreamEdits edits;
        TlsWatch tls{};
        bool opaque = false;    ///< TLS, or what may be
        bool tls_soon = false;  ///< behind the line that has begun
        bool ended = false;     ///< its FIN was taken
    };
    [[nodiscard]] Side& side(Direction d) noexcept {
        return d == Direction::from_client ? from_client_ : from_server_;
    }
    /// What scan() is given and changes.
    template <class Connections>
    struct Work {
        const SessionRules& rules;
        Connections& connections;
        FtpCounters& counters;
    };

    template <class Connections>
    std::size_t scan(Direction direction, std::span<const std::byte> bytes, std::uint32_t next,
                     const Work<Connections>& work) noexcept;
    template <class Connections>
    void obey_command(const Event& event, const Work<Connections>& work) noexcept;
    template <class Connections>
    void obey_reply(const Event& event, const Work<Connections>& work) noexcept;
    std::size_t pass_tls(Direction direction, std::span<const std::byte> bytes, std::uint32_t next,
                         FtpCounters& counters) noexcept;
    void start_tls(FtpCounters& counters) noexcept;
    [[nodiscard]] std::uint32_t held(Direction direction, std::uint32_t next) noexcept;

    ControlSession session_;
    CommandScanner commands_;
    ReplyScanner replies_;
    Side from_client_;
    Side from_server_;
};
static_assert(sizeof(ControlChannel) == 1340 && std::is_trivially_copyable_v<ControlChannel>);

template <DataConnections Connections>
void ControlChannel::take(Direction direction, const SeqSegment& segment,
                          std::span<const std::byte> data, const SessionRules& rules,
                          Connections& connections, FtpCounters& counters) noexcept {
    StreamEdits& edits = side(direction).edits;
    const std::uint32_t begin = segment.seq + (segment.syn ? 1 : 0);
    std::uint32_t next = edits.next();
    const bool nothing_new = seq_before(next, begin) || next - begin > data.size();
    if (nothing_new || side(direction).ended) return;
    auto bytes = data.subspan(next - begin);
    const Work<Connections> work{rules, connections, counters};
    while (!bytes.empty() && edits.room()) {
        const std::size_t used = scan(direction, bytes, next, work);
        next += static_cast<std::uint32_t>(used);
        bytes = bytes.subspan(used);
    }
    std::uint32_t held_from = held(direction, next);
    if (segment.fin && bytes.empty() && edits.room()) {
        // A line that never ends is none.
        if (held_from != next) {
            [[maybe_unused]] const bool done = edits.replace(held_from, next - 1, {});
            assert(done);
        }
        held_from = ++next;
        side(direction).ended = true;
    }
    edits.advance(next, held_from);
}

template <class Connections>
std::size_t ControlChannel::scan(Direction direction, std::span<const std::byte> bytes,
                                 std::uint32_t next, const Work<Connections>& work) noexcept {
    if (side(direction).opaque) return pass_tls(direction, bytes, next, work.counters);
    Event event;
    if (direction == Direction::from_client) {
        const std::size_t used = commands_.scan(bytes, event);
        if (event.any()) obey_command(event, work);
        return used;
    }
    const std::size_t used = replies_.scan(bytes, event);
    if (event.any()) obey_reply(event, work);
    return used;
}

template <class Connections>
void ControlChannel::obey_command(const Event& event, const Work<Connections>& work) noexcept {
    auto verdict = session_.command(event, work.rules, work.counters);
    if (verdict == ControlSession::CommandVerdict::expect) {
        const bool expected = work.connections.expect_active(event.address.endpoint);
        ++(expected ? work.counters.active : work.counters.active_no_room);
        if (!expected) verdict = ControlSession::CommandVerdict::refuse;
    }
    StreamEdits& edits = from_client_.edits;
    if (event.has_range) {
        [[maybe_unused]] const bool done =
            verdict == ControlSession::CommandVerdict::refuse
                ? edits.replace(event.first, event.last, ControlSession::refusal(event).view())
                : edits.release(event.first, event.last, event.text.view());
        assert(done);
    }
    if (from_client_.tls_soon) from_client_.opaque = true;
    from_client_.tls_soon = false;
}

template <class Connections>
void ControlChannel::obey_reply(const Event& event, const Work<Connections>& work) noexcept {
    const auto decision = session_.reply(event, work.rules, work.counters);
    StreamEdits& edits = from_server_.edits;
    bool done = true;
    if (decision.verdict == ControlSession::ReplyVerdict::pass) {
        if (event.has_range) done = edits.release(event.first, event.last, event.text.view());
    } else {
        std::optional<Endpoint> shown;
        if (decision.verdict == ControlSession::ReplyVerdict::offer) {
            shown = work.connections.offer_passive(decision.server);
            ++(shown ? work.counters.passive : work.counters.passive_withheld);
        }
        const ShortText text = ControlSession::passive_text(event, shown);
        done = edits.replace(event.first, event.last, text.view());
    }
    assert(done);
    static_cast<void>(done);
    if (decision.tls_follows) start_tls(work.counters);
}

}  // namespace shunt::ftp
