// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What workers tell a sync master of their connections. There is a feed for each worker while a
// master runs, and none else: then no packet pays for it. Made by the control thread, published
// with the snapshot, and freed when no worker can see it any more.
#include <rte_ring_elem.h>

#include <array>
#include <memory>
#include <vector>

#include "base/counter.h"
#include "base/pages.h"
#include "conn/conn.h"
#include "dataplane/ring.h"
#include "sync/sync_decision.h"
#include "sync/sync_record.h"

namespace shunt {

/// One connection, or the template that it was made from, or both. Marks and templates are the
/// control thread's to add.
struct SyncNotice {
    SyncRecord record;
    DestId dest;
    AffinityRef affinity = no_affinity;
    bool template_only = false;  ///< there is no record
};
static_assert(sizeof(SyncNotice) % 4 == 0 && std::is_trivially_copyable_v<SyncNotice>);

class SyncFeed {
  public:
    /// `connections`: of each family. `depth`: notices that may wait, a power of two. Throws
    /// std::bad_alloc. Not to be used unless it is_good(). Thread: control.
    SyncFeed(std::uint32_t connections, std::uint32_t depth)
        : memos_v4_(connections),
          memos_v6_(connections),
          ring_(make_ring("sync", depth, RING_F_SP_ENQ | RING_F_SC_DEQ, sizeof(SyncNotice))) {}
    /// Was there memory for the ring?
    [[nodiscard]] bool is_good() const noexcept { return ring_ != nullptr; }

    // Thread: the worker's.

    /// Of the connection in a slot of the worker's table.
    template <class F>
    [[nodiscard]] SyncMemo& memo(std::uint32_t slot) noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return memos_v4_[slot];
        else
            return memos_v6_[slot];
    }
    /// A full ring loses the notice, which is counted; the worker never waits.
    void tell(SyncNotice notice) noexcept {
        const bool room = rte_ring_enqueue_elem(ring_.get(), &notice, sizeof(notice)) == 0;
        (room ? told : lost).add();
    }
    /// One-packet connections tell of their template each time, which once in a while is enough.
    [[nodiscard]] bool is_template_due(AffinityRef ref, TickTime now) noexcept {
        constexpr std::uint32_t pause = 10;  // ticks
        TemplateMemo& memo = templates_[ref % templates_.size()];
        const auto since = static_cast<std::uint32_t>(ticks_between(memo.at, now));
        if (memo.ref == ref && since < pause) return false;
        memo = {ref, now};
        return true;
    }

    // Thread: control.

    /// Calls `fn(const SyncNotice&)` for at most `most` of what waits.
    template <class Fn>
    void take(std::uint32_t most, Fn&& fn) {
        for (SyncNotice notice;
             most > 0 && rte_ring_dequeue_elem(ring_.get(), &notice, sizeof(notice)) == 0; --most)
            fn(std::as_const(notice));
    }

    Counter told;
    Counter lost;   ///< for want of room
    Counter unfit;  ///< connections that no message has words for: the server is of another family

  private:
    struct TemplateMemo {
        AffinityRef ref = no_affinity;
        TickTime at;
    };

    PageArray<SyncMemo> memos_v4_;  ///< by slot
    PageArray<SyncMemo> memos_v6_;
    std::array<TemplateMemo, 256> templates_{};
    RingPtr ring_;
};

/// By worker.
struct SyncFeeds {
    std::vector<std::unique_ptr<SyncFeed>> feeds;
};

}  // namespace shunt
