// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Which real server each client of a persistent service belongs to: the connection templates of
// IPVS (ipvs-behaviour 2.5, 2.7 to 2.9, 5.1 to 5.3).
//
// Theory of operation. One table for all workers, as clients come with many ports, and so to many
// workers. It is asked only while a connection is made or ends, never for a packet of an existing
// one. Templates stand in an array, whose size is fixed at start, and hang in the lists of a hash
// table. A lock covers every 64th list; nothing but a walk along one list, most often of one
// template, happens under it. A connection keeps the position of its template, which cannot go
// before the connection does.
//
// No timer runs: what a template's timer would have done until now is worked out when the template
// is looked at, and sweep() gives free those that nobody looks at any more.
//
// What a persistence engine found is part of a template's key and stands in an array of its own,
// which is there only when some service has an engine.
#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "base/hash.h"
#include "base/id.h"
#include "base/pages.h"
#include "base/spin_lock.h"
#include "base/time.h"
#include "conn/conn.h"

namespace shunt {

/// What a template is found by. No byte of it is padding; addresses are in network byte order, IPv4
/// ones in the first four bytes with zeros behind.
struct AffinityKey {
    std::array<std::uint8_t, 16> client;  ///< only the bits that the service tells apart
    std::array<std::uint8_t, 16>
        service;                         ///< virtual address; the mark, most significant byte first
    L4Port port;                         ///< 0: all ports
    Protocol protocol = Protocol::none;  ///< none: of a service on a mark
    Family family = Family::ipv4;        ///< of the clients
    bool operator==(const AffinityKey&) const noexcept = default;
};
static_assert(sizeof(AffinityKey) == 36);

/// What the engine of a persistent service found in a packet: the Call-ID of SIP (ipvs-behaviour
/// 5.5). Behind `size` the bytes mean nothing.
struct EngineData {
    static constexpr std::size_t most = 255;

    std::uint8_t size = 0;  ///< 0: the service has no engine
    std::array<std::byte, most> bytes;

    EngineData() noexcept {}  // bytes that mean nothing are not written
    /// `data` has at most that many bytes.
    explicit EngineData(std::span<const std::byte> data) noexcept
        : size(static_cast<std::uint8_t>(data.size())) {
        assert(data.size() <= most);
        std::copy(data.begin(), data.end(), bytes.begin());
    }
    [[nodiscard]] std::span<const std::byte> view() const noexcept {
        return std::span(bytes).first(size);
    }
};
static_assert(sizeof(EngineData) == 256);

/// Thread: any, but for the constructor; now() of different threads may differ by some ticks.
class AffinityTable {
  public:
    /// May a connection go to this server?
    enum class Verdict : std::uint8_t {
        usable,
        unusable,  ///< its template is never to be followed again
        unknown,   ///< to this thread, which is a snapshot behind
    };

    struct Found {
        AffinityRef ref = no_affinity;
        DestId dest;
    };

    /// What a template says.
    struct Lease {
        DestId dest;
        L4Port port;    ///< shown as the server's
        Ticks timeout;  ///< how long it lives after a connection was made from it
    };

    /// A template as listings show it.
    struct Row {
        AffinityKey key;
        EngineData data;
        DestId dest;
        L4Port port;
        bool valid = true;  ///< not yet found unusable
        bool assured = false;
        Ticks left{};
        Ticks timeout{};  ///< what `left` was after the last connection that it was taken for
    };

    /// `servers`: DestIds are below that. `seed`: secret, so that clients cannot be chosen to
    /// collide. Throws std::bad_alloc.
    AffinityTable(std::uint32_t capacity, std::uint32_t servers, std::uint64_t seed);

    /// Makes room for the data of engines, if there is none yet. To be called before a worker can
    /// come with any. Throws std::bad_alloc. Thread: control.
    void prepare_engine_data() {
        if (engine_data_.size() == 0) engine_data_ = PageArray<EngineData>(capacity_);
    }

    /// The template of `key` and `data`, if there is one whose server `judge(DestId)` finds usable;
    /// for a connection that is made from it now, and that is to be given to release() when it
    /// ends.
    template <class Fn>
    [[nodiscard]] std::optional<Found> take(const AffinityKey& key, TickTime now, Fn&& judge,
                                            const EngineData& data = {}) noexcept {
        const std::uint32_t list = list_of(key, data);
        const SpinGuard guard(lock_of(list));
        return follow(list, key, data, now, judge);
    }

    /// The same, and makes the template when there is none. Nothing when the table is full.
    template <class Fn>
    [[nodiscard]] std::optional<Found> take_or_make(const AffinityKey& key, const Lease& lease,
                                                    TickTime now, Fn&& judge,
                                                    const EngineData& data = {}) noexcept {
        const std::uint32_t list = list_of(key, data);
        const SpinGuard guard(lock_of(list));
        if (const auto found = follow(list, key, data, now, judge)) return found;
        return make(list, key, data, lease, now);
    }

    /// What another balancer says of a template.
    struct Told {
        Lease lease;
        bool assured = false;
    };
    enum class Put : std::uint8_t { made, updated, no_room };
    /// Puts such a template in force, for a full timeout from now on; one that tied the client to
    /// another server is not followed any more.
    Put put(const AffinityKey& key, const Told& told, TickTime now,
            const EngineData& data = {}) noexcept;

    /// The end of a connection that take() or take_or_make() was called for.
    void release(AffinityRef ref, TickTime now) noexcept;

    /// The same, and the template is over if no connection of it ever came to life or lives still
    /// (ipvs-behaviour 2.8).
    void abandon(AffinityRef ref, TickTime now) noexcept;

    /// Such a connection has come to life (ipvs-behaviour 2.9).
    void assure(AffinityRef ref) noexcept;

