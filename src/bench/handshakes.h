// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Opens the connections of a run the way that clients and servers do: a SYN, a SYN/ACK and an ACK
// of each go through the balancer; with direct routing and tunnels no SYN/ACK, which servers send
// past it.
#include <cstdint>
#include <functional>

#include "base/pages.h"
#include "bench/balancer.h"

namespace shunt::bench {

/// Establishes the flows 0 .. flows-1 through `balancer`, whose device's ring is empty before and
/// after. Returns the real server of each flow. Calls `progress(opened)` now and then. Throws
/// std::runtime_error when a packet did not come out at the other end.
template <class F>
PageArray<std::uint8_t> open_connections(Balancer& balancer, LoopDevice& device,
                                         const Method& method, std::uint32_t flows,
                                         const std::function<void(std::uint32_t)>& progress);

/// The real server that a packet from a client, as the balancer sent it, goes to. Throws
/// std::runtime_error when it goes to none.
template <class F>
std::uint8_t server_of(const Method& method, rte_mbuf* packet);

}  // namespace shunt::bench
