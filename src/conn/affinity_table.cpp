// SPDX-License-Identifier: BSD-3-Clause
#include "conn/affinity_table.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace shunt {

namespace {

/// A template whose time ran out while connections of it lived is looked at again after that, and
/// it keeps this timeout (ipvs-behaviour 2.8).
constexpr Ticks timeout_when_outlived = std::chrono::duration<std::uint32_t>(60);

}  // namespace

AffinityTable::AffinityTable(std::uint32_t capacity, std::uint32_t servers, std::uint64_t seed)
    : capacity_(capacity),
      seed_(seed),
      list_mask_(std::bit_ceil(std::max(capacity, 1U)) - 1),
      heads_(std::size_t{list_mask_} + 1),
      templates_(capacity),
      counts_(servers) {}

/// Catches up with the template's timer. Is the template gone by now?
bool AffinityTable::is_over(Template& t, TickTime now) noexcept {
    if (t.expires > now) return false;
    if (t.connections == 0) return true;
    t.timeout = timeout_when_outlived;
    t.expires += t.timeout * ((now - t.expires) / t.timeout + 1);
    return false;
}

void AffinityTable::drop_over(std::uint32_t list, TickTime now) noexcept {
    for (std::uint32_t* link = &heads_[list]; *link != 0;) {
        const std::uint32_t position = *link;
        Template& t = templates_[position - 1];
        if (!is_over(t, now)) {
            link = &t.next;
            continue;
        }
        *link = t.next;
        give_free(position);
    }
}

AffinityTable::Found AffinityTable::start(Template& t, TickTime now) noexcept {
    ++t.connections;
    t.expires = now + t.timeout;
    return {.ref = static_cast<AffinityRef>(&t - templates_.data()), .dest = t.dest};
}

std::optional<AffinityTable::Found> AffinityTable::make(std::uint32_t list, const AffinityKey& key,
                                                        const EngineData& data, const Lease& lease,
                                                        TickTime now) noexcept {
    const std::uint32_t position = allot();
    if (position == 0) return std::nullopt;
    Template& t = templates_[position - 1];
    t.key = key;
    t.next = heads_[list];
    t.dest = lease.dest;
    t.timeout = lease.timeout;
    t.connections = 0;
    t.port = lease.port;
    t.data_size = data.size;
    if (data.size != 0) engine_data_[position - 1] = EngineData(data.view());
    t.valid = true;
    t.assured = false;
    t.list.store(list + 1, std::memory_order_release);
    heads_[list] = position;
    counts_[lease.dest.value()].fetch_add(1, std::memory_order_relaxed);
    return start(t, now);
}

void AffinityTable::update(Template& t, const Told& told, TickTime now) noexcept {
    t.assured = t.assured || told.assured;
    t.timeout = told.lease.timeout;
    t.expires = now + t.timeout;
}

AffinityTable::Put AffinityTable::put(const AffinityKey& key, const Told& told, TickTime now,
                                      const EngineData& data) noexcept {
    const std::uint32_t list = list_of(key, data);
    const SpinGuard guard(lock_of(list));
    drop_over(list, now);
    for (std::uint32_t at = heads_[list]; at != 0; at = templates_[at - 1].next) {
        Template& t = templates_[at - 1];
        if (!t.valid || !is_of(t, key, data)) continue;
        if (t.dest == told.lease.dest) {
            update(t, told, now);
            return Put::updated;
        }
        t.valid = false;
    }
    const auto made = make(list, key, data, told.lease, now);
    if (!made) return Put::no_room;
    Template& t = templates_[made->ref];
    t.connections = 0;
    update(t, told, now);
    return Put::made;
}

void AffinityTable::release(AffinityRef ref, TickTime now) noexcept {
    Template& t = templates_[ref];
    const SpinGuard guard(lock_of(t.list.load(std::memory_order_acquire) - 1));
    assert(t.connections > 0);
    static_cast<void>(is_over(t, now));
    --t.connections;
}

void AffinityTable::abandon(AffinityRef ref, TickTime now) noexcept {
    Template& t = templates_[ref];
    const SpinGuard guard(lock_of(t.list.load(std::memory_order_acquire) - 1));
    assert(t.connections > 0);
    static_cast<void>(is_over(t, now));
    if (--t.connections == 0 && !t.assured) t.expires = now;
}

void AffinityTable::assure(AffinityRef ref) noexcept {
    Template& t = templates_[ref];
    const SpinGuard guard(lock_of(t.list.load(std::memory_order_acquire) - 1));
    t.assured = true;
}

std::uint32_t AffinityTable::allot() noexcept {
    const SpinGuard guard(free_lock_);
    if (const std::uint32_t position = free_head_; position != 0) {
        free_head_ = templates_[position - 1].next;
        return position;
    }
    const std::uint32_t used = used_.load(std::memory_order_relaxed);
    if (used == capacity_) return 0;
    used_.store(used + 1, std::memory_order_release);
    return used + 1;
}

void AffinityTable::give_free(std::uint32_t position) noexcept {
    Template& t = templates_[position - 1];
    t.list.store(0, std::memory_order_release);
    counts_[t.dest.value()].fetch_sub(1, std::memory_order_release);
    const SpinGuard guard(free_lock_);
    t.next = free_head_;
    free_head_ = position;
}

void AffinityTable::sweep(std::uint32_t from, std::uint32_t slots, TickTime now) noexcept {
    const std::uint32_t used = slots_used();
    for (std::uint32_t i = from; i < used && i - from < slots; ++i) {
        const std::uint32_t list = templates_[i].list.load(std::memory_order_acquire);
        if (list == 0) continue;
        const SpinGuard guard(lock_of(list - 1));
        drop_over(list - 1, now);
    }
}

AffinityTable::Row AffinityTable::row_of(const Template& t, TickTime now) const noexcept {
    return {.key = t.key,
            .data = t.data_size != 0 ? data_of(t) : EngineData(),
            .dest = t.dest,
            .port = t.port,
            .valid = t.valid,
            .assured = t.assured,
            .left = t.expires - now,
            .timeout = t.timeout};
}

std::optional<AffinityTable::Row> AffinityTable::look(std::uint32_t slot, TickTime now) noexcept {
    Template& t = templates_[slot];
    const std::uint32_t list = t.list.load(std::memory_order_acquire);
    if (list == 0) return std::nullopt;
    const SpinGuard guard(lock_of(list - 1));
    // What is in this list now cannot leave it, and what is not has come to another one.
    if (t.list.load(std::memory_order_relaxed) != list || is_over(t, now)) return std::nullopt;
    return row_of(t, now);
}

}  // namespace shunt
