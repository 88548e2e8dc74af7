// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Packets from the worker that received them to the worker that owns their connection: one ring for
// each ordered pair of workers, one producer, one consumer, moved in whole bursts.
#include <cstdint>
#include <span>
#include <vector>

#include "base/id.h"
#include "dataplane/counters.h"
#include "dataplane/ring.h"

namespace shunt {

/// All rings. Made at start by the control thread, then shared; each ring end is used by one
/// worker.
class HandoffRings {
  public:
    HandoffRings(std::uint16_t workers, std::uint32_t depth);
    /// False when memory did not suffice for every ring; then it must not be used.
    [[nodiscard]] bool complete() const noexcept;

    [[nodiscard]] rte_ring* between(WorkerId from, WorkerId to) const noexcept {
        return rings_[std::size_t{from.value()} * workers_ + to.value()].get();
    }
    [[nodiscard]] std::uint16_t workers() const noexcept { return workers_; }

  private:
    std::uint16_t workers_;
    std::vector<RingPtr> rings_;
};

/// One worker's end: collects a burst for each other worker, then hands it over in one piece.
class Handoff {
  public:
    Handoff(WorkerId self, const HandoffRings& rings, WorkerCounters& counters);

    /// Takes the packet; `port` is where it came in. Counted when the ring has taken it, or
    /// dropped.
    void give(WorkerId owner, rte_mbuf* packet, PortId port) noexcept;
    void flush() noexcept;

    /// Calls `burst(port, packets)` with what other workers handed over: at most one burst from
    /// each, cut where the port changes. Returns the number of packets.
    template <class Fn>
    std::uint32_t take(Fn&& burst) noexcept {
        std::uint32_t taken = 0;
        for (std::uint16_t from = 0; from < rings_.workers(); ++from) {
            if (from == self_.value()) continue;
            Burst packets;
            const std::uint16_t count =
                take_over(rings_.between(WorkerId(from), self_), packets, counters_);
            taken += count;
            for (std::uint16_t i = 0; i < count;) {
                std::uint16_t end = i;
                while (end < count && port_of(packets[end]) == port_of(packets[i])) ++end;
                burst(port_of(packets[i]), std::span(packets).subspan(i, end - i));
                i = end;
            }
        }
        return taken;
    }

  private:
    using Burst = std::array<rte_mbuf*, 32>;
    struct Outgoing {
        std::uint16_t count = 0;
        Burst packets;
    };
    /// The port travels in the buffer itself: its device number is of no use to the owner.
    [[nodiscard]] static PortId port_of(const rte_mbuf* m) noexcept { return PortId(m->port); }
    void flush(WorkerId owner) noexcept;

    WorkerId self_;
    const HandoffRings& rings_;
    WorkerCounters& counters_;
    std::vector<Outgoing> outgoing_;
};

}  // namespace shunt
