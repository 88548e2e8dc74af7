// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Fragments of one family put together again before anything looks for their connection, with the
// outcome that the host's stack has (ipvs-behaviour 1.21; RFC 791 3.2, RFC 5722, RFC 8200 4.5).
// Why not rte_ip_frag: docs/decisions/0012-own-reassembly.md.
//
// Theory of operation. A fragment stays as it came, as a piece in its datagram's list, which is in
// the order of offsets and never overlaps; looking for its place costs at most `most_fragments`
// steps, one when fragments come in order. When the pieces fill the datagram, their buffers are
// chained and the first one's header is written anew. Incomplete datagrams stand in a list by age,
// so what expires, and what has to go when the limits are reached, is always its front; a second
// list does the same for the datagrams of one source.
//
// At the limit the oldest goes, where the host's stack refuses what is new: a stranger's first
// fragments then shut nobody out for the whole timeout.
#include <rte_mbuf.h>

#include <bit>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "base/pages.h"
#include "base/time.h"
#include "dataplane/counters.h"
#include "net/parse.h"

namespace shunt {

/// What one Reassembler holds at most.
struct ReassemblyLimits {
    std::uint32_t datagrams = 0;           ///< incomplete ones; not zero
    std::uint32_t buffers = 0;             ///< packet buffers of their fragments
    std::uint16_t buffers_per_source = 0;  ///< and of those that one address sent
};

/// What the fragments of one datagram have in common. No byte of it is padding.
template <class F>
struct FragmentKey {
    typename F::Address source;
    typename F::Address destination;
    Be32 id;                     ///< IPv4: the 16-bit number
    std::uint32_t protocol = 0;  ///< IPv4 only: fragments of one IPv6 datagram may name several

    bool operator==(const FragmentKey&) const noexcept = default;
};

/// A list through a member of its items, first in, first out.
template <class T>
struct Neighbours {
    T* before;
    T* after;
};
template <class T, Neighbours<T> T::*links>
class LinkedList {
  public:
    [[nodiscard]] T* front() const noexcept { return front_; }
    [[nodiscard]] static T* after(const T& item) noexcept { return (item.*links).after; }
    void append(T& item) noexcept {
        item.*links = {back_, nullptr};
        (back_ != nullptr ? (back_->*links).after : front_) = &item;
        back_ = &item;
    }
    void remove(T& item) noexcept {
        const auto [before, after] = item.*links;
        (before != nullptr ? (before->*links).after : front_) = after;
        (after != nullptr ? (after->*links).before : back_) = before;
    }

  private:
    T* front_;
    T* back_;
};

/// A hash table of fixed size. A T is zero-initialised when it is taken into use, does not move
/// while it is, and has `key` and `next_filed`, which only the table writes.
template <class T>
class SlotTable {
  public:
    using Key = decltype(T::key);

    SlotTable(std::uint32_t capacity, std::uint64_t seed)
        : seed_(seed),
          mask_(std::bit_ceil(std::size_t{capacity}) - 1),
          heads_(mask_ + 1),
          slots_(capacity) {}

    [[nodiscard]] bool full() const noexcept { return free_ == nullptr && used_ == slots_.size(); }
    [[nodiscard]] std::size_t bucket(const Key& key) const noexcept {
        return hash_of(key, seed_) & mask_;
    }
    [[nodiscard]] T* find(const Key& key) noexcept {
        T* slot = heads_[bucket(key)];
        while (slot != nullptr && !(slot->key == key)) slot = slot->next_filed;
        return slot;
    }
    /// For a key that is not in the table, which may not be full().
    T& insert(const Key& key) noexcept {
        assert(!full());
        T* slot = free_ != nullptr ? std::exchange(free_, free_->next_filed) : &slots_[used_++];
        *slot = T{};
        slot->key = key;
        slot->next_filed = std::exchange(heads_[bucket(key)], slot);
        return *slot;
    }
    void erase(T& slot) noexcept {
        T** link = &heads_[bucket(slot.key)];
        while (*link != &slot) link = &(*link)->next_filed;
        *link = slot.next_filed;
        slot.next_filed = std::exchange(free_, &slot);
    }
    [[nodiscard]] std::size_t bytes() const noexcept { return heads_.bytes() + slots_.bytes(); }

