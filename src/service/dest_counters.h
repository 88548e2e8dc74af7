// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What one worker counts for one real server. One cache line each, so that workers never share one.
#include <atomic>
#include <cstddef>
#include <span>

#include "base/counter.h"
#include "base/id.h"
#include "net/tuple.h"
#include "service/overload.h"

namespace shunt {

/// Written by its worker only; read by the control thread and, for load, by other workers while
/// they create a connection. Bytes are network-layer bytes (ipvs-behaviour 1.23).
struct alignas(64) DestCounters {
    Counter connections;  ///< scheduled since the slot was first used
    // In this order, for count().
    Counter packets_in;
    Counter bytes_in;
    Counter packets_out;
    Counter bytes_out;
    Gauge total;   ///< connections that exist now
    Gauge active;  ///< of these, the ones in an active state (ipvs-behaviour 2.11)

    /// A packet of so many bytes. A choice of places, not a branch: directions come mixed, and
    /// would be guessed wrong.
    void count(Direction d, std::uint16_t bytes) noexcept {
        constexpr std::size_t in = offsetof(DestCounters, packets_in);
        constexpr std::size_t pair = offsetof(DestCounters, packets_out) - in;
        static_assert(offsetof(DestCounters, bytes_out) - offsetof(DestCounters, bytes_in) == pair);
        std::byte* packets =
            reinterpret_cast<std::byte*>(this) + in + static_cast<std::size_t>(d) * pair;
        reinterpret_cast<Counter*>(packets)->add();
        reinterpret_cast<Counter*>(packets + offsetof(DestCounters, bytes_in) - in)->add(bytes);
    }
};
static_assert(sizeof(DestCounters) == 64);

/// Neighbouring DestIds, so many in each group, for which a worker counts together how often their
/// load changed: what was worked out from the loads of a group holds while the counts stand still.
inline constexpr std::uint32_t load_group_size = 16;

[[nodiscard]] constexpr std::uint32_t load_group(DestId id) noexcept {
    return id.value() / load_group_size;
}

/// How often the load of a group changed on one worker: `total` or `active` of a server of it, or
/// whether the server is overloaded. Written by its worker only.
class LoadChanges {
  public:
    /// To be called when so many changes are done.
    void bump(std::uint32_t changes = 1) noexcept {
        count_.store(count_.load(std::memory_order_relaxed) + changes, std::memory_order_release);
    }
    /// To be read before the loads.
    [[nodiscard]] std::uint32_t value() const noexcept {
        return count_.load(std::memory_order_acquire);
    }

  private:
    std::atomic<std::uint32_t> count_{0};
};

/// Live connections per real server over all workers, as schedulers weigh them.
class Loads {
  public:
    struct Load {
        std::uint32_t active = 0;
        std::uint32_t total = 0;
        /// 256 * active + all connections (ipvs-behaviour 4.1): what lc, wlc and twos weigh.
        [[nodiscard]] std::uint64_t weight() const noexcept {
            return std::uint64_t{active} * 256 + total;
        }
    };

    /// `workers`: one array a worker, indexed by DestId; all outlive this view. Without `overload`
    /// no server is overloaded.
    explicit Loads(std::span<DestCounters* const> workers,
                   const OverloadTable* overload = nullptr) noexcept
        : workers_(workers), overload_(overload) {}
    /// `changes`: one array a worker, indexed by load_group(). `self`: the worker that looks.
    Loads(std::span<DestCounters* const> workers, const OverloadTable* overload,
          std::span<LoadChanges* const> changes, WorkerId self) noexcept
        : workers_(workers), overload_(overload), changes_(changes), self_(self) {}

    [[nodiscard]] std::uint32_t active(DestId id) const noexcept { return of(id).active; }
    [[nodiscard]] std::uint32_t total(DestId id) const noexcept { return of(id).total; }
    /// A connection counted on one worker is uncounted on the same, so a sum is never negative.
    [[nodiscard]] Load of(DestId id) const noexcept {
        return workers_.size() == 1 ? on(*workers_.data(), id) : sum(id);
    }
    /// What `look` returns, which is given a function that does what of() does: for who asks for
    /// the loads of many servers.
    template <class Look>
    auto look_at_many(Look&& look) const noexcept {
        if (workers_.size() == 1)
            return look([only = *workers_.data()](DestId id) { return on(only, id); });
        return look([this](DestId id) { return sum(id); });
    }
    [[nodiscard]] bool overloaded(DestId id) const noexcept {
        return overload_ != nullptr && overload_->overloaded(id);
    }

    /// Are changes counted, and for whom?
    [[nodiscard]] bool counts_changes() const noexcept { return !changes_.empty(); }
    [[nodiscard]] WorkerId self() const noexcept { return self_; }
    /// How often the load of a group changed on all workers; grows, but for a wrap at 2^32.
    [[nodiscard]] std::uint32_t changes(std::uint32_t group) const noexcept {
        std::uint32_t n = 0;
        for (const LoadChanges* worker : changes_) n += worker[group].value();
        return n;
    }

  private:
    [[nodiscard]] static Load on(const DestCounters* worker, DestId id) noexcept {
        return {.active = worker[id.value()].active.value(),
                .total = worker[id.value()].total.value()};
    }
    [[nodiscard]] Load sum(DestId id) const noexcept {
        Load load;
        for (const DestCounters* worker : workers_) {
            const Load part = on(worker, id);
            load.active += part.active;
            load.total += part.total;
        }
        return load;
    }

    std::span<DestCounters* const> workers_;
    const OverloadTable* overload_;
    std::span<LoadChanges* const> changes_;
    WorkerId self_;
};

}  // namespace shunt
