// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The SCTP connection states and their constant transition table (ipvs-behaviour 3.5).
#include <array>
#include <cstdint>
#include <string_view>

#include "conn/tcp_state.h"
#include "net/headers.h"

namespace shunt {

/// Values are the IPVS state numbers, which also travel in its sync protocol.
enum class SctpState : std::uint8_t {
    none,
    init1,
    init,
    cookie_sent,
    cookie_replied,
    cookie_wait,
    cookie,
    cookie_echoed,
    established,
    shutdown_sent,
    shutdown_received,
    shutdown_ack_sent,
    rejected,
    closed,
};
inline constexpr std::size_t sctp_state_count = 14;

/// What the chunk that decides asks for, in the order of the rows of the table.
enum class SctpEvent : std::uint8_t {
    data,  ///< DATA, SACK, HEARTBEAT and its ACK, ECNE, CWR and all types above 14
    init,
    init_ack,
    cookie_echo,
    cookie_ack,
    shutdown,
    shutdown_ack,
    shutdown_complete,
    error,
    abort,
};
inline constexpr std::size_t sctp_event_count = 10;

/// `chunk`: PacketMeta::sctp_chunk, into which the rule about ABORT behind a cookie is folded.
constexpr SctpEvent sctp_event(std::uint8_t chunk) noexcept {
    switch (chunk) {
        case SctpChunkHeader::init:
            return SctpEvent::init;
        case SctpChunkHeader::init_ack:
            return SctpEvent::init_ack;
        case SctpChunkHeader::cookie_echo:
            return SctpEvent::cookie_echo;
        case SctpChunkHeader::cookie_ack:
            return SctpEvent::cookie_ack;
        case SctpChunkHeader::shutdown:
            return SctpEvent::shutdown;
        case SctpChunkHeader::shutdown_ack:
            return SctpEvent::shutdown_ack;
        case SctpChunkHeader::shutdown_complete:
            return SctpEvent::shutdown_complete;
        case SctpChunkHeader::error:
            return SctpEvent::error;
        case SctpChunkHeader::abort:
            return SctpEvent::abort;
        default:
            return SctpEvent::data;
    }
}

/// As for TCP.
using SctpSide = TcpSide;

/// [side][event][state]
using SctpTransitions =
    std::array<std::array<std::array<SctpState, sctp_state_count>, sctp_event_count>, 3>;
extern const SctpTransitions sctp_transitions;

/// The state after `event`.
inline SctpState sctp_next(SctpState state, SctpSide side, SctpEvent event) noexcept {
    return sctp_transitions[static_cast<std::size_t>(side)][static_cast<std::size_t>(event)]
                           [static_cast<std::size_t>(state)];
}

/// Does the state count as active on the real server (ipvs-behaviour 2.11)?
constexpr bool sctp_active(SctpState s) noexcept {
    return s == SctpState::established;
}

/// Is an association in this state not known to be wanted by both its ends?
constexpr bool sctp_half_open(SctpState s) noexcept {
    return s < SctpState::established || s == SctpState::rejected;
}

/// The name in connection listings.
std::string_view sctp_state_name(SctpState s) noexcept;

}  // namespace shunt
