// SPDX-License-Identifier: BSD-3-Clause
#include "sched/locality_table.h"

#include <algorithm>
#include <cassert>

#include "net/address_hash.h"

namespace shunt {

namespace {

bool is_longer_ago(TickTime then, TickTime now, Ticks time) noexcept {
    const std::int32_t since = ticks_between(then, now);
    return since > 0 && static_cast<std::uint32_t>(since) > time.count();
}

}  // namespace

LocalityTable::LocalityTable(std::uint8_t most_members, std::int64_t Tunables::*expiration,
                             std::uint64_t seed)
    : most_members_(most_members),
      expiration_(expiration),
      seed_(seed),
      heads_(lists, Touch::at_start),
      entries_(most_entries, Touch::at_start),
      members_(std::size_t{most_entries} * most_members, Touch::at_start) {
    assert(most_members > 0);
}

LocalityTable::Entry* LocalityTable::find(std::uint32_t list,
                                          const IpAddress& destination) noexcept {
    for (std::uint32_t at = heads_[list]; at != 0; at = entries_[at - 1].next)
        if (entries_[at - 1].destination == destination) return &entries_[at - 1];
    return nullptr;
}

LocalityTable::Entry* LocalityTable::make(std::uint32_t list, const IpAddress& destination,
                                          TickTime now) noexcept {
    const std::uint32_t position = allot();
    if (position == 0) return nullptr;
    Entry& entry = entries_[position - 1];
    entry = {.destination = destination,
             .members = 0,
             .next = heads_[list],
             .last_use = now,
             .last_change = now};
    heads_[list] = position;
    return &entry;
}

std::uint32_t LocalityTable::allot() noexcept {
    const SpinGuard guard(free_lock_);
    std::uint32_t position = free_head_;
    if (position != 0)
        free_head_ = entries_[position - 1].next;
    else if (used_ < most_entries)
        position = ++used_;
    if (position != 0) size_.fetch_add(1, std::memory_order_relaxed);
    return position;
}

void LocalityTable::give_free(std::uint32_t position) noexcept {
    const SpinGuard guard(free_lock_);
    entries_[position - 1].next = free_head_;
    free_head_ = position;
    size_.fetch_sub(1, std::memory_order_relaxed);
}

template <class Fn>
std::uint32_t LocalityTable::erase_if(std::uint32_t list, Fn&& over) noexcept {
    std::uint32_t erased = 0;
    for (std::uint32_t* link = &heads_[list]; *link != 0;) {
        const std::uint32_t position = *link;
        Entry& entry = entries_[position - 1];
        if (!over(entry)) {
            link = &entry.next;
            continue;
        }
        *link = entry.next;
        give_free(position);
        ++erased;
    }
    return erased;
}

void LocalityTable::erase_idle(TickTime now, Ticks idle, std::uint32_t goal) noexcept {
    std::uint32_t erased = 0;
    for (std::uint32_t i = 0; i < lists && erased < goal; ++i) {
        const std::uint32_t list = next_list_;
        next_list_ = (next_list_ + 1) % lists;
        const SpinGuard guard(lock_of(list));
        erased += erase_if(
            list, [&](const Entry& entry) { return is_longer_ago(entry.last_use, now, idle); });
    }
}

void LocalityTable::collect(TickTime now, const Tunables& tunables) noexcept {
    if (pass_ == full_pass) {
        pass_ = 1;
        const std::chrono::duration<std::uint32_t> most(
            static_cast<std::uint32_t>(tunables.*expiration_));
        erase_idle(now, most, most_entries);
        return;
    }
    const std::uint32_t entries = size();
    if (entries <= usual_entries) {
        ++pass_;
        return;
    }
    erase_idle(now, idle_when_crowded,
               std::min((entries - usual_entries) * 4 / 3, usual_entries / 2));
}

void LocalityTable::forget(DestId id) noexcept {
    for (std::uint32_t list = 0; list < lists; ++list) {
        const SpinGuard guard(lock_of(list));
        erase_if(list, [&](Entry& entry) {
            const auto members = room_of(entry).first(entry.members);
            const auto left = std::remove_if(members.begin(), members.end(),
                                             [id](const Member& m) { return m.id == id; });
            entry.members = static_cast<std::uint8_t>(left - members.begin());
            return entry.members == 0;
        });
    }
}

LocalityTable::Place::Place(LocalityTable& table, const IpAddress& destination,
                            TickTime now) noexcept
    : table_(table),
      destination_(destination),
      list_(static_cast<std::uint32_t>(hash_of(destination, table.seed_)) % lists),
      guard_(table.lock_of(list_)),
      now_(now),
      entry_(table.find(list_, destination)) {
    if (entry_ != nullptr) entry_->last_use = now;
}

void LocalityTable::Place::add(const RealServer& server) noexcept {
    if (entry_ == nullptr) entry_ = table_.make(list_, destination_, now_);
    if (entry_ == nullptr) return;
    assert(!full());
    table_.room_of(*entry_)[entry_->members++] = {server.id, server.sequence, server.weight};
    entry_->last_change = now_;
}

void LocalityTable::Place::remove(std::size_t member) noexcept {
    const auto all = members();
    std::ranges::copy(all.subspan(member + 1), all.begin() + static_cast<std::ptrdiff_t>(member));
    --entry_->members;
    entry_->last_change = now_;
}

void LocalityTable::Place::replace(const RealServer& server) noexcept {
    if (entry_ != nullptr) entry_->members = 0;
    add(server);
}

}  // namespace shunt
