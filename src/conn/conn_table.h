// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The connection table of one worker and one family.
//
// Theory of operation. Connections stand in an array. Each has two keys: the tuple of its packets
// from the client and the tuple of those from the real server. Both are filed in one array of
// buckets; a bucket is one cache line with eight places of a 16-bit tag and a 32-bit reference
// (connection index and direction). A key belongs to the bucket that its hash names and spills into
// the following ones when that is full; every bucket counts the keys that passed over it, so a
// search goes on only where something did, and removal leaves no tombstone. With at most 70 % of
// the places in use a search reads one bucket and one connection: two cache lines, both prefetched
// for a whole burst before either is read.
//
// The key of the server's packets is known only when a connection is made, and its bucket is then
// far away. So it is fetched first and filed later, with those of the next few connections, or when
// something with the same hash is looked for, filed or removed.
//
// Worked example: client 192.0.2.7:40000 to 198.51.100.10:80, real server 10.1.0.11:8080, in
// slot 5. The tuple 192.0.2.7:40000>198.51.100.10:80 is filed with reference 10 (5*2 +
// from_client), the tuple 10.1.0.11:8080>192.0.2.7:40000 with reference 11.
#include <emmintrin.h>

#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <new>
#include <span>

#include "base/hash.h"
#include "base/pages.h"
#include "conn/conn.h"
#include "conn/timer_wheel.h"

namespace shunt {

/// A search result; `conn` is null on a miss. Left unset until it is assigned: results of a burst
/// stand in an array that costs nothing to make.
template <class F>
struct ConnRef {
    Conn<F>* conn;
    Direction direction;
};

/// No locks: one worker owns it. Memory is there from construction on (std::bad_alloc).
template <class F>
class ConnTable {
  public:
    /// `capacity`: the most connections. `seed`: secret, so that tuples cannot be chosen to
    /// collide.
    ConnTable(std::uint32_t capacity, std::uint64_t seed, TickTime now);

    [[nodiscard]] std::uint32_t hash(const FlowTuple<F>& tuple) const noexcept {
        return static_cast<std::uint32_t>(hash_of(tuple, seed_));
    }
    /// That of conn.tuple(d).
    [[nodiscard]] std::uint32_t hash(const Conn<F>& conn, Direction d) const noexcept {
        return static_cast<std::uint32_t>(hash_of(conn.tuple_words(d), seed_));
    }

    /// Starts to fetch the bucket of a hash.
    void prefetch(std::uint32_t hash) const noexcept { __builtin_prefetch(&buckets_[home(hash)]); }

    /// Looks up a burst whose buckets were prefetched, and calls `found(i, ref)` for each in turn.
    /// Both spans have the same size, at most 64.
    template <class Fn>
    void find_burst(std::span<const FlowTuple<F>* const> tuples,
                    std::span<const std::uint32_t> hashes, Fn&& found) noexcept;

    /// May find() tell something else of a tuple with this hash than the last find_burst() told? So
    /// it is when a connection with such a key was made since, or look_again() was called.
    [[nodiscard]] bool has_news(std::uint32_t hash) const noexcept {
        return (news_[news_word(hash)] & news_bit(hash)) != 0;
    }
    /// What find_burst() told of a tuple with this hash is not true any more.
    void look_again(std::uint32_t hash) noexcept { news_[news_word(hash)] |= news_bit(hash); }

    [[nodiscard]] ConnRef<F> find(const FlowTuple<F>& tuple) noexcept {
        return find(tuple, hash(tuple));
    }
    [[nodiscard]] ConnRef<F> find(const FlowTuple<F>& tuple, std::uint32_t hash) noexcept;

    /// Files a copy of `conn` under both its keys and arms its timer for conn.expires. Null when
    /// the table is full. A key may be in the table already: one client port can reach one server
    /// by two virtual addresses, and two servers can call one client port from one virtual
    /// endpoint. Packets then belong to the connection made last, for as long as that exists.
    Conn<F>* insert(const Conn<F>& conn) noexcept {
        return insert(hash(conn, Direction::from_client), [&] { return conn; });
    }
    /// The same with the connection that `make()` returns, which is made in its slot.
    /// `client_hash`: that of its tuple from the client.
    template <class Make>
    Conn<F>* insert(std::uint32_t client_hash, Make&& make) noexcept {
        const std::uint32_t index = take_slot();
        if (index == no_slot) return nullptr;
        auto* conn = ::new (&conns_[index]) Conn<F>(make());
        file_new(index, client_hash);
        return conn;
    }

    /// The slot of a connection of this table, below capacity(): its own while it is there.
    [[nodiscard]] std::uint32_t slot_of(const Conn<F>& conn) const noexcept {
        return static_cast<std::uint32_t>(&conn - conns_.data());
    }

    /// Removes a connection of this table; its slot may be given out again at once.
    void erase(Conn<F>& conn) noexcept;

