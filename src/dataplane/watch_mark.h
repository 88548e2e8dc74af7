// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The mark of a packet that is watched (watch.h). It stands in the packet buffer, so that it goes
// where the packet goes, other workers included; what is made out of a packet gets a copy.
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <atomic>
#include <cstdint>

namespace shunt {

/// Where the mark stands. Written by the control thread before the first watch, never changed.
struct WatchMarkPlace {
    std::atomic<std::uint64_t> flag{0};  ///< a bit of rte_mbuf::ol_flags; 0: there is none yet
    std::atomic<int> field{0};           ///< offset of the number, 32 bits
};
inline WatchMarkPlace watch_mark_place;

/// A mark's number is that of the packet, from 1 on, behind 8 bits for the session.
constexpr std::uint32_t watch_number(std::uint32_t mark) noexcept {
    return mark & 0xFF'FFFFU;
}

/// Takes the place in packet buffers; false when DPDK has none left. Needs a running EAL. Thread:
/// control.
bool register_watch_mark() noexcept;

/// The mark's number, 0 for a packet without.
inline std::uint32_t watch_mark(const rte_mbuf* packet) noexcept {
    if ((packet->ol_flags & watch_mark_place.flag.load(std::memory_order_relaxed)) == 0) return 0;
    return *RTE_MBUF_DYNFIELD(packet, watch_mark_place.field.load(std::memory_order_relaxed),
                              const std::uint32_t*);
}

/// 0 takes the mark away.
inline void set_watch_mark(rte_mbuf* packet, std::uint32_t number) noexcept {
    const std::uint64_t flag = watch_mark_place.flag.load(std::memory_order_relaxed);
    packet->ol_flags &= ~flag;
    if (number == 0) return;
    packet->ol_flags |= flag;
    *RTE_MBUF_DYNFIELD(packet, watch_mark_place.field.load(std::memory_order_relaxed),
                       std::uint32_t*) = number;
}

/// For a packet that is made because of another one.
inline void copy_watch_mark(rte_mbuf* to, const rte_mbuf* from) noexcept {
    if (const std::uint32_t number = watch_mark(from); number != 0) [[unlikely]]
        set_watch_mark(to, number);
}

}  // namespace shunt
