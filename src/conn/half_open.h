// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The half-open connections of one table, oldest first: those whose client has not shown yet that
// it hears its server. A flood from false addresses is made of them, so they go first when room is
// short.
//
// Theory of operation. A ring has the slots in the order in which their connections were made, and
// each connection its place in the ring. One that is established, or ends, only says so itself; its
// place in the ring is passed over when it comes to the front. So making and establishing a
// connection costs one write into the ring, which runs through memory in order. One that still
// waits when a whole ring of others has come behind it counts as new.
#include <bit>
#include <cassert>
#include <cstdint>

#include "base/counter.h"
#include "base/pages.h"

namespace shunt {

/// Where a connection stands in the ring; kept in the connection.
using HalfOpenPlace = std::uint32_t;

/// One worker owns it; count() may be called from any thread.
class HalfOpenRing {
  public:
    /// For at most `capacity` connections, below 2^31. Throws std::bad_alloc.
    explicit HalfOpenRing(std::uint32_t capacity)
        : mask_(std::bit_ceil(capacity + 1) - 1), ring_(std::size_t{mask_} + 1, Touch::at_start) {}

    [[nodiscard]] std::uint32_t count() const noexcept { return count_.value(); }

    /// The connection in `slot` is half-open from now on; returns its place. `stands(slot, place)`:
    /// is this the place of the slot's connection, and that half-open? `move(slot, place)` is told
    /// of those that count as new.
    template <class Stands, class Move>
    [[nodiscard]] HalfOpenPlace add(std::uint32_t slot, Stands&& stands, Move&& move) noexcept {
        while (end_ - begin_ > mask_) {
            const HalfOpenPlace place = begin_++;
            const std::uint32_t oldest = ring_[place & mask_];
            if (stands(oldest, place)) move(oldest, put(oldest));
        }
        count_.add();
        return put(slot);
    }

    /// A connection is half-open no more.
    void remove() noexcept { count_.sub(); }

    /// The slot of the oldest one, which stays; there must be one.
    template <class Stands>
    [[nodiscard]] std::uint32_t oldest(Stands&& stands) noexcept {
        for (;; ++begin_) {
            assert(begin_ != end_);
            const std::uint32_t slot = ring_[begin_ & mask_];
            if (stands(slot, begin_)) return slot;
        }
    }

    [[nodiscard]] std::size_t bytes() const noexcept { return ring_.bytes(); }

  private:
    HalfOpenPlace put(std::uint32_t slot) noexcept {
        ring_[end_ & mask_] = slot;
        return end_++;
    }

    std::uint32_t mask_;
    PageArray<std::uint32_t> ring_;
    Gauge count_;
    HalfOpenPlace begin_ = 0;
    HalfOpenPlace end_ = 0;
};

}  // namespace shunt
