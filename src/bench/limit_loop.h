// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// L, the physical limit that the balancer's speed is held against: a loop that receives the same
// packets, finds one of N connections (a line of tags, then the connection's line, both prefetched
// for the whole burst), rewrites the header, counts, and transmits. Nothing else: no states, no
// timers, no configuration, no errors. IPv4 whatever the family of the run.
#include <cstdint>

#include "base/pages.h"
#include "bench/loop_device.h"
#include "dataplane/batch.h"
#include "net/tuple.h"

namespace shunt::bench {

/// What the loop knows: connections, and lines of tags that lead to them.
struct LimitTable {
    static constexpr unsigned places = 8;
    /// Addresses; then ports and protocol: as they stand on the wire, in two words.
    using Key = std::array<std::uint64_t, 2>;

    struct alignas(64) Bucket {
        std::array<std::uint16_t, places> tags;  ///< 0: free
        std::array<std::uint32_t, places> entries;
    };
    struct alignas(64) Entry {
        Key key;
        Ipv4Address server;
        L4Port port;
        std::uint16_t link;  ///< position in links_
        std::uint32_t last_seen;
        std::uint32_t packets;
        std::uint64_t bytes;
    };
    static_assert(sizeof(Bucket) == 64 && sizeof(Entry) == 64);
};

class LimitLoop {
  public:
    /// Knows the flows 0 .. flows-1 of lab.h. Throws std::bad_alloc.
    explicit LimitLoop(std::uint32_t flows);

    /// One burst through `device`, whose ring holds packets from clients.
    void iterate(LoopDevice& device) noexcept;

    /// Packets so far that were of no flow, or were not transmitted: anything but 0 is a fault.
    [[nodiscard]] std::uint64_t faults() const noexcept { return faults_; }

  private:
    using Key = LimitTable::Key;
    using Bucket = LimitTable::Bucket;
    using Entry = LimitTable::Entry;
    /// A packet's key on its way through the burst.
    struct Sought {
        Key key;
        std::uint32_t hash;
        std::uint32_t entry;
    };

    [[nodiscard]] std::size_t home(std::uint32_t hash) const noexcept {
        return hash & bucket_mask_;
    }
    void file(std::uint32_t flow, std::uint32_t entry) noexcept;
    /// Connections that share their bucket's tag with another, or stand in a later bucket.
    [[nodiscard]] Entry* search(const Sought& sought) noexcept;

    std::size_t bucket_mask_;
    PageArray<Bucket> buckets_;
    PageArray<Entry> entries_;
    std::array<std::array<std::byte, 12>, 16> links_{};  ///< destination and source MAC
    std::uint32_t now_ = 0;
    std::uint64_t faults_ = 0;
};

}  // namespace shunt::bench
