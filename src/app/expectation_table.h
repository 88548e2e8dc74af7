// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Data connections that a control connection has announced: who will call whom, and which server
// it belongs to (ipvs-behaviour 6.3, 6.4).
//
// Theory of operation. One table for all workers, as a data connection has another client port than
// its control connection, and so mostly another owner. It is asked only while a connection is made
// or ends and when a control connection announces one, never for a packet of an existing
// connection; while nothing is expected the question is one look at a number. Expectations stand in
// an array, whose size is fixed at start, and hang in the lists of a hash table by client address:
// all of one client are in one list, whose length is limited. A lock covers every 64th list.
//
// An expectation is taken by the first packet of its connection. It then stays, in use, until that
// connection ends: so it is known which ports of the virtual address mean something to a client.
//
// No timer runs: what is over is dropped when its list is walked, and by sweep().
//
// A control link is what a control connection and its data connections know of each other, on
// whatever workers they are: how many of these live, when the last one ended, and whether the
// control connection is there. It goes with the last that names it.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>

#include "app/app_table.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/pages.h"
#include "base/spin_lock.h"
#include "base/time.h"
#include "net/address.h"
#include "service/real_server.h"

namespace shunt {

/// The position of an expectation in its table.
using ExpectationRef = std::uint32_t;
inline constexpr ExpectationRef no_expectation = 0xFFFFFFFF;
/// The position of a control link.
using ControlRef = std::uint32_t;
inline constexpr ControlRef no_control = 0xFFFFFFFF;

/// A data connection to come.
struct Expectation {
    Endpoint client;  ///< port 0: any, the client calls
    Endpoint server;  ///< port 0: any
    Endpoint shown;   ///< the virtual one that the client sees; port 0: the server's
    DestId dest;
    ControlRef control = no_control;
    Protocol protocol = Protocol::tcp;
    ForwardMethod method = ForwardMethod::nat;
};

/// Thread: any, but for the constructor; now() of different threads may differ by some ticks.
class ExpectationTable {
  public:
    struct Limits {
        std::uint32_t per_client = 64;  ///< waiting
        std::uint32_t per_control = 8;  ///< waiting
        std::uint32_t list = 1024;      ///< of a client, those in use included
    };
    struct Taken {
        ExpectationRef ref = no_expectation;
        Expectation what;
    };

    /// `controls`: the most links. `seed`: secret, so that clients cannot be chosen to collide.
    /// Throws std::bad_alloc.
    ExpectationTable(std::uint32_t capacity, std::uint32_t controls, std::uint64_t seed,
                     const Limits& limits);
    ExpectationTable(std::uint32_t capacity, std::uint32_t controls, std::uint64_t seed)
        : ExpectationTable(capacity, controls, seed, Limits{}) {}

    /// What a table takes when all of it was used, but for the rounding to pages.
    [[nodiscard]] static constexpr std::uint64_t bytes_for(std::uint32_t capacity,
                                                           std::uint32_t controls) noexcept {
        return lists_for(capacity) * sizeof(std::uint32_t) +
               std::uint64_t{capacity} * sizeof(Entry) + std::uint64_t{controls} * sizeof(Control);
    }

    /// Is anything waiting?
    [[nodiscard]] bool waits() const noexcept {
        return waiting_.load(std::memory_order_acquire) != 0;
    }
    /// Is there anything, waiting or in use?
    [[nodiscard]] bool any() const noexcept { return kept_.load(std::memory_order_acquire) != 0; }

    // --- Control links.

    /// A link for a control connection, to be closed when that ends; no_control: there is no room.
    [[nodiscard]] ControlRef open_control() noexcept;
    /// What waits for it is over.
    void close_control(ControlRef ref) noexcept;
    /// When the last of its data connections ended; `now` while one lives, nothing if there was
    /// none.
    [[nodiscard]] std::optional<TickTime> last_data(ControlRef ref, TickTime now) const noexcept;

    // --- Announcements. They live for `timeout`.

    /// A server will call the client. One that is the same already starts anew. False: a limit.
    [[nodiscard]] bool expect(const Expectation& what, TickTime now, Ticks timeout) noexcept;