  private:
    std::uint64_t seed_;
    std::size_t mask_;
    PageArray<T*> heads_;
    PageArray<T> slots_;
    std::size_t used_ = 0;  ///< slots that were ever used
    T* free_ = nullptr;     ///< erased ones, through next_filed
};

/// The incomplete datagrams of one worker and one family. No locks: the worker owns it, and it owns
/// the packets that it was given. Memory is reserved at construction and touched on use.
template <class F>
class Reassembler {
  public:
    /// How long a datagram may take from its first received fragment on; the host's defaults.
    static constexpr Ticks patience =
        std::is_same_v<F, Ipv4> ? std::chrono::seconds(30) : std::chrono::seconds(60);
    /// Enough for the longest datagram in pieces of 296 bytes (slow serial lines, RFC 1191 7.1).
    static constexpr std::uint16_t most_fragments = 256;
    /// IPv4: fragments of the same source that may come between two of one datagram. Beyond it the
    /// 16-bit id may have come round, so what is there is given up (RFC 4963; the host's default).
    static constexpr std::uint32_t most_between = 63;

    /// A datagram put together, one packet in a chain of buffers, without padding: the first
    /// fragment's link-layer and network headers and all data. It wants to be parsed again; what
    /// came in nested IPv6 fragment headers may still be a fragment then.
    struct Whole {
        rte_mbuf* packet;       ///< the caller's
        std::uint16_t largest;  ///< the longest fragment's network-layer length
    };

    /// `counters` are the worker's own. `seed`: secret, so that keys cannot be chosen to collide.
    /// Throws std::bad_alloc. Thread: control.
    Reassembler(const ReassemblyLimits& limits, WorkerCounters& counters, std::uint64_t seed);
    Reassembler(const Reassembler&) = delete;
    Reassembler& operator=(const Reassembler&) = delete;

    /// Takes a fragment, or an IPv6 packet with a fragment header that needs no other ("atomic",
    /// RFC 6946), of which `meta` is what parse() said. It is held, dropped by reason, or completes
    /// its datagram. Held and then joined or dropped fragments are counted as counters.h says; the
    /// datagram that comes out is the one packet left of them.
    [[nodiscard]] std::optional<Whole> add(rte_mbuf* packet, const PacketMeta& meta,
                                           TickTime now) noexcept;

    /// Drops at most `most` datagrams whose time is over. Before that, `first_fragment(rte_mbuf*)`
    /// is called with the fragment at offset 0, if it is there, unchanged and not to be kept: its
    /// sender is owed an ICMP error (time exceeded, code 1).
    template <class Fn>
    void expire(TickTime now, std::uint32_t most, Fn&& first_fragment) noexcept {
        for (; most > 0 && !empty() && now - by_age_.front()->begun >= patience; --most) {
            Datagram& datagram = *by_age_.front();
            if (datagram.first->begin == 0) first_fragment(datagram.first->packet);
            discard(datagram, DropReason::fragment_timeout);
        }
    }

    /// Drops everything: the daemon ends.
    void release_all() noexcept {
        while (!empty()) discard(*by_age_.front(), DropReason::shutdown);
    }

    [[nodiscard]] bool empty() const noexcept { return by_age_.front() == nullptr; }
    /// Packet buffers that wait here.
    [[nodiscard]] std::uint32_t buffers() const noexcept { return buffers_; }
    /// Where the table files a datagram; the seed decides.
    [[nodiscard]] std::size_t bucket(const FragmentKey<F>& key) const noexcept {
        return datagrams_.bucket(key);
    }
    /// Bytes reserved.
    [[nodiscard]] std::size_t bytes() const noexcept {
        return datagrams_.bytes() + sources_.bytes() + pieces_.bytes();
    }

  private:
    /// Offsets in the frame.
    struct HeaderPlaces {
        std::uint16_t data;    ///< first byte behind all that a fragment repeats
        std::uint16_t naming;  ///< IPv6: the byte that names the fragment header
        std::uint8_t l3;

