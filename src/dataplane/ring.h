// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// DPDK rings as owned objects, and packets that go through them from worker to worker.
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "dataplane/counters.h"

namespace shunt {

struct RingFree {
    void operator()(rte_ring* ring) const noexcept { rte_ring_free(ring); }
};
using RingPtr = std::unique_ptr<rte_ring, RingFree>;

/// A DPDK ring with a name of its own; `depth` is rounded up to a power of two, `element_size` is a
/// multiple of 4 bytes. Null when memory is short: the caller refuses to start. Thread: control.
RingPtr make_ring(std::string_view what, std::uint32_t depth, unsigned flags,
                  unsigned element_size = sizeof(void*));

/// Passes packets on to the worker that reads the ring: each is counted as handed off, or dropped
/// when the ring is full.
void hand_over(rte_ring* ring, std::span<rte_mbuf*> packets, WorkerCounters& counters) noexcept;

/// Fills `room` with packets that other workers passed on, as far as there are any; returns how
/// many.
std::uint16_t take_over(rte_ring* ring, std::span<rte_mbuf*> room,
                        WorkerCounters& counters) noexcept;

}  // namespace shunt
