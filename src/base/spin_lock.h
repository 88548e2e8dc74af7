// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A lock of a part of a table that all workers share, held for some dozens of instructions only. On
// a cache line of its own. Thread: any.
#include <rte_spinlock.h>

namespace shunt {

struct alignas(64) SpinLock {
    rte_spinlock_t spin = RTE_SPINLOCK_INITIALIZER;
};

class SpinGuard {
  public:
    explicit SpinGuard(SpinLock& lock) noexcept : lock_(lock) { rte_spinlock_lock(&lock_.spin); }
    ~SpinGuard() { rte_spinlock_unlock(&lock_.spin); }
    SpinGuard(const SpinGuard&) = delete;
    SpinGuard& operator=(const SpinGuard&) = delete;

  private:
    SpinLock& lock_;
};

}  // namespace shunt
