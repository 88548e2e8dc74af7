// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the lines of one FTP control connection mean for the data connections of the session: which
// to expect, and which to refuse (RFC 959 3.2, 5.3; RFC 2428; RFC 2577 3, 5; RFC 4217; RFC 1123
// 4.1.2.6). Pure: it is told the events of both directions in their order and decides; what is
// expected, and which virtual endpoint a server's is shown as, is the caller's.
//
// Clients may send commands before the replies to others came. So the requests whose replies matter
// wait in a queue, with the number of other replies that are due before each. 227, 229 and 234
// answer the oldest request of their kind, and whatever was asked before it has been answered too;
// this also sets the count right, should a server have kept silent or said too much. Other replies
// answer what is due; of these only a refusal, 4xx or 5xx, ends a request for a data connection.
//
// A PORT or EPRT that names anyone but the client, a port below the least one or nothing that can
// be understood is neutralised: its argument becomes a word that no server takes for an address, so
// the server answers 5xx (vsftpd 500, pure-ftpd and pyftpdlib 501), and client and server still
// agree on how many replies are due. So are LPRT and LPSV (RFC 1639): old servers obey them, and an
// LPRT that nobody read would be a way around all of this.
#include <array>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "app/ftp/line_scanner.h"

namespace shunt::ftp {

/// A server that names an address in 227 or 229 which is not its own has more than one, or tells
/// the one that clients see.
enum class ForeignAddress : std::uint8_t {
    own,     ///< what it named is not looked at, but for the port
    trust,   ///< it is to be reached there
    refuse,  ///< the client gets no endpoint
};

struct SessionRules {
    std::uint16_t least_client_port = 1024;  ///< in PORT and EPRT
    bool any_client_address = false;         ///< transfers between two servers are wanted
    ForeignAddress foreign = ForeignAddress::own;
};

/// What happened, by reason.
struct FtpCounters {
    std::uint64_t active = 0;              ///< PORT and EPRT that were taken
    std::uint64_t active_foreign = 0;      ///< refused: not the client's address
    std::uint64_t active_low_port = 0;     ///< refused: a port below the least one
    std::uint64_t active_malformed = 0;    ///< refused: not understood, LPRT and LPSV too
    std::uint64_t active_no_room = 0;      ///< refused by the caller
    std::uint64_t passive = 0;             ///< 227 and 229 that were rewritten
    std::uint64_t passive_foreign = 0;     ///< of them, with an address not the server's own
    std::uint64_t passive_withheld = 0;    ///< shown without an endpoint: refused, or no room
    std::uint64_t passive_unasked = 0;     ///< left as they are: no request was known
    std::uint64_t passive_malformed = 0;   ///< left as they are: not understood
    std::uint64_t requests_forgotten = 0;  ///< too many at once
    std::uint64_t lines_too_long = 0;
    std::uint64_t tls = 0;       ///< sessions that became unreadable
    std::uint64_t tls_over = 0;  ///< and readable again
    std::uint64_t tls_lost = 0;  ///< where neither TLS nor text could be made out
};

/// 80 bytes, plain data.
class ControlSession {
  public:
    enum class CommandVerdict : std::uint8_t {
        pass,    ///< as it is
        expect,  ///< the same, and a data connection to event.address.endpoint
        refuse,  ///< the range becomes refusal()
    };
    enum class ReplyVerdict : std::uint8_t {
        pass,      ///< as it is
        offer,     ///< the range becomes passive_text() of what `server` is shown as
        withhold,  ///< the range becomes passive_text() of nothing
    };
    struct ReplyDecision {
        ReplyVerdict verdict = ReplyVerdict::pass;
        Endpoint server{};         ///< where the server listens
        bool tls_follows = false;  ///< in both directions, behind this line
    };

    ControlSession(const IpAddress& client, const IpAddress& server) noexcept
        : client_(client), server_(server) {}

    CommandVerdict command(const Event& event, const SessionRules& rules,
                           FtpCounters& counters) noexcept;
    ReplyDecision reply(const Event& event, const SessionRules& rules,
                        FtpCounters& counters) noexcept;

    /// TLS begins: nothing that was asked before is answered any more.
    void forget_requests() noexcept;

    [[nodiscard]] bool extended_only() const noexcept { return extended_only_; }
    [[nodiscard]] std::size_t requests() const noexcept { return count_; }

    // What the range of an event becomes.
    [[nodiscard]] static ShortText refusal(const Event& event) noexcept;
    /// Without an endpoint, or with one of a family that the reply cannot name, it has zeros, to
    /// which a client fails at once.
    [[nodiscard]] static ShortText passive_text(const Event& event,
                                                const std::optional<Endpoint>& shown) noexcept;

  private:
    static constexpr std::size_t most_requests = 8;
    struct Request {
        EventKind kind = EventKind::none;
        std::uint16_t due_before = 0;  ///< replies to others, behind the request before this
    };

    void ask(EventKind kind, FtpCounters& counters) noexcept;
    void drop_requests(std::size_t number) noexcept;
    bool answer(EventKind kind) noexcept;
    void settle(std::uint16_t code) noexcept;
    [[nodiscard]] CommandVerdict judge_active(const Event& event, const SessionRules& rules,
                                              FtpCounters& counters) const noexcept;
    [[nodiscard]] ReplyDecision judge_passive(const Event& event, const SessionRules& rules,
                                              FtpCounters& counters) noexcept;
    bool end_reply(const Event& event, FtpCounters& counters) noexcept;

    IpAddress client_;
    IpAddress server_;
    std::array<Request, most_requests> requests_{};  ///< from the oldest on
    std::uint8_t count_ = 0;
    bool answered_ = false;       ///< the reply that has begun has found its request
    bool extended_only_ = false;  ///< EPSV ALL was accepted
    std::uint16_t due_ = 1;       ///< replies behind the last request; at first the greeting
};
static_assert(sizeof(ControlSession) == 80 && std::is_trivially_copyable_v<ControlSession>);

}  // namespace shunt::ftp