    /// A client will call the server at the port of what.shown that is returned: that of the
    /// server when it is in `ports`, `free(L4Port)` and nothing else to this client; else another
    /// one of `ports`. Nothing: a limit, or no port. `what.shown` needs no port.
    template <class Fn>
    [[nodiscard]] std::optional<L4Port> offer(const Expectation& what, const PortRange& ports,
                                              TickTime now, Ticks timeout, Fn&& free) noexcept;

    // --- The first packet of a data connection. It is to be given to release() when that ends.
    // `usable(const Expectation&)`: may it be taken? Called under a lock.

    template <class Fn>
    [[nodiscard]] std::optional<Taken> take_for_client(Protocol protocol, const Endpoint& client,
                                                       const Endpoint& shown, TickTime now,
                                                       Fn&& usable) noexcept {
        return take(client.address, now, [&](const Expectation& e) {
            return e.protocol == protocol && matches(e.shown, shown) &&
                   (e.client == client || e.client.port == L4Port{}) && usable(e);
        });
    }
    template <class Fn>
    [[nodiscard]] std::optional<Taken> take_for_server(Protocol protocol, const Endpoint& server,
                                                       const Endpoint& client, TickTime now,
                                                       Fn&& usable) noexcept {
        return take(client.address, now, [&](const Expectation& e) {
            return e.protocol == protocol && e.client == client && matches(e.server, server) &&
                   usable(e);
        });
    }

    void release(ExpectationRef ref, TickTime now) noexcept;

