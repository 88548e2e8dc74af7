// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Which real servers have as many connections as they may have. One entry a DestId slot, shared by
// all workers.
#include <atomic>
#include <memory>

#include "service/real_server.h"

namespace shunt {

/// A server with an upper threshold becomes overloaded when its connections reach that, and stops
/// to be it when they drop below the lower one; between the two nothing changes (ipvs-behaviour
/// 2.11). The entry of a server without an upper threshold is never touched by workers.
class OverloadTable {
  public:
    /// Of no server; nobody is overloaded.
    OverloadTable() = default;
    explicit OverloadTable(std::uint32_t servers) : entries_(std::make_unique<Entry[]>(servers)) {}

    [[nodiscard]] bool overloaded(DestId id) const noexcept {
        return entries_ != nullptr && entries_[id.value()].overloaded.load(relaxed);
    }

    /// To be followed by update() if the server is overloaded. A server whose upper threshold rises
    /// is not overloaded unless it reaches the new one too, as recorded from Linux 6.1. Thread:
    /// control.
    void set(DestId id, Thresholds thresholds) noexcept {
        if (entries_ == nullptr) return;
        Entry& entry = entries_[id.value()];
        const bool rises = thresholds.upper > entry.upper.load(relaxed);
        entry.upper.store(thresholds.upper, relaxed);
        entry.below.store(thresholds.below(), relaxed);
        if (rises) entry.overloaded.store(false, relaxed);
    }

    /// To be called by whoever counted or uncounted a connection of the server. `total` counts its
    /// connections over all workers. Thread: any.
    ///
    /// Judges until the flag is what it should be: of two threads that count at once at least one
    /// sees, behind its fence, both what the other counted and the flag that the other set. So
    /// nobody stays overloaded who has no connection left whose end would be noticed.
    template <class Total>
    void update(DestId id, Total total) noexcept {
        if (entries_ == nullptr) return;
        Entry& entry = entries_[id.value()];
        for (;;) {
            std::atomic_thread_fence(std::memory_order_seq_cst);
            const bool was = entry.overloaded.load(relaxed);
            const bool is = entry.judge(was, total());
            if (is == was) return;
            entry.overloaded.store(is, relaxed);
        }
    }

  private:
    static constexpr auto relaxed = std::memory_order_relaxed;

    struct Entry {
        std::atomic<std::uint32_t> upper{0};
        std::atomic<std::uint32_t> below{0};
        std::atomic<bool> overloaded{false};

        [[nodiscard]] bool judge(bool was, std::uint32_t total) const noexcept {
            const std::uint32_t most = upper.load(relaxed);
            if (most == 0) return false;
            if (total >= most) return true;
            return was && total >= below.load(relaxed);
        }
    };

    std::unique_ptr<Entry[]> entries_;
};

}  // namespace shunt
