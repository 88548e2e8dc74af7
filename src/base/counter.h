// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A counter with one writing thread and any number of readers.
#include <atomic>
#include <cstdint>

namespace shunt {

/// add() and sub() are plain instructions, not locked ones, so they belong to one thread; value()
/// may be called from any and sees a recent value.
template <class T>
class BasicCounter {
  public:
    void add(T n = 1) noexcept {
        value_.store(static_cast<T>(value_.load(std::memory_order_relaxed) + n),
                     std::memory_order_relaxed);
    }
    void sub(T n = 1) noexcept {
        value_.store(static_cast<T>(value_.load(std::memory_order_relaxed) - n),
                     std::memory_order_relaxed);
    }
    [[nodiscard]] T value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<T> value_{0};
};

using Counter = BasicCounter<std::uint64_t>;
using Gauge = BasicCounter<std::uint32_t>;

}  // namespace shunt
