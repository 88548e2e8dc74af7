// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How long a connection lives without a packet, by protocol and state (ipvs-behaviour 3.3 to 3.5).
#include "conn/sctp_state.h"
#include "conn/tcp_state.h"
#include "service/tunables.h"

namespace shunt {

struct Timeouts {
    std::array<Ticks, tcp_state_count> tcp = {
        std::chrono::seconds(2),   std::chrono::seconds(900), std::chrono::seconds(120),
        std::chrono::seconds(60),  std::chrono::seconds(120), std::chrono::seconds(120),
        std::chrono::seconds(10),  std::chrono::seconds(60),  std::chrono::seconds(30),
        std::chrono::seconds(120), std::chrono::seconds(120)};
    Ticks udp = std::chrono::seconds(300);
    std::array<Ticks, sctp_state_count> sctp = {
        std::chrono::seconds(2),  std::chrono::seconds(4),  std::chrono::seconds(61),
        std::chrono::seconds(61), std::chrono::seconds(61), std::chrono::seconds(61),
        std::chrono::seconds(61), std::chrono::seconds(61), std::chrono::seconds(900),
        std::chrono::seconds(61), std::chrono::seconds(61), std::chrono::seconds(61),
        std::chrono::seconds(4),  std::chrono::seconds(61)};

    /// Those that the operator has set; the others are constant, as in IPVS.
    [[nodiscard]] static Timeouts of(const Tunables& tunables) noexcept;

    [[nodiscard]] Ticks tcp_in(TcpState s) const noexcept {
        return tcp[static_cast<std::size_t>(s)];
    }
    [[nodiscard]] Ticks sctp_in(SctpState s) const noexcept {
        return sctp[static_cast<std::size_t>(s)];
    }
};

/// A new connection's timeout until its first state is known (ipvs-behaviour 2.2).
inline constexpr Ticks initial_timeout = std::chrono::seconds(3);

}  // namespace shunt
