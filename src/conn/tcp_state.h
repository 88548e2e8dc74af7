// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The TCP connection states and their constant transition table (ipvs-behaviour 3.1 to 3.3).
#include <array>
#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "net/tuple.h"

namespace shunt {

/// Values are the IPVS state numbers, which also travel in its sync protocol.
enum class TcpState : std::uint8_t {
    none,
    established,
    syn_sent,
    syn_recv,
    fin_wait,
    time_wait,
    close,
    close_wait,
    last_ack,
    listen,
    synack,
};
inline constexpr std::size_t tcp_state_count = 11;

/// Which column of flags decides, in this order of priority.
enum class TcpEvent : std::uint8_t { syn, fin, ack, rst, none };

/// By the lowest five flags, of which PSH has no say. A table, as nobody can guess what comes next.
inline constexpr auto tcp_events = [] {
    std::array<TcpEvent, 32> events{};
    for (std::size_t flags = 0; flags < events.size(); ++flags)
        events[flags] = (flags & TcpHeader::rst) != 0   ? TcpEvent::rst
                        : (flags & TcpHeader::syn) != 0 ? TcpEvent::syn
                        : (flags & TcpHeader::fin) != 0 ? TcpEvent::fin
                        : (flags & TcpHeader::ack) != 0 ? TcpEvent::ack
                                                        : TcpEvent::none;
    return events;
}();

constexpr TcpEvent tcp_event(std::uint8_t flags) noexcept {
    return tcp_events[flags % tcp_events.size()];
}

/// Who is seen to speak: a connection whose server is never heard has a table of its own.
enum class TcpSide : std::uint8_t { from_client, from_server, client_only };

/// [side][event][state].
using TcpTransitions = std::array<std::array<std::array<TcpState, tcp_state_count>, 5>, 3>;
extern const TcpTransitions tcp_transitions;
/// While secure_tcp is on: a connection is established by the server's word only (3.2).
extern const TcpTransitions tcp_secure_transitions;

/// The state after `event`. A segment without SYN, FIN, ACK and RST closes.
inline TcpState tcp_next(TcpState state, TcpSide side, TcpEvent event,
                         const TcpTransitions& table = tcp_transitions) noexcept {
    return table[static_cast<std::size_t>(side)][static_cast<std::size_t>(event)]
                [static_cast<std::size_t>(state)];
}

/// Does the state count as active on the real server?
constexpr bool tcp_active(TcpState s) noexcept {
    return s == TcpState::established || s == TcpState::syn_sent || s == TcpState::syn_recv ||
           s == TcpState::synack;
}

/// Is a connection in this state not known to be wanted by both its ends?
constexpr bool tcp_half_open(TcpState s) noexcept {
    return s == TcpState::none || s == TcpState::syn_sent || s == TcpState::syn_recv ||
           s == TcpState::synack;
}

/// The name in connection listings.
std::string_view tcp_state_name(TcpState s) noexcept;

}  // namespace shunt
