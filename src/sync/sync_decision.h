// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// When a master tells of a connection (ipvs-behaviour 7.2). Pure; thread: the connection's owner.
#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.h"
#include "conn/sctp_state.h"
#include "conn/tcp_state.h"
#include "service/tunables.h"

namespace shunt {

/// The tunables sync_..., as the decision needs them.
struct SyncRules {
    std::uint32_t threshold = 3;  ///< packets of the client before it is told of
    std::uint32_t period = 50;    ///< and between two times; 0: once only
    Ticks refresh{};              ///< 0: the count of packets alone decides
    std::uint8_t retries = 0;     ///< how often it is told of again within a refresh period
    /// Connections that a template ties to their server are left to the template.
    bool templates_only = false;

    [[nodiscard]] static SyncRules of(const Tunables& tunables) noexcept;
};

/// What a master remembers of a connection; of zeros: it was never told of.
struct SyncMemo {
    TickTime end;            ///< of its life, as it was told
    std::uint8_t state = 0;  ///< that was told
    std::uint8_t retries = 0;
    std::uint16_t edits = 0;  ///< of its stream that were told
};
static_assert(sizeof(SyncMemo) == 8);

/// What is known of it at a packet of its client.
struct SyncSubject {
    Protocol protocol = Protocol::none;
    std::uint8_t state = 0;
    bool is_template = false;
    bool tied = false;          ///< to its server by a template
    std::uint32_t packets = 0;  ///< of the client, with this one
    Ticks timeout{};
};

namespace sync_decision {

/// What the state has to say.
enum class ByState : std::uint8_t { never, now, ask_on };

inline ByState by_tcp_state(TcpState state, bool changed) noexcept {
    switch (state) {
        case TcpState::established:
            return ByState::ask_on;
        case TcpState::fin_wait:
        case TcpState::close:
        case TcpState::close_wait:
        case TcpState::time_wait:
            return changed ? ByState::now : ByState::ask_on;
        default:
            return ByState::never;
    }
}

inline ByState by_sctp_state(SctpState state, bool changed) noexcept {
    switch (state) {
        case SctpState::established:
            return ByState::ask_on;
        case SctpState::shutdown_sent:
        case SctpState::shutdown_received:
        case SctpState::shutdown_ack_sent:
        case SctpState::closed:
            return changed ? ByState::now : ByState::ask_on;
        default:
            return ByState::never;
    }
}

inline ByState by_state(const SyncSubject& what, const SyncMemo& memo) noexcept {
    const bool changed = what.state != memo.state;
    if (what.is_template) return ByState::ask_on;
    if (what.protocol == Protocol::tcp)
        return by_tcp_state(static_cast<TcpState>(what.state), changed);
    if (what.protocol == Protocol::sctp)
        return by_sctp_state(static_cast<SctpState>(what.state), changed);
    return ByState::ask_on;
}

/// Is what was told of its end still good enough, for all that the refresh period says?
inline bool is_fresh(const SyncRules& rules, const SyncSubject& what, const SyncMemo& memo,
                     TickTime now) noexcept {
    constexpr Ticks least = std::chrono::seconds(10);
    const Ticks tolerance = std::min(rules.refresh, std::max(what.timeout / 2, least));
    const std::int32_t moved = ticks_between(memo.end, now + what.timeout);
    const auto by = static_cast<std::uint32_t>(moved < 0 ? -std::int64_t{moved} : moved);
    return by < tolerance.count();
}

inline bool by_count(const SyncRules& rules, const SyncSubject& what) noexcept {
    if (what.is_template) return true;
    if (rules.period > 0) return what.packets % rules.period == rules.threshold;
    return rules.refresh > Ticks{} || what.packets == rules.threshold;
}

}  // namespace sync_decision

/// Is it to be told of now? Then the memo is of this time.
inline bool is_to_be_told(const SyncRules& rules, const SyncSubject& what, SyncMemo& memo,
                          TickTime now) noexcept {
    using sync_decision::ByState;
    if (!what.is_template && rules.templates_only && what.tied) return false;
    const ByState state = sync_decision::by_state(what, memo);
    if (state == ByState::never) return false;
    std::uint8_t retries = 0;
    if (state == ByState::ask_on) {
        if (rules.refresh > Ticks{} && sync_decision::is_fresh(rules, what, memo, now)) {
            const TickTime told = memo.end - what.timeout;
            if (memo.retries >= rules.retries || ticks_between(told + rules.refresh / 8, now) < 0)
                return false;
            retries = static_cast<std::uint8_t>(memo.retries + 1);
        }
        if (!sync_decision::by_count(rules, what)) return false;
    }
    memo.end = now + what.timeout;
    memo.state = what.state;
    memo.retries = retries;
    return true;
}

}  // namespace shunt