    /// A connection of this table begins to be half-open, or ends to be; nothing if it is so.
    void set_half_open(Conn<F>& conn, bool half_open) noexcept;
    [[nodiscard]] std::uint32_t half_open() const noexcept { return half_open_.count(); }
    /// The one that has been half-open for longest; null when there is none.
    [[nodiscard]] Conn<F>* oldest_half_open() noexcept;

    /// To be called when conn.expires moved to an earlier tick; later ones need no call.
    void expires_sooner(Conn<F>& conn) noexcept;

    /// Visits at most `most` connections whose timers came due. Those whose expiry moved on are
    /// filed again; for the others `expired(conn)` is called, and they are erased after it, unless
    /// it has moved conn.expires on. It may erase others, and makes none.
    template <class Fn>
    void advance_timers(TickTime now, std::uint32_t most, Fn&& expired) noexcept {
        // All that the next few need comes from memory together.
        std::array<std::uint32_t, 32> due;
        while (most > 0) {
            const auto room = std::span(due).first(std::min<std::size_t>(most, due.size()));
            const auto taken = room.first(wheel_.take_due(now, room));
            for (const auto index : taken) prefetch_conn(index);
            for (const auto index : taken)
                if (conns_[index].expires <= now) prefetch_keys(conns_[index]);
            for (const auto index : taken) {
                Conn<F>& conn = conns_[index];
                if (conn.protocol == Protocol::none) continue;  // erased meanwhile
                if (conn.expires <= now) expired(conn);
                conn.expires > now ? wheel_.arm(index, conn.expires) : release(index);
            }
            if (taken.size() < room.size()) return;
            most -= static_cast<std::uint32_t>(taken.size());
        }
    }

    /// Calls `over(Conn&)` for the live connections in slots [from, from+count) and erases those
    /// that it returns true for.
    template <class Fn>
    void sweep(std::uint32_t from, std::uint32_t count, Fn&& over) noexcept {
        for (std::uint32_t i = from; i < slots_used_ && i - from < count; ++i)
            if (conns_[i].protocol != Protocol::none && over(conns_[i])) erase(conns_[i]);
    }

    /// Calls `fn(const Conn&)` for the live connections in slots [from, from+count).
    template <class Fn>
    void for_each(std::uint32_t from, std::uint32_t count, Fn&& fn) const {
        for (std::uint32_t i = from; i < slots_used_ && i - from < count; ++i)
            if (conns_[i].protocol != Protocol::none) fn(conns_[i]);
    }

    /// Thread: any.
    [[nodiscard]] std::uint32_t size() const noexcept { return size_.value(); }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    /// Slots that were ever used; for_each sees nothing beyond.
    [[nodiscard]] std::uint32_t slots_used() const noexcept { return slots_used_; }
    /// Bytes reserved for buckets, connections, timers and the ring together.
    struct Parts {
        std::size_t buckets = 0;
        std::size_t connections = 0;
        std::size_t timers = 0;
        std::size_t half_open = 0;
    };
    [[nodiscard]] Parts parts() const noexcept {
        return {.buckets = buckets_.bytes(),
                .connections = conns_.bytes(),
                .timers = wheel_.bytes(),
                .half_open = half_open_.bytes()};
    }
    [[nodiscard]] std::size_t bytes() const noexcept {
        return buckets_.bytes() + conns_.bytes() + wheel_.bytes() + half_open_.bytes();
    }

  private:
    static constexpr unsigned places = 8;
    static constexpr std::uint32_t no_slot = 0xFFFFFFFF;
    // What find_burst() knows of a key that is not in its own bucket.
    static constexpr std::uint32_t no_candidate = 0xFFFFFFFF;
    static constexpr std::uint32_t nowhere = 0xFFFFFFFE;
    struct alignas(64) Bucket {
        std::array<std::uint16_t, places> tags;  ///< 0: free
        std::array<std::uint32_t, places> refs;
        std::uint32_t passed;  ///< keys filed behind this bucket that wanted it or one before it
    };
    static_assert(sizeof(Bucket) == 64);

