// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Between ports and the host's network stack: what the pipeline does not claim goes to the port's
// kernel twin untouched, and what the host sends on the twin leaves by the port.
#include "dataplane/worker.h"

namespace shunt {

/// Gives a packet that came in on `port` to the host, VLAN tag and all.
void send_to_host(WorkerState& worker, PortId port, rte_mbuf* packet) noexcept;

/// Sends a burst that the host put on the twin of `port`.
void send_from_host(WorkerState& worker, PortId port, std::span<rte_mbuf*> packets) noexcept;

}  // namespace shunt
