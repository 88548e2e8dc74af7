// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Packets that wait for a next hop's link address: bounded, first come first served. A packet
// begins with its network header, finished; it is tried again when a new snapshot is seen.
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "dataplane/transmitter.h"
#include "net/address.h"

namespace shunt {

/// A neighbour that the control thread should have the kernel resolve.
struct ResolveRequest {
    int ifindex = 0;
    IpAddress address;
};

class HoldQueue {
  public:
    /// How long a packet waits before it is dropped: the kernel gives up on a neighbour after 3 s.
    static constexpr Ticks patience = std::chrono::seconds(3);

    struct Item {
        rte_mbuf* packet;
        IpAddress target;         ///< where the packet goes; routed anew when tried again
        std::uint32_t flow_hash;  ///< the same choice among several next hops
        TickTime until;
    };

    explicit HoldQueue(std::size_t most) : most_(most) { items_.reserve(most); }

    [[nodiscard]] bool full() const noexcept { return items_.size() == most_; }
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    /// Takes the packet; not when full().
    void push(const Item& item) noexcept { items_.push_back(item); }

    /// Calls `take(item)` for each item, in order, which says whether it took the packet away.
    template <class Fn>
    void retry(Fn&& take) noexcept {
        std::size_t kept = 0;
        for (const Item& item : items_)
            if (!take(item)) items_[kept++] = item;
        items_.resize(kept);
    }

  private:
    std::size_t most_;
    std::vector<Item> items_;
};

}  // namespace shunt
