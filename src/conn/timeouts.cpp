// SPDX-License-Identifier: BSD-3-Clause
#include "conn/timeouts.h"

namespace shunt {

Timeouts Timeouts::of(const Tunables& tunables) noexcept {
    const auto seconds = [](std::int64_t value) noexcept -> Ticks {
        return std::chrono::duration<std::uint32_t>(static_cast<std::uint32_t>(value));
    };
    Timeouts timeouts;
    const auto set = [&]<class State>(State state, std::int64_t value) noexcept {
        const auto at = static_cast<std::size_t>(state);
        if constexpr (std::is_same_v<State, TcpState>)
            timeouts.tcp[at] = seconds(value);
        else
            timeouts.sctp[at] = seconds(value);
    };
    set(TcpState::established, tunables.timeout_established);
    set(TcpState::syn_sent, tunables.timeout_synsent);
    set(TcpState::syn_recv, tunables.timeout_synrecv);
    set(TcpState::fin_wait, tunables.timeout_finwait);
    set(TcpState::time_wait, tunables.timeout_timewait);
    set(TcpState::close, tunables.timeout_close);
    set(TcpState::close_wait, tunables.timeout_closewait);
    set(TcpState::last_ack, tunables.timeout_lastack);
    set(TcpState::listen, tunables.timeout_listen);
    set(TcpState::synack, tunables.timeout_synack);
    timeouts.udp = seconds(tunables.timeout_udp);
    set(SctpState::established, tunables.timeout_sctp);
    set(SctpState::init1, tunables.timeout_sctp_init1);
    set(SctpState::init, tunables.timeout_sctp_init);
    set(SctpState::cookie_sent, tunables.timeout_sctp_cookiesent);
    set(SctpState::cookie_replied, tunables.timeout_sctp_cookiereplied);
    set(SctpState::cookie_wait, tunables.timeout_sctp_cookiewait);
    set(SctpState::cookie, tunables.timeout_sctp_cookie);
    set(SctpState::cookie_echoed, tunables.timeout_sctp_cookieechoed);
    set(SctpState::shutdown_sent, tunables.timeout_sctp_shutdownsent);
    set(SctpState::shutdown_received, tunables.timeout_sctp_shutdownreceived);
    set(SctpState::shutdown_ack_sent, tunables.timeout_sctp_shutdownacksent);
    set(SctpState::rejected, tunables.timeout_sctp_rejected);
    set(SctpState::closed, tunables.timeout_sctp_closed);
    return timeouts;
}

}  // namespace shunt
