// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Stage 5: what a packet does to its connection: availability of the real server, protocol state,
// expiry, statistics (ipvs-behaviour 1.2 steps 10-13, 1.8, 2.8, 2.11, 3).
#include "dataplane/worker.h"

namespace shunt {

enum class Progress : std::uint8_t {
    goes_on,   ///< it may be forwarded
    disposed,  ///< it has its verdict
    late,      ///< it opens a connection in the place of one that is over, or follows one that does
};

template <class F>
Progress advance(WorkerState& worker, Batch& batch, const Claimed<F>& claim) noexcept;

/// What the flags of a segment do to the state of its TCP connection, its timer and what is counted
/// by state. A part of advance().
template <class F>
void advance_tcp(WorkerState& worker, Conn<F>& conn, std::uint8_t flags,
                 Direction direction) noexcept;

/// Every packet starts the timeout of the state anew; only a shorter one touches the timer.
template <class F>
void expire_at(WorkerState& worker, Conn<F>& conn, TickTime expires) noexcept {
    const bool sooner = expires < conn.expires;
    conn.expires = expires;
    if (sooner) [[unlikely]]
        worker.conns<F>().expires_sooner(conn);
}
template <class F>
void restart_timer(WorkerState& worker, Conn<F>& conn, Ticks timeout) noexcept {
    expire_at<F>(worker, conn, worker.now + timeout);
}

}  // namespace shunt
