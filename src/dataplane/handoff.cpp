// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/handoff.h"

#include "dataplane/ring.h"
#include "dataplane/watch.h"

namespace shunt {

HandoffRings::HandoffRings(std::uint16_t workers, std::uint32_t depth) : workers_(workers) {
    rings_.resize(std::size_t{workers} * workers);
    for (std::size_t i = 0; i < rings_.size(); ++i)
        if (i / workers != i % workers)
            rings_[i] = make_ring("handoff", depth, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

bool HandoffRings::complete() const noexcept {
    for (std::size_t i = 0; i < rings_.size(); ++i)
        if (rings_[i] == nullptr && i / workers_ != i % workers_) return false;
    return true;
}

Handoff::Handoff(WorkerId self, const HandoffRings& rings, WorkerCounters& counters)
    : self_(self), rings_(rings), counters_(counters), outgoing_(rings.workers()) {}

void Handoff::give(WorkerId owner, rte_mbuf* packet, Arrival arrival) noexcept {
    packet->port =
        static_cast<std::uint16_t>(arrival.port.value() * 2 + (arrival.from_host ? 1 : 0));
    Outgoing& out = outgoing_[owner.value()];
    out.packets[out.count++] = packet;
    if (out.count == out.packets.size()) flush(owner);
}

void Handoff::flush() noexcept {
    for (std::uint16_t to = 0; to < outgoing_.size(); ++to)
        if (outgoing_[to].count > 0) flush(WorkerId(to));
}

void Handoff::flush(WorkerId owner) noexcept {
    Outgoing& out = outgoing_[owner.value()];
    const auto packets = std::span(out.packets).first(out.count);
    if (counters_.watch != nullptr) [[unlikely]]
        counters_.watch->handed(owner, packets);
    hand_over(rings_.between(self_, owner), packets, counters_);
    out.count = 0;
}

}  // namespace shunt