    /// Gives free what is over in the slots [from, from+slots).
    void sweep(std::uint32_t from, std::uint32_t slots, TickTime now) noexcept;

    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::size_t bytes() const noexcept {
        return heads_.bytes() + entries_.bytes() + controls_.bytes();
    }
    [[nodiscard]] std::uint32_t waiting() const noexcept {
        return waiting_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint32_t in_use() const noexcept {
        return kept_.load(std::memory_order_relaxed) - waiting();
    }
    /// Slots that were ever used; sweep() sees nothing beyond.
    [[nodiscard]] std::uint32_t slots_used() const noexcept {
        return used_.load(std::memory_order_acquire);
    }

  private:
    /// Positions are kept as one more, and 0 is none: so memory of zeros is an empty table.
    struct Entry {
        Expectation what;
        std::uint32_t next;               ///< in its list, or among the free ones
        std::atomic<std::uint32_t> list;  ///< which one; 0 while it is free
        TickTime expires;                 ///< while it waits
        bool in_use;                      ///< its connection is there
    };
    struct Control {
        std::atomic<std::uint32_t> references;  ///< the control connection and the expectations
        std::atomic<std::uint32_t> waiting;
        std::atomic<std::uint32_t> live;  ///< data connections
        std::atomic<std::uint32_t> last;  ///< tick when one ended
        std::atomic<bool> had_data;
        std::atomic<bool> closed;
        std::uint32_t next;  ///< among the free ones
    };
    [[nodiscard]] static constexpr std::uint64_t lists_for(std::uint32_t capacity) noexcept {
        return std::bit_ceil(std::uint64_t{std::max(capacity, 1U)});
    }
    /// Port 0 of what is expected is any.
    [[nodiscard]] static bool matches(const Endpoint& expected, const Endpoint& is) noexcept {
        return expected.address == is.address &&
               (expected.port == is.port || expected.port == L4Port{});
    }
    [[nodiscard]] std::uint32_t list_of(const IpAddress& client) const noexcept;
    [[nodiscard]] SpinLock& lock_of(std::uint32_t list) noexcept {
        return locks_[list % locks_.size()];
    }

    template <class Fn>
    std::optional<Taken> take(const IpAddress& client, TickTime now, Fn&& fits) noexcept;

    // To be called under the lock of the list.
    template <class Fn>
    [[nodiscard]] Entry* find(std::uint32_t list, Fn&& fits) noexcept;
    [[nodiscard]] bool is_over(const Entry& entry, TickTime now) const noexcept;
    void drop_over(std::uint32_t list, TickTime now) noexcept;
    [[nodiscard]] Entry* add(std::uint32_t list, const Expectation& what) noexcept;
    [[nodiscard]] bool has_room(std::uint32_t list, const Expectation& what) noexcept;
    void renew(Entry& entry, const Expectation& what) noexcept;
    Taken use(Entry& entry) noexcept;
    void leave_waiting(const Entry& entry) noexcept;
    void unlink(std::uint32_t list, std::uint32_t position) noexcept;
    [[nodiscard]] bool is_other_server(std::uint32_t list, const Expectation& what,
                                       L4Port port) noexcept;
    [[nodiscard]] std::uint32_t start_of_search(const Expectation& what) const noexcept;

    // Under that lock, or none.
    [[nodiscard]] std::uint32_t allot() noexcept;
    void give_free(std::uint32_t position) noexcept;
    void unreference(ControlRef ref) noexcept;

    /// Of a range: beyond these a client is refused.
    static constexpr std::uint32_t most_tried_ports = 128;

    std::uint32_t capacity_;
    std::uint64_t seed_;
    Limits limits_;
    std::uint32_t list_mask_;
    PageArray<std::uint32_t> heads_;
    PageArray<Entry> entries_;
    PageArray<Control> controls_;
    std::array<SpinLock, 64> locks_;
    SpinLock free_lock_;
    std::uint32_t free_head_ = 0;
    std::uint32_t free_control_ = 0;
    std::uint32_t controls_used_ = 0;
    std::atomic<std::uint32_t> used_{0};
    alignas(64) std::atomic<std::uint32_t> waiting_{0};
    std::atomic<std::uint32_t> kept_{0};
};

template <class Fn>
ExpectationTable::Entry* ExpectationTable::find(std::uint32_t list, Fn&& fits) noexcept {
    for (std::uint32_t at = heads_[list]; at != 0; at = entries_[at - 1].next)
        if (fits(entries_[at - 1])) return &entries_[at - 1];
    return nullptr;
}

template <class Fn>
std::optional<ExpectationTable::Taken> ExpectationTable::take(const IpAddress& client, TickTime now,
                                                              Fn&& fits) noexcept {
    const std::uint32_t list = list_of(client);
    const SpinGuard guard(lock_of(list));
    drop_over(list, now);
    Entry* entry = find(list, [&](const Entry& e) {
        return !e.in_use && e.what.client.address == client && fits(e.what);
    });
    if (entry == nullptr) return std::nullopt;
    return use(*entry);
}

template <class Fn>
std::optional<L4Port> ExpectationTable::offer(const Expectation& what, const PortRange& ports,
                                              TickTime now, Ticks timeout, Fn&& free) noexcept {
    const std::uint32_t list = list_of(what.client.address);
    const SpinGuard guard(lock_of(list));
    drop_over(list, now);
    Entry* known = find(list, [&](const Entry& e) {
        return !e.in_use && e.what.protocol == what.protocol && e.what.client == what.client &&
               e.what.server == what.server && e.what.shown.address == what.shown.address;
    });
    if (known != nullptr) {
        renew(*known, what);
        known->expires = now + timeout;
        return known->what.shown.port;
    }
    const std::uint32_t first = ports.first.value();
    const std::uint32_t number = ports.last.value() - first + 1;
    const auto suits = [&](L4Port port) {
        return port.value() >= first && port.value() < first + number &&
               !is_other_server(list, what, port) && free(port);
    };
    L4Port port = what.server.port;
    const std::uint32_t start = start_of_search(what);
    for (std::uint32_t tried = 0; !suits(port); ++tried) {
        if (tried == most_tried_ports || tried == number) return std::nullopt;
        port = L4Port(static_cast<std::uint16_t>(first + (start + tried) % number));
    }
    Expectation whole = what;
    whole.shown.port = port;
    Entry* entry = has_room(list, whole) ? add(list, whole) : nullptr;
    if (entry == nullptr) return std::nullopt;
    entry->expires = now + timeout;
    return port;
}

}  // namespace shunt
