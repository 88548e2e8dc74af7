// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What happens to a connection outside the packet path: it begins, it ends, the world around it
// changes. All on the owner's thread.
#include "dataplane/worker.h"

namespace shunt {

/// Does the packet open a new connection in the place of `conn` (ipvs-behaviour 2.10)? A client
/// that uses a port of an ended connection again does (conn_reuse_mode), and so does one whose
/// server has been quiesced (expire_nodest_conn).
template <class F>
bool begins_anew(const WorkerState& worker, const Conn<F>& conn, const PacketMeta& meta,
                 Direction direction) noexcept;

/// What the routes say of one direction of a connection; the server may be of the other family.
/// What a tunnel adds is taken off what fits.
template <class F>
WayAhead way_ahead(WorkerState& worker, const Conn<F>& conn, Direction direction) noexcept;

/// `flow_hash`: a function, as NetTable::way_ahead() takes it.
template <class F, class Hash>
WayAhead way_to_client(WorkerState& worker, const typename F::Address& client,
                       Hash&& flow_hash) noexcept {
    return recall_way(worker.recent<F>().client, client, worker.snapshot->generation,
                      [&] { return worker.network().way_ahead<F>(client, flow_hash); });
}

/// Looks up again what the connection keeps from the snapshot: its next hops and whether its real
/// server is still in its service.
template <class F>
void refresh_connection(WorkerState& worker, Conn<F>& conn) noexcept;

/// Counts a connection on its real server; to be called once, when it is filed.
template <class F>
void count_connection(WorkerState& worker, const Conn<F>& conn) noexcept;

enum class Ending : std::uint8_t {
    natural,
    forced,  ///< for want of room: its template goes with it if it never came to life
};

/// Uncounts a connection on its real server, takes its helper away and lets its template or its
/// expectation go; to be called once, before it is erased.
template <class F>
void uncount_connection(WorkerState& worker, const Conn<F>& conn,
                        Ending how = Ending::natural) noexcept;

/// Counts the connection as active or not.
template <class F>
void count_active(WorkerState& worker, Conn<F>& conn, bool active) noexcept;

}  // namespace shunt
