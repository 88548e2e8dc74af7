// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What happens to a connection outside the packet path: it begins, it ends, the world around it
// changes. All on the owner's thread.
#include "dataplane/worker.h"

namespace shunt {

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
