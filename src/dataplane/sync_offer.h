// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A worker's part of a sync master: which packets make it tell of their connection (ipvs-behaviour
// 7.2). Thread: the connection's owner.
#include "dataplane/worker.h"

namespace shunt {

/// To be called for each packet of the client of a connection that is kept `aside`, when the
/// connection has advanced. Does nothing while no master runs.
template <class F>
void offer_to_sync(WorkerState& worker, const Conn<F>& conn) noexcept;

/// To be told whatever the packets say: its life was made longer without one (ipvs-behaviour 2.8).
template <class F>
void tell_kept_to_sync(WorkerState& worker, const Conn<F>& conn) noexcept;

/// The same for a connection of one packet, of which only the template is told.
void offer_template_to_sync(WorkerState& worker, AffinityRef affinity) noexcept;

}  // namespace shunt