    [[nodiscard]] static std::uint32_t ref_to(std::uint32_t index, Direction d) noexcept {
        return index << 1 | static_cast<std::uint32_t>(d);
    }
    [[nodiscard]] std::size_t home(std::uint32_t hash) const noexcept {
        return hash & bucket_mask_;
    }
    [[nodiscard]] static std::uint16_t tag(std::uint32_t hash) noexcept {
        return static_cast<std::uint16_t>((hash >> 16) | 1U);
    }
    // Some hashes have the same bit: then find() looks in vain.
    [[nodiscard]] static std::size_t news_word(std::uint32_t hash) noexcept {
        return hash >> 6U & 7U;
    }
    [[nodiscard]] static std::uint64_t news_bit(std::uint32_t hash) noexcept {
        return std::uint64_t{1} << (hash & 63U);
    }
    /// The first place of matches().
    [[nodiscard]] static std::size_t lowest(unsigned matches) noexcept {
        return static_cast<std::size_t>(std::countr_zero(matches));
    }
    [[nodiscard]] static unsigned matches(const Bucket& bucket, std::uint16_t tag) noexcept;
    [[nodiscard]] ConnRef<F> confirm(std::uint32_t ref, const FlowTuple<F>& tuple) noexcept;
    void prefetch_conn(std::uint32_t index) const noexcept {
        const char* conn = reinterpret_cast<const char*>(&conns_[index]);
        for (std::size_t line = 0; line < sizeof(Conn<F>); line += 64)
            __builtin_prefetch(conn + line, 1);
    }
    void prefetch_keys(const Conn<F>& conn) const noexcept {
        for (const auto d : {Direction::from_client, Direction::from_server})
            prefetch(hash(conn, d));
    }
    /// A slot for a new connection, or no_slot.
    [[nodiscard]] std::uint32_t take_slot() noexcept;
    /// Files the keys of the connection that was made in a slot, and arms its timer.
    void file_new(std::uint32_t index, std::uint32_t client_hash) noexcept;
    void file(std::uint32_t hash, std::uint32_t ref) noexcept;
    void file_later(std::uint32_t hash, std::uint32_t ref) noexcept;
    /// Files what was to be filed later.
    void settle() noexcept;
    /// The same, if something with this hash is among it.
    void settle(std::uint32_t hash) noexcept {
        bool same = false;
        for (std::size_t i = 0; i < later_count_; ++i) same |= later_[i].hash == hash;
        if (same) [[unlikely]]
            settle();
    }
    void put_first(std::uint32_t hash, std::uint32_t& filed) noexcept;
    void unfile(std::uint32_t hash, std::uint32_t ref) noexcept;
    void release(std::uint32_t index) noexcept;
    [[nodiscard]] auto stands() const noexcept {
        return [this](std::uint32_t slot, HalfOpenPlace place) noexcept {
            return conns_[slot].half_open && conns_[slot].half_open_place == place;
        };
    }

    struct Later {
        std::uint32_t hash;
        std::uint32_t ref;
    };

    std::uint32_t capacity_;
    std::uint64_t seed_;
    std::size_t bucket_mask_;
    PageArray<Bucket> buckets_;
    PageArray<Conn<F>> conns_;
    TimerWheel wheel_;
    HalfOpenRing half_open_;
    Gauge size_;
    std::array<std::uint64_t, 8> news_{};  ///< by news_word() and news_bit()
    std::array<Later, 4> later_;
    std::uint32_t later_count_ = 0;
    std::uint32_t slots_used_ = 0;
    std::uint32_t free_head_;  ///< erased slots, chained through Conn::generation
};

template <class F>
inline unsigned ConnTable<F>::matches(const Bucket& bucket, std::uint16_t tag) noexcept {
    const auto tags = _mm_load_si128(reinterpret_cast<const __m128i*>(bucket.tags.data()));
    const auto equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(static_cast<short>(tag)));
    // One bit a place: the 16-bit results are packed to bytes first.
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
}

template <class F>
inline ConnRef<F> ConnTable<F>::confirm(std::uint32_t ref, const FlowTuple<F>& tuple) noexcept {
    const auto direction = static_cast<Direction>(ref & 1U);
    Conn<F>& conn = conns_[ref >> 1];
    if (conn.has(tuple, direction)) return {&conn, direction};
    return {};
}

template <class F>
template <class Fn>
void ConnTable<F>::find_burst(std::span<const FlowTuple<F>* const> tuples,
                              std::span<const std::uint32_t> hashes, Fn&& found) noexcept {
    assert(tuples.size() == hashes.size() && tuples.size() <= 64);
    settle();
    news_.fill(0);
    std::array<std::uint32_t, 64> candidate;
    for (std::size_t i = 0; i < tuples.size(); ++i) {
        const Bucket& bucket = buckets_[home(hashes[i])];
        const unsigned m = matches(bucket, tag(hashes[i]));
        candidate[i] = m != 0               ? bucket.refs[lowest(m)]
                       : bucket.passed == 0 ? nowhere
                                            : no_candidate;
        if (m != 0) prefetch_conn(candidate[i] >> 1);
    }
    for (std::size_t i = 0; i < tuples.size(); ++i) {
        ConnRef<F> ref{};
        if (candidate[i] < nowhere) [[likely]]
            ref = confirm(candidate[i], *tuples[i]);
        if (ref.conn == nullptr && candidate[i] != nowhere) [[unlikely]]
            ref = find(*tuples[i], hashes[i]);
        found(i, ref);
    }
}

extern template class ConnTable<Ipv4>;
extern template class ConnTable<Ipv6>;

}  // namespace shunt
