// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Between ports and the host's network stack: what the pipeline does not claim goes to the port's
// kernel twin untouched, and what the host sends on the twin leaves by the port.
#include "dataplane/worker.h"

namespace shunt {

/// Gives a packet that came in on `port` to the host, VLAN tag and all.
void send_to_host(WorkerState& worker, PortId port, rte_mbuf* packet) noexcept;

/// The same for a packet that may have been put together from fragments: it goes in such again.
template <class F>
void give_to_host(WorkerState& worker, PortId port, rte_mbuf* packet,
                  const PacketMeta& meta) noexcept;

/// Lets a packet of a burst go where it would go without a balancer: to the host, or, when it comes
/// from there, out by its port.
void pass_by(WorkerState& worker, const Batch& batch, rte_mbuf* packet) noexcept;
template <class F>
void pass_by(WorkerState& worker, const Batch& batch, rte_mbuf* packet,
             const PacketMeta& meta) noexcept;

/// Sends a burst that the host put on the twin of `port`.
void send_from_host(WorkerState& worker, PortId port, std::span<rte_mbuf*> packets) noexcept;

}  // namespace shunt
