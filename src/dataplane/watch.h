// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Watching packets for an operator: those that match on their way in are marked (watch_mark.h), and
// told of when they come, when they or what was made of them leave, and when they are dropped. Also
// told of is what leaves and matches by itself. Forwarding is the same as without.
//
// Theory of operation. A worker without a Watch tests one pointer a burst. The control thread makes
// a Watch for each worker and has the worker take it, and later give it up, by a WorkerRequest;
// when that is done nobody looks at it any more. Records of an iteration are published at its end:
// until then a drop can still be noted on the record of the packet's arrival.
#include <span>

#include "base/id.h"
#include "base/time.h"
#include "dataplane/watch_ring.h"
#include "net/packet_filter.h"

namespace shunt {

/// What all workers are asked to watch. Made by the control thread, outlives every Watch.
struct WatchOrder {
    PacketFilter filter;
    std::optional<WorkerId> worker;  ///< packets match only there
    std::optional<PortId> port;      ///< packets match only on this port and its twin
    bool dropped_only = false;       ///< tell only of what is dropped
    bool traces = false;             ///< tell of each decision, too (trace.h)
    std::uint32_t packets = 0;       ///< so many match, then no more; below 2^24
    std::uint32_t snap = 0;          ///< bytes of each that are told
    std::uint8_t session = 1;        ///< another one than the last time; not 0

    /// How many have matched; with `dropped_only` how many of these were told of.
    std::atomic<std::uint32_t> matched{0};
    /// What the last mark was numbered; marks have the session in their upper 8 bits.
    std::atomic<std::uint32_t> numbered{0};

    [[nodiscard]] bool exhausted() const noexcept {
        return matched.load(std::memory_order_relaxed) >= packets;
    }
};

/// One worker's part. Thread: the worker's, where nothing else is said.
class Watch {
  public:
    /// `records`: a power of two. Throws std::bad_alloc. Thread: control.
    Watch(WatchOrder& order, WorkerId worker, std::uint32_t records);

    [[nodiscard]] bool traces() const noexcept { return order_.traces; }
    [[nodiscard]] bool watches(const rte_mbuf* packet) const noexcept {
        return number_of(packet) != 0;
    }

    /// A burst as it was received; marks each packet, or takes an old mark away.
    void arrived(DeviceIndex by, std::span<rte_mbuf*> packets) noexcept;
    /// A burst that is about to be given to a device.
    void leaving(DeviceIndex by, std::span<rte_mbuf*> packets) noexcept;
    /// A burst that is about to be given to another worker.
    void handed(WorkerId to, std::span<rte_mbuf*> packets) noexcept;
    /// A packet that is about to be freed.
    void dropped(const rte_mbuf* packet, DropReason reason) noexcept;
    /// What the stages decided about the packet with this number, from `tsc` on.
    void passed(std::uint32_t number, std::uint64_t tsc,
                std::span<const std::byte> decisions) noexcept;
    /// The end of an iteration.
    void publish() noexcept;

    /// The number of a packet that is watched now, else 0.
    [[nodiscard]] std::uint32_t number_of(const rte_mbuf* packet) const noexcept;

    // Thread: control.
    [[nodiscard]] WatchRing& ring() noexcept { return ring_; }
    /// Records that found no room.
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.value(); }

  private:
    /// A number for a packet that matches; 0 when there are enough.
    [[nodiscard]] std::uint32_t next_number() noexcept;
    [[nodiscard]] std::uint32_t number_if_matching(DeviceIndex by, const rte_mbuf* packet) noexcept;
    [[nodiscard]] WatchRecord* record(WatchEvent event, std::uint32_t number) noexcept;
    WatchRecord* record_packet(WatchEvent event, std::uint32_t number,
                               const rte_mbuf* packet) noexcept;

    WatchOrder& order_;
    WorkerId worker_;
    WatchRing ring_;
    Counter lost_;
};

}  // namespace shunt