        /// Bytes of headers that a whole datagram's length field counts.
        [[nodiscard]] std::uint32_t counted() const noexcept {
            const std::uint32_t headers = data - std::uint32_t{l3};
            constexpr std::uint32_t left_out = sizeof(Ipv6Header) + sizeof(Ipv6ExtensionHeader);
            return std::is_same_v<F, Ipv4> ? headers : headers - left_out;
        }
    };
    /// What a fragment says. Its data is [begin, end) of the datagram's.
    struct Fragment {
        FragmentKey<F> key;
        rte_mbuf* packet = nullptr;
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
        HeaderPlaces at{};
        std::uint16_t length = 0;  ///< network header and data
        std::uint8_t congestion = 0;
        bool more = false;
        bool dont_fragment = false;
    };
    /// A fragment that waits.
    struct Piece {
        rte_mbuf* packet;
        Piece* next;
        HeaderPlaces at;
        std::uint16_t begin;
        std::uint16_t end;
    };
    struct Source;
    struct Datagram {
        FragmentKey<F> key;
        Datagram* next_filed;
        Neighbours<Datagram> in_age;
        Neighbours<Datagram> in_source;
        Source* source;
        Piece* first;
        Piece* last;
        TickTime begun;
        std::uint32_t seen;     ///< Source::seen when its latest fragment came
        std::uint32_t buffers;  ///< of its pieces
        std::uint32_t bytes;    ///< data there
        std::uint32_t end;      ///< of the data, as far as known
        std::uint16_t fragments;
        std::uint16_t largest;
        std::uint16_t largest_dont_fragment;
        std::uint8_t congestion;  ///< a bit for each codepoint seen
        bool has_end;
    };
    struct Source {
        typename F::Address key;
        Source* next_filed;
        LinkedList<Datagram, &Datagram::in_source> datagrams;  ///< by age
        std::uint32_t buffers;
        std::uint32_t seen;  ///< fragments that came while any was held
    };
    /// Where a fragment belongs in a datagram: behind a piece, or at the front.
    struct Place {
        std::optional<DropReason> refused;
        Piece* behind = nullptr;
    };

    [[nodiscard]] static std::optional<DropReason> read(rte_mbuf* packet, const PacketMeta& meta,
                                                        Fragment& out) noexcept;
    [[nodiscard]] Datagram* find_recent(const FragmentKey<F>& key) noexcept;
    [[nodiscard]] static std::optional<DropReason> refuse(const Fragment& fragment,
                                                          const Datagram* datagram) noexcept;
    [[nodiscard]] bool is_too_large(const Fragment& fragment,
                                    const Datagram* datagram) const noexcept;
    [[nodiscard]] static Place place_of(const Fragment& fragment,
                                        const Datagram& datagram) noexcept;
    [[nodiscard]] static bool completes(const Fragment& fragment,
                                        const Datagram* datagram) noexcept;
    void make_room(const Fragment& fragment, const Datagram* datagram) noexcept;
    [[nodiscard]] Datagram& begin(const FragmentKey<F>& key, TickTime now) noexcept;
    [[nodiscard]] Piece& take_piece() noexcept;
    void keep(const Fragment& fragment, Datagram& datagram, Piece* behind) noexcept;
    [[nodiscard]] std::optional<Whole> finish(Datagram& datagram) noexcept;
    [[nodiscard]] static rte_mbuf* chain(const Datagram& datagram) noexcept;
    static void write_header(rte_mbuf* packet, const HeaderPlaces& at, std::uint32_t data_length,
                             bool dont_fragment, std::uint8_t congestion) noexcept;
    void discard(Datagram& datagram, DropReason reason) noexcept;
    void forget(Datagram& datagram) noexcept;
    void drop(rte_mbuf* packet, DropReason reason) noexcept;

    ReassemblyLimits limits_;
    WorkerCounters& counters_;
    SlotTable<Datagram> datagrams_;
    SlotTable<Source> sources_;
    PageArray<Piece> pieces_;
    std::size_t pieces_used_ = 0;  ///< that ever were
    Piece* free_pieces_ = nullptr;
    LinkedList<Datagram, &Datagram::in_age> by_age_{};
    std::uint32_t buffers_ = 0;
};

extern template class Reassembler<Ipv4>;
extern template class Reassembler<Ipv6>;

}  // namespace shunt
