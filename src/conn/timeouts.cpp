// SPDX-License-Identifier: BSD-3-Clause
#include "conn/timeouts.h"

namespace shunt {

Timeouts Timeouts::of(const Tunables& tunables) noexcept {
    const auto seconds = [](std::int64_t value) noexcept -> Ticks {
        return std::chrono::duration<std::uint32_t>(static_cast<std::uint32_t>(value));
    };
    Timeouts timeouts;
    const auto set = [&](TcpState state, std::int64_t value) noexcept {
        timeouts.tcp[static_cast<std::size_t>(state)] = seconds(value);
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
    timeouts.sctp[static_cast<std::size_t>(SctpState::established)] =
        seconds(tunables.timeout_sctp);
    return timeouts;
}

}  // namespace shunt
