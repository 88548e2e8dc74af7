// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The state of helpers of a worker's connections, found by a key of the connection: a fixed number,
// taken and given back. Memory is untouched until it is used. Thread: the worker.
#include <bit>
#include <cassert>
#include <cstdint>
#include <memory>

#include "base/pages.h"

namespace shunt {

/// `State` is plain data. A key is below 0xFFFFFFFF.
template <class State>
class HelperPool {
  public:
    using Key = std::uint32_t;

    /// Throws std::bad_alloc.
    explicit HelperPool(std::uint32_t capacity)
        : capacity_(capacity),
          mask_(places_for(capacity) - 1),
          places_(mask_ + 1),
          keys_(capacity),
          next_free_(capacity),
          states_(capacity) {}

    /// Null when the key has none.
    [[nodiscard]] State* find(Key key) noexcept {
        const std::size_t place = place_of(key);
        return places_[place] == 0 ? nullptr : &states_[places_[place] - 1];
    }

    /// A fresh state for a key that has none; null when all are taken.
    [[nodiscard]] State* add(Key key) noexcept {
        std::uint32_t position = free_;
        if (position != 0)
            free_ = next_free_[position - 1];
        else if (used_ < capacity_)
            position = ++used_;
        else
            return nullptr;
        const std::size_t place = place_of(key);
        assert(places_[place] == 0);
        places_[place] = position;
        keys_[position - 1] = key;
        ++size_;
        return std::construct_at(&states_[position - 1]);
    }

    /// Gives back the state of a key that has one. Those that were put behind it for want of its
    /// place move up.
    void erase(Key key) noexcept {
        std::size_t hole = place_of(key);
        assert(places_[hole] != 0);
        next_free_[places_[hole] - 1] = free_;
        free_ = places_[hole];
        places_[hole] = 0;
        --size_;
        for (std::size_t at = (hole + 1) & mask_; places_[at] != 0; at = (at + 1) & mask_) {
            const std::size_t home = home_of(keys_[places_[at] - 1]);
            if (((at - home) & mask_) < ((at - hole) & mask_)) continue;
            places_[hole] = places_[at];
            places_[at] = 0;
            hole = at;
        }
    }

    /// What a pool takes when all of it was used, but for the rounding to pages.
    [[nodiscard]] static constexpr std::uint64_t bytes_for(std::uint32_t capacity) noexcept {
        return places_for(capacity) * sizeof(std::uint32_t) +
               std::uint64_t{capacity} * (sizeof(Key) + sizeof(std::uint32_t) + sizeof(State));
    }

    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::size_t bytes() const noexcept {
        return places_.bytes() + keys_.bytes() + next_free_.bytes() + states_.bytes();
    }

  private:
    [[nodiscard]] static constexpr std::uint64_t places_for(std::uint32_t capacity) noexcept {
        return std::bit_ceil(2 * std::uint64_t{capacity} + 1);
    }
    [[nodiscard]] std::size_t home_of(Key key) const noexcept {
        constexpr std::uint64_t golden = 0x9E3779B97F4A7C15ULL;
        return static_cast<std::size_t>((key * golden) >> 32) & mask_;
    }
    /// Where the key is, or would be put.
    [[nodiscard]] std::size_t place_of(Key key) const noexcept {
        std::size_t place = home_of(key);
        while (places_[place] != 0 && keys_[places_[place] - 1] != key) place = (place + 1) & mask_;
        return place;
    }

    std::uint32_t capacity_;
    std::size_t mask_;
    PageArray<std::uint32_t> places_;  ///< one more than a position; 0: none
    PageArray<Key> keys_;              ///< by position
    PageArray<std::uint32_t> next_free_;
    PageArray<State> states_;
    std::uint32_t free_ = 0;  ///< one more than a position
    std::uint32_t used_ = 0;  ///< positions that ever were
    std::uint32_t size_ = 0;
};

}  // namespace shunt
