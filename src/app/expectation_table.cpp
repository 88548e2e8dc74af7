// SPDX-License-Identifier: BSD-3-Clause
#include "app/expectation_table.h"

#include <cassert>

#include "net/address_hash.h"

namespace shunt {

ExpectationTable::ExpectationTable(std::uint32_t capacity, std::uint32_t controls,
                                   std::uint64_t seed, const Limits& limits)
    : capacity_(capacity),
      seed_(seed),
      limits_(limits),
      list_mask_(static_cast<std::uint32_t>(lists_for(capacity) - 1)),
      heads_(std::size_t{list_mask_} + 1),
      entries_(capacity),
      controls_(controls) {}

std::uint32_t ExpectationTable::list_of(const IpAddress& client) const noexcept {
    return static_cast<std::uint32_t>(hash_of(client, seed_)) & list_mask_;
}

/// Not to be foretold by clients, and another one for each.
std::uint32_t ExpectationTable::start_of_search(const Expectation& what) const noexcept {
    const std::uint64_t of_client = hash_of(what.client.address, ~seed_);
    return static_cast<std::uint32_t>(hash_of(what.server.port.value(), of_client) >> 32);
}

ControlRef ExpectationTable::open_control() noexcept {
    const SpinGuard guard(free_lock_);
    std::uint32_t position = free_control_;
    if (position != 0)
        free_control_ = controls_[position - 1].next;
    else if (controls_used_ < controls_.size())
        position = ++controls_used_;
    else
        return no_control;
    Control& control = controls_[position - 1];
    control.waiting.store(0, std::memory_order_relaxed);
    control.live.store(0, std::memory_order_relaxed);
    control.had_data.store(false, std::memory_order_relaxed);
    control.closed.store(false, std::memory_order_relaxed);
    control.references.store(1, std::memory_order_release);
    return position - 1;
}

void ExpectationTable::close_control(ControlRef ref) noexcept {
    controls_[ref].closed.store(true, std::memory_order_release);
    unreference(ref);
}

void ExpectationTable::unreference(ControlRef ref) noexcept {
    if (controls_[ref].references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const SpinGuard guard(free_lock_);
    controls_[ref].next = free_control_;
    free_control_ = ref + 1;
}

std::optional<TickTime> ExpectationTable::last_data(ControlRef ref, TickTime now) const noexcept {
    const Control& control = controls_[ref];
    if (!control.had_data.load(std::memory_order_acquire)) return std::nullopt;
    if (control.live.load(std::memory_order_acquire) != 0) return now;
    return TickTime(Ticks(control.last.load(std::memory_order_acquire)));
}

bool ExpectationTable::is_over(const Entry& entry, TickTime now) const noexcept {
    if (entry.in_use) return false;
    const ControlRef control = entry.what.control;
    return entry.expires <= now ||
           (control != no_control && controls_[control].closed.load(std::memory_order_acquire));
}

void ExpectationTable::drop_over(std::uint32_t list, TickTime now) noexcept {
    for (std::uint32_t* link = &heads_[list]; *link != 0;) {
        const std::uint32_t position = *link;
        Entry& entry = entries_[position - 1];
        if (!is_over(entry, now)) {
            link = &entry.next;
            continue;
        }
        *link = entry.next;
        leave_waiting(entry);
        give_free(position);
    }
}

/// It does not wait any more.
void ExpectationTable::leave_waiting(const Entry& entry) noexcept {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    if (entry.what.control != no_control)
        controls_[entry.what.control].waiting.fetch_sub(1, std::memory_order_relaxed);
}

bool ExpectationTable::has_room(std::uint32_t list, const Expectation& what) noexcept {
    std::uint32_t all = 0;
    std::uint32_t waiting = 0;
    for (std::uint32_t at = heads_[list]; at != 0; at = entries_[at - 1].next) {
        const Entry& entry = entries_[at - 1];
        if (entry.what.client.address != what.client.address) continue;
        ++all;
        waiting += entry.in_use ? 0 : 1;
    }
    return all < limits_.list && waiting < limits_.per_client &&
           (what.control == no_control ||
            controls_[what.control].waiting.load(std::memory_order_relaxed) < limits_.per_control);
}

ExpectationTable::Entry* ExpectationTable::add(std::uint32_t list,
                                               const Expectation& what) noexcept {
    const std::uint32_t position = allot();
    if (position == 0) return nullptr;
    Entry& entry = entries_[position - 1];
    entry.what = what;
    entry.in_use = false;
    entry.next = heads_[list];
    entry.list.store(list + 1, std::memory_order_release);
    heads_[list] = position;
    if (what.control != no_control) {
        controls_[what.control].references.fetch_add(1, std::memory_order_relaxed);
        controls_[what.control].waiting.fetch_add(1, std::memory_order_relaxed);
    }
    kept_.fetch_add(1, std::memory_order_release);
    waiting_.fetch_add(1, std::memory_order_release);
    return &entry;
}

/// The same is announced again, maybe by another control connection; if servers share the virtual
/// address, as with direct routing, it may be another server's.
void ExpectationTable::renew(Entry& entry, const Expectation& what) noexcept {
    entry.what.dest = what.dest;
    entry.what.method = what.method;
    const ControlRef control = what.control;
    const ControlRef before = std::exchange(entry.what.control, control);
    if (before == control) return;
    if (control != no_control) {
        controls_[control].references.fetch_add(1, std::memory_order_relaxed);
        controls_[control].waiting.fetch_add(1, std::memory_order_relaxed);
    }
    if (before == no_control) return;
    controls_[before].waiting.fetch_sub(1, std::memory_order_relaxed);
    unreference(before);
}

bool ExpectationTable::expect(const Expectation& what, TickTime now, Ticks timeout) noexcept {
    const std::uint32_t list = list_of(what.client.address);
    const SpinGuard guard(lock_of(list));
    drop_over(list, now);
    Entry* entry = find(list, [&](const Entry& e) {
        return !e.in_use && e.what.protocol == what.protocol && e.what.client == what.client &&
               e.what.server == what.server && e.what.shown == what.shown;
    });
    if (entry != nullptr)
        renew(*entry, what);
    else if (has_room(list, what))
        entry = add(list, what);
    if (entry == nullptr) return false;
    entry->expires = now + timeout;
    return true;
}

/// Does the port mean another server to this client?
bool ExpectationTable::is_other_server(std::uint32_t list, const Expectation& what,
                                       L4Port port) noexcept {
    return find(list, [&](const Entry& e) {
               return e.what.protocol == what.protocol &&
                      e.what.client.address == what.client.address &&
                      e.what.shown == Endpoint{what.shown.address, port} &&
                      e.what.server != what.server;
           }) != nullptr;
}

ExpectationTable::Taken ExpectationTable::use(Entry& entry) noexcept {
    entry.in_use = true;
    leave_waiting(entry);
    if (entry.what.control != no_control) {
        Control& control = controls_[entry.what.control];
        control.live.fetch_add(1, std::memory_order_release);
        control.had_data.store(true, std::memory_order_release);
    }
    return {.ref = static_cast<ExpectationRef>(&entry - entries_.data()), .what = entry.what};
}

void ExpectationTable::release(ExpectationRef ref, TickTime now) noexcept {
    Entry& entry = entries_[ref];
    const std::uint32_t list = entry.list.load(std::memory_order_acquire) - 1;
    const SpinGuard guard(lock_of(list));
    assert(entry.in_use);
    if (entry.what.control != no_control) {
        Control& control = controls_[entry.what.control];
        control.last.store(now.time_since_epoch().count(), std::memory_order_release);
        control.live.fetch_sub(1, std::memory_order_acq_rel);
    }
    unlink(list, ref + 1);
    give_free(ref + 1);
}

void ExpectationTable::unlink(std::uint32_t list, std::uint32_t position) noexcept {
    std::uint32_t* link = &heads_[list];
    while (*link != position) link = &entries_[*link - 1].next;
    *link = entries_[position - 1].next;
}

std::uint32_t ExpectationTable::allot() noexcept {
    const SpinGuard guard(free_lock_);
    if (const std::uint32_t position = free_head_; position != 0) {
        free_head_ = entries_[position - 1].next;
        return position;
    }
    const std::uint32_t used = used_.load(std::memory_order_relaxed);
    if (used == capacity_) return 0;
    used_.store(used + 1, std::memory_order_release);
    return used + 1;
}

void ExpectationTable::give_free(std::uint32_t position) noexcept {
    Entry& entry = entries_[position - 1];
    entry.list.store(0, std::memory_order_release);
    kept_.fetch_sub(1, std::memory_order_relaxed);
    if (entry.what.control != no_control) unreference(entry.what.control);
    const SpinGuard guard(free_lock_);
    entry.next = free_head_;
    free_head_ = position;
}

void ExpectationTable::sweep(std::uint32_t from, std::uint32_t slots, TickTime now) noexcept {
    const std::uint32_t used = slots_used();
    for (std::uint32_t i = from; i < used && i - from < slots; ++i) {
        const std::uint32_t list = entries_[i].list.load(std::memory_order_acquire);
        if (list == 0) continue;
        const SpinGuard guard(lock_of(list - 1));
        drop_over(list - 1, now);
    }
}

}  // namespace shunt
