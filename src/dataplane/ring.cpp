// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/ring.h"

#include <rte_lcore.h>
#include <rte_ring_elem.h>

#include <atomic>
#include <bit>
#include <string>

namespace shunt {

RingPtr make_ring(std::string_view what, std::uint32_t depth, unsigned flags,
                  unsigned element_size) {
    static std::atomic<unsigned> serial{0};
    const std::string name = std::string(what) + "-" + std::to_string(serial++);
    return RingPtr(rte_ring_create_elem(name.c_str(), element_size, std::bit_ceil(depth),
                                        static_cast<int>(SOCKET_ID_ANY), flags));
}

void hand_over(rte_ring* ring, std::span<rte_mbuf*> packets, WorkerCounters& counters) noexcept {
    const auto count = static_cast<unsigned>(packets.size());
    unsigned room = 0;
    const unsigned taken =
        rte_ring_enqueue_burst(ring, reinterpret_cast<void**>(packets.data()), count, &room);
    counters.handed_off.add(taken);
    if (room < rte_ring_get_capacity(ring) / 2) counters.crowded_rings.add();
    if (taken == count) return;
    const auto refused = packets.subspan(taken);
    for (const rte_mbuf* packet : refused) counters.drop_other(DropReason::handoff_full, packet);
    rte_pktmbuf_free_bulk(refused.data(), count - taken);
}

std::uint16_t take_over(rte_ring* ring, std::span<rte_mbuf*> room,
                        WorkerCounters& counters) noexcept {
    const unsigned count = rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(room.data()),
                                                  static_cast<unsigned>(room.size()), nullptr);
    counters.taken_over.add(count);
    return static_cast<std::uint16_t>(count);
}

}  // namespace shunt
