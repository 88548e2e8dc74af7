// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What happens to a connection outside the packet path: it begins, it ends, the world around it
// changes. All on the owner's thread.
#include "dataplane/worker.h"

namespace shunt {

/// Does the packet open a new connection in the place of `conn`, which is over? A client that uses
/// a port again sends a SYN (conn_reuse_mode 1, ipvs-behaviour 2.10).
template <class F>
bool reuses_port(const Conn<F>& conn, const PacketMeta& meta, Direction direction) noexcept {
    // The rare condition comes first: then the connection is not even looked at.
    if ((meta.tcp_flags & TcpHeader::syn) == 0 || conn.protocol != Protocol::tcp ||
        direction != Direction::from_client)
        return false;
    const auto state = static_cast<TcpState>(conn.state);
    return state == TcpState::time_wait || state == TcpState::close;
}

/// Looks up again what the connection keeps from the snapshot: its next hops and whether its real
/// server is still in its service.
template <class F>
void refresh_connection(WorkerState& worker, Conn<F>& conn) noexcept;

/// Uncounts a connection on its real server; to be called once, before it is erased.
template <class F>
void uncount_connection(WorkerState& worker, const Conn<F>& conn) noexcept;

/// Counts the connection as active or not.
template <class F>
void count_active(WorkerState& worker, Conn<F>& conn, bool active) noexcept;

}  // namespace shunt