    /// The templates that name a server.
    [[nodiscard]] std::uint32_t count(DestId dest) const noexcept {
        return counts_[dest.value()].load(std::memory_order_acquire);
    }

    /// Gives free what is over in the slots [from, from+slots).
    void sweep(std::uint32_t from, std::uint32_t slots, TickTime now) noexcept;

    /// Calls `fn(const Row&)` for what lives in the slots [from, from+slots); under no lock.
    template <class Fn>
    void for_each(std::uint32_t from, std::uint32_t slots, TickTime now, Fn&& fn) {
        const std::uint32_t used = slots_used();
        for (std::uint32_t i = from; i < used && i - from < slots; ++i)
            if (const auto row = look(i, now)) fn(*row);
    }

    /// Ends the template in a slot if `fn(const Row&)` returns true for it, under its lock: nobody
    /// is tied by it any more, and it goes at once, or within a minute of the last of its
    /// connections. False also for one that was ended before.
    template <class Fn>
    bool end_if(std::uint32_t slot, TickTime now, Fn&& fn) noexcept;

    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    /// Slots that were ever used; sweep() and for_each() see nothing beyond.
    [[nodiscard]] std::uint32_t slots_used() const noexcept {
        return used_.load(std::memory_order_acquire);
    }
    [[nodiscard]] std::size_t bytes() const noexcept {
        return heads_.bytes() + templates_.bytes() + counts_.bytes() + engine_data_.bytes();
    }

  private:
    /// Positions are kept as one more, and 0 is none: so memory of zeros is an empty table.
    struct alignas(64) Template {
        AffinityKey key;
        std::uint32_t next;               ///< in its list, or among the free ones
        std::atomic<std::uint32_t> list;  ///< which one; 0 while it is free
        DestId dest;
        TickTime expires;
        Ticks timeout;
        std::uint32_t connections;
        L4Port port;
        std::uint8_t data_size;  ///< EngineData::size
        bool valid : 1;
        bool assured : 1;
    };
    static_assert(sizeof(Template) == 64);

    [[nodiscard]] std::uint32_t list_of(const AffinityKey& key,
                                        const EngineData& data) const noexcept {
        std::uint64_t hash = hash_of(key, seed_);
        if (data.size != 0) hash = hash_of(data.view(), hash);
        return static_cast<std::uint32_t>(hash) & list_mask_;
    }
    [[nodiscard]] SpinLock& lock_of(std::uint32_t list) noexcept {
        return locks_[list % locks_.size()];
    }

    // To be called under the lock of the list.
    template <class Fn>
    std::optional<Found> follow(std::uint32_t list, const AffinityKey& key, const EngineData& data,
                                TickTime now, Fn& judge) noexcept;
    std::optional<Found> make(std::uint32_t list, const AffinityKey& key, const EngineData& data,
                              const Lease& lease, TickTime now) noexcept;
    [[nodiscard]] bool is_of(const Template& t, const AffinityKey& key,
                             const EngineData& data) const noexcept {
        return t.key == key && t.data_size == data.size &&
               (data.size == 0 || std::ranges::equal(data_of(t).view(), data.view()));
    }
    /// Of a template that has some.
    [[nodiscard]] const EngineData& data_of(const Template& t) const noexcept {
        return engine_data_[static_cast<std::size_t>(&t - templates_.data())];
    }
    [[nodiscard]] static bool is_over(Template& t, TickTime now) noexcept;
    void drop_over(std::uint32_t list, TickTime now) noexcept;
    Found start(Template& t, TickTime now) noexcept;
    static void update(Template& t, const Told& told, TickTime now) noexcept;

    // Under that lock, or none.
    [[nodiscard]] std::uint32_t allot() noexcept;
    void give_free(std::uint32_t position) noexcept;

    [[nodiscard]] Row row_of(const Template& t, TickTime now) const noexcept;
    [[nodiscard]] std::optional<Row> look(std::uint32_t slot, TickTime now) noexcept;

    std::uint32_t capacity_;
    std::uint64_t seed_;
    std::uint32_t list_mask_;
    PageArray<std::uint32_t> heads_;
    PageArray<Template> templates_;
    PageArray<std::atomic<std::uint32_t>> counts_;  ///< by DestId
    PageArray<EngineData> engine_data_;  ///< by position of the template; empty: no engine
    std::array<SpinLock, 64> locks_;
    SpinLock free_lock_;
    std::uint32_t free_head_ = 0;
    std::atomic<std::uint32_t> used_{0};
};

template <class Fn>
std::optional<AffinityTable::Found> AffinityTable::follow(std::uint32_t list,
                                                          const AffinityKey& key,
                                                          const EngineData& data, TickTime now,
                                                          Fn& judge) noexcept {
    drop_over(list, now);
    for (std::uint32_t at = heads_[list]; at != 0;) {
        Template& t = templates_[at - 1];
        at = t.next;
        if (!t.valid || !is_of(t, key, data)) continue;
        const Verdict verdict = judge(std::as_const(t.dest));
        if (verdict == Verdict::usable) return start(t, now);
        t.valid = verdict == Verdict::unknown;
    }
    return std::nullopt;
}

template <class Fn>
bool AffinityTable::end_if(std::uint32_t slot, TickTime now, Fn&& fn) noexcept {
    Template& t = templates_[slot];
    const std::uint32_t list = t.list.load(std::memory_order_acquire);
    if (list == 0) return false;
    const SpinGuard guard(lock_of(list - 1));
    const bool moved = t.list.load(std::memory_order_relaxed) != list;
    if (moved || is_over(t, now) || !fn(row_of(t, now))) return false;
    const bool ends = t.valid || t.connections == 0;
    t.valid = false;
    if (ends) t.expires = now;
    drop_over(list - 1, now);
    return ends;
}

}  // namespace shunt
