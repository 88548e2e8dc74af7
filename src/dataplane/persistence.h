// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// New connections of persistent services: back to the server of the client's template, or to
// another one, which the client is then tied to (ipvs-behaviour 5.2, 5.3, 5.5). Thread: the
// connection's owner.
#include <optional>

#include "dataplane/worker.h"

namespace shunt {

/// Where a new connection goes.
struct Target {
    DestId dest;
    L4Port port;                         ///< of the server
    AffinityRef affinity = no_affinity;  ///< to be given back by let_go()
};

/// What the engine of a persistent service finds in a packet; empty when there is no engine.
/// Nothing when the packet has not what the engine needs: it may not open a connection.
template <class F>
std::optional<EngineData> engine_data(const VirtualService& service, const rte_mbuf* packet,
                                      const PacketMeta& meta) noexcept;

/// The server that a client of a persistent service, or its call, is tied to, if there is one and
/// it may be used. `tuple` is that of packets from the client.
template <class F>
std::optional<Target> tied_target(WorkerState& worker, const VirtualService& service,
                                  const FlowTuple<F>& tuple, const EngineData& data) noexcept;

/// What tied_target() would say of it, without a tie to be given back: nothing changes.
template <class F>
std::optional<Target> tied_target_now(WorkerState& worker, const VirtualService& service,
                                      const FlowTuple<F>& tuple, const EngineData& data) noexcept;

/// Where a connection goes that is tied to this server.
template <class F>
Target target_of_tie(const WorkerState& worker, const VirtualService& service,
                     const FlowTuple<F>& tuple, DestId server) noexcept;

/// Ties the client to a server of the service. Nothing when there is no room for a template. The
/// target is another server when another worker was faster for the same client.
template <class F>
std::optional<Target> tie(WorkerState& worker, const VirtualService& service,
                          const FlowTuple<F>& tuple, const RealServer& server,
                          const EngineData& data) noexcept;

/// The same for a call that this server began, wherever the client's call went before.
template <class F>
std::optional<Target> tie_to_caller(WorkerState& worker, const VirtualService& service,
                                    const FlowTuple<F>& tuple, const RealServer& server,
                                    const EngineData& data) noexcept;

/// The end of a connection, or of the attempt to make one; does nothing for no_affinity.
inline void let_go(WorkerState& worker, AffinityRef affinity) noexcept {
    if (affinity != no_affinity) worker.shared.affinity->release(affinity, worker.now);
}

/// The end of a connection that is ended for want of room.
inline void give_up(WorkerState& worker, AffinityRef affinity) noexcept {
    if (affinity != no_affinity) worker.shared.affinity->abandon(affinity, worker.now);
}

/// The connection has come to life, and with it the tie of its client (ipvs-behaviour 2.9).
template <class F>
void assure(WorkerState& worker, Conn<F>& conn) noexcept {
    if (conn.affinity == no_affinity || conn.assured) [[likely]]
        return;
    conn.assured = true;
    worker.shared.affinity->assure(conn.affinity);
}

}  // namespace shunt
