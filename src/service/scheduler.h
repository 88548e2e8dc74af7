// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The interface between a virtual service and the rule that picks a real server for each new
// connection. Implementations live in src/sched, one file each.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "net/tuple.h"
#include "service/dest_counters.h"
#include "service/load_cache.h"
#include "service/real_server.h"
#include "service/scheduler_flags.h"
#include "service/scheduler_options.h"
#include "service/tunables.h"

namespace shunt {

/// What a scheduler remembers of a service that does not fit in a word. Has its size from the
/// start; is used only while connections are created.
class SchedulerMemory {
  public:
    SchedulerMemory() = default;
    SchedulerMemory(const SchedulerMemory&) = delete;
    SchedulerMemory& operator=(const SchedulerMemory&) = delete;
    virtual ~SchedulerMemory() = default;

    /// To be called once a minute: gives free what nobody asked for in a long time. Thread:
    /// control.
    virtual void collect(TickTime now, const Tunables& tunables) noexcept = 0;

    /// This slot will be another server's. No snapshot names it any more. Thread: control.
    virtual void forget(DestId id) noexcept = 0;
};

/// What a scheduler remembers between choices: one word that all workers and the control thread
/// change by compare-and-swap, and only while a connection is created or a service is edited. So
/// the order of choices is one order over all workers, as in IPVS (docs/decisions/0003).
struct alignas(64) SchedulerState {
    std::atomic<std::uint64_t> word{0};
    std::unique_ptr<SchedulerMemory> memory;  ///< Scheduler::make_memory()
};

/// What a scheduler prepares from a service's servers.
struct SchedulerTable {
    /// Of wrr.
    struct Steps {
        std::int64_t step = 0;     ///< gcd of the positive weights, 1 if there are none
        std::int64_t highest = 0;  ///< the threshold at which only the heaviest take part
        bool operator==(const Steps&) const = default;
    };

    /// One of a short list whose loads are compared.
    struct Contender {
        DestId id;
        std::uint32_t weight = 0;    ///< not 0
        std::uint32_t position = 0;  ///< in the list of servers
        bool limited = false;        ///< it may be overloaded
        bool operator==(const Contender&) const = default;
    };

    /// Of lc and wlc: those of few servers that have a weight, in the order of the list.
    std::vector<Contender> contenders;
    /// Those of `contenders` once more when their loads alone decide, for one weight and no limits;
    /// else empty.
    std::vector<DestId> even;
    /// Of a hash scheduler: for each bucket a position in the list. Empty when no server takes one.
    std::vector<std::uint16_t> buckets;
    Steps steps{};
    std::uint64_t weight = 0;  ///< of all servers together, for a scheduler that needs it
    bool operator==(const SchedulerTable&) const = default;
};

/// What a table with `even` chooses, for no scheduler need be asked then: the position of the
/// server with the smallest word of load and, for equals, place. No branch on what the loads are,
/// which nobody can guess.
[[nodiscard]] inline std::size_t least_of_even(const SchedulerTable& table,
                                               const Loads& loads) noexcept {
    static_assert(std::has_single_bit(LoadCache::least_servers));
    constexpr std::uint64_t places = LoadCache::least_servers;
    return loads.look_at_many([&table, ids = std::span(table.even)](auto load) -> std::size_t {
        auto least = std::numeric_limits<std::uint64_t>::max();
        for (std::size_t i = 0; i < ids.size(); ++i)
            least = std::min(least, load(ids[i]).weight() * places + i);
        return table.contenders[least % places].position;
    });
}

/// An address as one word in host order, as hash schedulers take it (ipvs-behaviour 4.4).
[[nodiscard]] inline std::uint32_t fold(const Ipv4Address& address) noexcept {
    return address.word.value();
}
[[nodiscard]] inline std::uint32_t fold(const Ipv6Address& address) noexcept {
    const auto words = std::bit_cast<std::array<Be32, 4>>(address);
    return words[0].value() ^ words[1].value() ^ words[2].value() ^ words[3].value();
}

/// What a choice may depend on of the packet that opens the connection.
struct SchedulingKey {
    std::uint32_t client = 0;       ///< fold() of the client's address
    std::uint32_t destination = 0;  ///< fold() of the address that the client asked for
    L4Port client_port;
    IpAddress destination_address;  ///< all of what `destination` is made of

    /// `tuple`: from the client.
    template <class F>
    [[nodiscard]] static SchedulingKey of(const FlowTuple<F>& tuple) noexcept {
        return {fold(tuple.source), fold(tuple.destination), tuple.source_port, tuple.destination};
    }
};

/// Whom to choose from. A view of a service and of the counts.
struct Candidates {
    std::span<const RealServer> servers;  ///< newest first: so ties are broken (4.1)
    const Loads& loads;
    SchedulerState& state;
    const SchedulerTable* table = nullptr;  ///< what build() made of the servers
    SchedulerFlags flags{};
    SchedulerOptions options{};
    std::optional<LoadCache::Part> cache{};  ///< of these servers and this scheduler
    TickTime now{};
    std::int64_t lblcr_expiration = Tunables{}.lblcr_expiration;  ///< s

    /// May a new connection go to the server at this position (4.1)?
    [[nodiscard]] bool eligible(std::size_t i) const noexcept { return eligible(servers[i]); }
    [[nodiscard]] bool eligible(const RealServer& server) const noexcept {
        return server.weight > 0 && (server.thresholds.upper == 0 || !loads.overloaded(server.id));
    }
};

class Scheduler {
  public:
    Scheduler() = default;
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;
    virtual ~Scheduler() = default;

    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    /// The position among the candidates for a new connection, or nothing when none is eligible.
    /// Thread: any worker.
    [[nodiscard]] virtual std::optional<std::size_t> choose(
        const Candidates& from, const SchedulingKey& key) const noexcept = 0;

    /// Does this option of a service mean anything to it?
    [[nodiscard]] virtual bool uses(SchedulerOption /*option*/) const noexcept { return false; }

    /// The most servers that a service may have.
    [[nodiscard]] virtual std::size_t most_servers(
        const SchedulerOptions& /*options*/) const noexcept {
        return std::numeric_limits<std::size_t>::max();
    }

    /// Is the choice the least loaded server, by loads and weights alone, so that a LoadCache
    /// helps?
    [[nodiscard]] virtual bool compares_loads() const noexcept { return false; }

    /// The table for these servers, of which there are no more than most_servers(); null when the
    /// scheduler needs none. Called when servers have changed. Throws std::bad_alloc. Thread:
    /// control.
    [[nodiscard]] virtual std::shared_ptr<const SchedulerTable> build(
        std::span<const RealServer> /*servers*/, const SchedulerOptions& /*options*/) const {
        return nullptr;
    }

    /// What a service with this scheduler needs beside the word; null when the word is enough.
    /// `seed`: secret, so that clients cannot choose what collides. Throws std::bad_alloc. Thread:
    /// control.
    [[nodiscard]] virtual std::unique_ptr<SchedulerMemory> make_memory(
        std::uint64_t /*seed*/) const {
        return nullptr;
    }

    /// Called once for each server added, edited or deleted, after it took effect, and once when
    /// the service is made. Thread: control.
    virtual void reconfigure(std::span<const RealServer> /*servers*/,
                             SchedulerState& /*state*/) const noexcept {}
};

}  // namespace shunt
