// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a worker counts about packets. Every packet that enters leaves by exactly one verdict:
//
//     received + from_twin + taken_over + resumed + generated + split
//         = forwarded + to_host + from_host + handed_off + held + joined + dropped (all reasons)
//
// for each worker at any moment between two iterations. Over all workers, when the rings between
// them are empty, handed_off = taken_over; when nothing waits, held = resumed.
#include <array>

#include "base/counter.h"
#include "base/drop_reason.h"
#include "dataplane/drop_samples.h"
#include "dataplane/note_drop.h"

namespace shunt {

struct alignas(64) WorkerCounters {
    // Ways in.
    Counter received;    ///< from a port
    Counter from_twin;   ///< from the host's stack, by a kernel twin
    Counter taken_over;  ///< from another worker
    Counter resumed;     ///< held before, tried again
    Counter generated;   ///< made here: ICMP errors, acknowledgements
    Counter split;       ///< further pieces of packets that were cut to fit
    // Verdicts.
    Counter forwarded;   ///< sent by a port: translated packets and generated ones
    Counter to_host;     ///< given to the host's stack
    Counter from_host;   ///< the host's own packets, sent by a port
    Counter handed_off;  ///< given to another worker
    Counter held;        ///< put aside until a link address or the missing fragments are known
    Counter joined;      ///< became one packet with other fragments, which goes on as that one
    std::array<Counter, drop_reason_count> dropped;

    Counter ended_early;        ///< connections that drop_entry ended
    Counter evicted_half_open;  ///< connections that made room for newer ones
    Counter errors_suppressed;  ///< ICMP errors that the limits kept from being made

    // Work.
    Counter iterations;
    Counter full_iterations;  ///< of these, those that received a full burst: more may have waited
    Counter crowded_rings;    ///< bursts passed on by a ring to another worker that was half full
    Counter busy_cycles;      ///< TSC cycles of iterations that found work

    DropSamples* samples = nullptr;  ///< of what is dropped; null: none are kept
    Watch* watch = nullptr;          ///< is told of packets; null: nobody watches

    void drop(DropReason reason, std::uint64_t n = 1) noexcept {
        dropped[static_cast<std::size_t>(reason)].add(n);
    }
    /// Counts one of the packets at hand and keeps word of it; it is the caller's to free.
    void drop(DropReason reason, const rte_mbuf* packet) noexcept {
        count(reason, packet);
        if (samples != nullptr) samples->take(reason, packet);
    }
    /// The same for a packet that this port or twin was to send.
    void drop_from(DropReason reason, const rte_mbuf* packet, PortId port, bool twin) noexcept {
        count(reason, packet);
        if (samples != nullptr) samples->take_from(reason, packet, port, twin);
    }
    /// The same for a packet that is none of those at hand.
    void drop_other(DropReason reason, const rte_mbuf* packet) noexcept {
        count(reason, packet);
        if (samples != nullptr) samples->take_other(reason, packet);
    }
    [[nodiscard]] std::uint64_t all_dropped() const noexcept {
        std::uint64_t sum = 0;
        for (const auto& c : dropped) sum += c.value();
        return sum;
    }
    /// Do ways in and verdicts agree? Only exact while the worker stands still.
    [[nodiscard]] bool conserved() const noexcept {
        return received.value() + from_twin.value() + taken_over.value() + resumed.value() +
                   generated.value() + split.value() ==
               forwarded.value() + to_host.value() + from_host.value() + handed_off.value() +
                   held.value() + joined.value() + all_dropped();
    }

  private:
    void count(DropReason reason, const rte_mbuf* packet) noexcept {
        drop(reason);
        if (watch != nullptr) [[unlikely]]
            note_drop(*watch, packet, reason);
    }
};

}  // namespace shunt
