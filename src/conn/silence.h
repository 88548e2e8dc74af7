// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How long a connection may be silent, and whether it has been for some time (ipvs-behaviour 2.8,
// 3.3 to 3.5). Pure; thread: the connection's owner.
#include "conn/conn.h"
#include "conn/timeouts.h"
#include "service/service_table.h"

namespace shunt {

/// What is said for all connections, and by the services for their own.
struct TimeoutRules {
    const Timeouts& of_all;
    const ServiceTable& services;
};

/// What the connection's service says, or else `of_all`.
template <class F>
Ticks own_timeout_or(const Conn<F>& conn, const TimeoutRules& rules, Ticks ServiceTimeouts::*own,
                     Ticks of_all) noexcept {
    if (!conn.own_timeouts) [[likely]]
        return of_all;
    const Ticks set = rules.services.slot(conn.dest).timeouts.*own;
    return set != Ticks{} ? set : of_all;
}

template <class F>
Ticks tcp_timeout(const Conn<F>& conn, TcpState state, const TimeoutRules& rules) noexcept {
    const Ticks of_all = rules.of_all.tcp_in(state);
    if (!conn.own_timeouts) [[likely]]
        return of_all;
    if (state == TcpState::established)
        return own_timeout_or(conn, rules, &ServiceTimeouts::tcp, of_all);
    if (state == TcpState::fin_wait)
        return own_timeout_or(conn, rules, &ServiceTimeouts::tcp_fin, of_all);
    return of_all;
}

template <class F>
Ticks udp_timeout(const Conn<F>& conn, const TimeoutRules& rules) noexcept {
    return own_timeout_or(conn, rules, &ServiceTimeouts::udp, rules.of_all.udp);
}

/// In the state in which the connection is.
template <class F>
Ticks timeout_of(const Conn<F>& conn, const TimeoutRules& rules) noexcept {
    if (conn.protocol == Protocol::tcp)
        return tcp_timeout(conn, static_cast<TcpState>(conn.state), rules);
    if (conn.protocol == Protocol::sctp)
        return rules.of_all.sctp_in(static_cast<SctpState>(conn.state));
    return udp_timeout(conn, rules);
}

/// Did the last packet come `least` ago or earlier, as the timeouts of now have it?
template <class F>
bool has_been_silent(const Conn<F>& conn, Ticks least, const TimeoutRules& rules,
                     TickTime now) noexcept {
    const TickTime last_packet = conn.expires - timeout_of(conn, rules);
    // A packet of the future is one that a longer timeout was given for.
    const std::int32_t since = ticks_between(last_packet, now);
    return since >= 0 && static_cast<std::uint32_t>(since) >= least.count();
}

}  // namespace shunt
