// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Which servers each destination of a service was given to: what lblc and lblcr remember
// (ipvs-behaviour 4.7, 4.8).
//
// Theory of operation. One table a service, for all workers, asked only while a connection is
// created. Entries stand in an array of fixed size, the servers of each in another one, and entries
// hang in the lists of a hash table. A lock covers every 64th list. It is held while a scheduler
// looks and chooses, so that workers that ask for one destination at once agree on its server.
// What nobody asks for goes in collect() only, as in IPVS.
//
// Servers are named by DestId, so that one that was removed and comes back is the same still. When
// the slot goes to another server, forget() is called first.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "base/pages.h"
#include "base/spin_lock.h"
#include "service/scheduler.h"

namespace shunt {

/// Thread: any, but for the constructor, collect() and forget(); now of different threads may
/// differ by some ticks.
class LocalityTable final : public SchedulerMemory {
  public:
    /// Beyond so many entries collect() has those go that were not used for six minutes.
    static constexpr std::uint32_t usual_entries = 16384;
    /// So many there may be; destinations beyond are not remembered.
    static constexpr std::uint32_t most_entries = usual_entries / 2 * 3;
    static constexpr Ticks idle_when_crowded = std::chrono::minutes(6);

    /// A server as it was when it was last seen in its service.
    struct Member {
        DestId id;
        std::uint32_t sequence = 0;
        std::uint32_t weight = 0;
        bool operator==(const Member&) const noexcept = default;
    };

    /// `most_members`: of a destination, 1 to 255. `expiration`: the tunable that says after how
    /// many seconds without use an entry goes at last. `seed`: secret, so that destinations cannot
    /// be chosen to collide. Throws std::bad_alloc.
    LocalityTable(std::uint8_t most_members, std::int64_t Tunables::*expiration,
                  std::uint64_t seed);

    class Place;

    void collect(TickTime now, const Tunables& tunables) noexcept override;
    void forget(DestId id) noexcept override;

    [[nodiscard]] std::uint32_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t bytes() const noexcept {
        return heads_.bytes() + entries_.bytes() + members_.bytes();
    }

  private:
    static constexpr std::uint32_t lists = 8192;
    /// Every so many passes that found no more than the usual entries the oldest go.
    static constexpr std::uint32_t full_pass = 30;

    /// Positions are kept as one more, and 0 is none: so memory of zeros is an empty table.
    struct Entry {
        IpAddress destination;
        std::uint8_t members;
        std::uint32_t next;  ///< in its list, or among the free ones
        TickTime last_use;
        TickTime last_change;  ///< of its members
    };
    [[nodiscard]] SpinLock& lock_of(std::uint32_t list) noexcept {
        return locks_[list % locks_.size()];
    }
    [[nodiscard]] std::span<Member> room_of(const Entry& entry) noexcept {
        const auto position = static_cast<std::size_t>(&entry - entries_.data());
        return {&members_[position * most_members_], most_members_};
    }

    // Under the lock of the list.
    [[nodiscard]] Entry* find(std::uint32_t list, const IpAddress& destination) noexcept;
    [[nodiscard]] Entry* make(std::uint32_t list, const IpAddress& destination,
                              TickTime now) noexcept;
    /// Calls `over(Entry&)` for each entry; what it returns true for is given free. Returns how
    /// many were.
    template <class Fn>
    std::uint32_t erase_if(std::uint32_t list, Fn&& over) noexcept;

    /// What was not used for longer than `idle`, until at least `goal` are gone, list by list from
    /// where the last call ended.
    void erase_idle(TickTime now, Ticks idle, std::uint32_t goal) noexcept;

    // Under that lock, or none.
    [[nodiscard]] std::uint32_t allot() noexcept;
    void give_free(std::uint32_t position) noexcept;

    std::uint8_t most_members_;
    std::int64_t Tunables::*expiration_;
    std::uint64_t seed_;
    PageArray<std::uint32_t> heads_;
    PageArray<Entry> entries_;
    PageArray<Member> members_;  ///< most_members_ an entry, oldest first
    std::array<SpinLock, 64> locks_;
    SpinLock free_lock_;
    std::uint32_t free_head_ = 0;
    std::uint32_t used_ = 0;  ///< entries that were ever used
    std::atomic<std::uint32_t> size_{0};
    std::uint32_t next_list_ = 0;  ///< of erase_idle()
    std::uint32_t pass_ = 1;       ///< of collect()
};

/// The place of one destination, which nobody else looks at meanwhile. Being asked for counts as
/// use of what is there.
class LocalityTable::Place {
  public:
    Place(LocalityTable& table, const IpAddress& destination, TickTime now) noexcept;

    /// Whether the destination was given to some server, in the service or not.
    [[nodiscard]] bool known() const noexcept { return entry_ != nullptr; }
    /// The oldest first.
    [[nodiscard]] std::span<Member> members() noexcept {
        if (entry_ == nullptr) return {};
        return table_.room_of(*entry_).first(entry_->members);
    }
    [[nodiscard]] bool has(DestId id) noexcept {
        return std::ranges::find(members(), id, &Member::id) != members().end();
    }
    /// Since when they are these; only if known().
    [[nodiscard]] TickTime last_change() const noexcept { return entry_->last_change; }
    [[nodiscard]] bool full() noexcept { return members().size() == table_.most_members_; }

    /// As the newest. The server is not there yet, and the place not full. Nothing happens if it
    /// is not known, and the table is full.
    void add(const RealServer& server) noexcept;
    /// The member at this position.
    void remove(std::size_t member) noexcept;
    /// That one is all there is.
    void replace(const RealServer& server) noexcept;

  private:
    LocalityTable& table_;
    IpAddress destination_;
    std::uint32_t list_;
    SpinGuard guard_;
    TickTime now_;
    Entry* entry_;
};

}  // namespace shunt
