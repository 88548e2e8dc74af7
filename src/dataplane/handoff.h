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

    /// Where a packet came in.
    struct Arrival {
        PortId port;
        bool from_host = false;  ///< by the kernel twin of the port
        bool operator==(const Arrival&) const noexcept = default;
    };

    /// Takes the packet. Counted when the ring has taken it, or dropped.
    void give(WorkerId owner, rte_mbuf* packet, Arrival arrival) noexcept;
    void flush() noexcept;

    /// Calls `burst(arrival, packets)` with what other workers handed over: at most one burst from
    /// each, cut where the arrival changes. Returns the number of packets.
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
                while (end < count && arrival_of(packets[end]) == arrival_of(packets[i])) ++end;
                burst(arrival_of(packets[i]), std::span(packets).subspan(i, end - i));
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
    /// The arrival travels in the buffer itself, as twice the port and one for its twin: the device
    /// number that stands there is of no use to the owner.
    [[nodiscard]] static Arrival arrival_of(const rte_mbuf* m) noexcept {
        return {PortId(static_cast<std::uint16_t>(m->port / 2)), (m->port & 1) != 0};
    }
    void flush(WorkerId owner) noexcept;

    WorkerId self_;
    const HandoffRings& rings_;
    WorkerCounters& counters_;
    std::vector<Outgoing> outgoing_;
};

}  // namespace shunt
