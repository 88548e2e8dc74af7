// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The virtual services and real servers of one moment: immutable, shared by all workers, replaced
// as a whole. The control thread builds it; workers read it between two RCU quiescent states. A new
// one shares with the one before what has not changed (docs/decisions/0016).
#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/shared_map.h"
#include "base/time.h"
#include "net/tuple.h"
#include "service/dest_slot.h"
#include "service/mark.h"
#include "service/scheduler.h"

namespace shunt {

inline constexpr L4Port ftp_port{std::uint16_t{21}};
/// FTP servers connect from it.
inline constexpr L4Port ftp_data_port{std::uint16_t{20}};

/// What makes a service one: protocol and virtual endpoint, or a mark. Port 0 takes every port.
struct ServiceKey {
    Protocol protocol = Protocol::tcp;  ///< none for a service on a mark
    Endpoint endpoint;                  ///< of a service on a mark only the family counts
    Mark mark{};                        ///< nonzero: the service takes packets with this mark
    auto operator<=>(const ServiceKey&) const noexcept = default;
};

/// What tells the calls of one client apart, each of which is brought back to its own server
/// (ipvs-behaviour 5.5).
enum class PersistenceEngine : std::uint8_t {
    none,  ///< a client is one
    sip,   ///< the Call-ID
};

/// A service brings a client back to the server that it once chose for it (ipvs-behaviour 5).
struct Persistence {
    Ticks timeout{};               ///< for so long after the client's last new connection
    std::uint8_t granularity = 0;  ///< clients are one whose addresses agree in so many first bits
    PersistenceEngine engine = PersistenceEngine::none;
    bool operator==(const Persistence&) const noexcept = default;
};

struct VirtualService {
    ServiceKey key;
    const Scheduler* scheduler = nullptr;   ///< never null; lives as long as the process
    std::shared_ptr<SchedulerState> state;  ///< shared by all versions of this service
    bool one_packet = false;                ///< UDP: every datagram is scheduled anew
    std::optional<Persistence> persistence;
    SchedulerFlags scheduler_flags;
    SchedulerOptions scheduler_options;
    std::vector<RealServer> servers;              ///< newest first
    std::shared_ptr<const SchedulerTable> table;  ///< Scheduler::build() of the servers
    std::shared_ptr<LoadCache> cache;             ///< of the servers; null: each is looked at

    /// The position of the server for a new connection, or nothing. Thread: any worker.
    [[nodiscard]] std::optional<std::size_t> choose(const Loads& loads, const SchedulingKey& key,
                                                    TickTime now,
                                                    const Tunables& tunables) const noexcept {
        return choose(
            loads, [&]() -> const SchedulingKey& { return key; }, now, tunables);
    }
    /// The same; `make_key()` returns the key, if it is asked for.
    template <std::invocable MakeKey>
    [[nodiscard]] std::optional<std::size_t> choose(const Loads& loads, MakeKey&& make_key,
                                                    TickTime now,
                                                    const Tunables& tunables) const noexcept {
        if (table && !table->even.empty()) return least_of_even(*table, loads);
        Candidates from{servers, loads, *state, table.get(), scheduler_flags, scheduler_options};
        if (cache && loads.counts_changes()) from.cache = cache->of(loads.self());
        from.now = now;
        from.lblcr_expiration = tunables.lblcr_expiration;
        return scheduler->choose(from, make_key());
    }
};

class ServiceTable {
  public:
    using DestSlot = shunt::DestSlot;
    using Slots = SharedArray<DestSlot>;
    using Services = SharedArray<std::shared_ptr<const VirtualService>>;

    /// What becomes of the service with this key; null: it is gone.
    struct Change {
        ServiceKey key;
        std::shared_ptr<const VirtualService> service;
    };

    /// A NAT server whose own calls come from its service, and that service.
    struct Caller {
        const VirtualService* service;
        const RealServer* server;
    };

    ServiceTable() = default;
    /// `slots` is indexed by DestId and holds removed servers too while connections name them.
    ServiceTable(std::vector<std::shared_ptr<const VirtualService>> services,
                 std::vector<DestSlot> slots);
    /// `before` with some services changed, each named once, and with other slots, in time that
    /// follows from the changes alone when `slots` is a changed copy of those of `before`.
    ServiceTable(const ServiceTable& before, std::span<const Change> changes, Slots slots);

    /// The service for a new connection: by its mark, by its exact port, FTP data beside a service
    /// on port 21, then port 0 (ipvs-behaviour 1.3).
    template <class F>
    [[nodiscard]] const VirtualService* find(Mark mark, Protocol protocol,
                                             const typename F::Address& address,
                                             L4Port port) const noexcept;

    /// Does some service have this address, or had it and connections of it may live on?
    template <class F>
    [[nodiscard]] bool is_virtual(const typename F::Address& address) const noexcept {
        return sets<F>().virtuals.contains(address);
    }
    /// Is this endpoint a NAT real server, present or removed with connections left?
    template <class F>
    [[nodiscard]] bool is_real(const typename F::Address& address, L4Port port) const noexcept {
        const auto& reals = sets<F>().reals;
        return reals.contains({address, port, Protocol::none}) ||
               (sets<F>().any_ports != 0 && reals.contains({address, L4Port{}, Protocol::none}));
    }

    /// The same for a packet whose ports are not known: any port of the address.
    template <class F>
    [[nodiscard]] bool is_real_address(const typename F::Address& address) const noexcept {
        return sets<F>().real_addresses.contains(address);
    }

    /// Of a UDP service with an engine that sees calls begin; null when this endpoint is none's.
    template <class F>
    [[nodiscard]] const Caller* find_caller(const typename F::Address& address,
                                            L4Port port) const noexcept {
        const auto& callers = sets<F>().callers;
        if (callers.empty()) return nullptr;
        const auto* at = callers.find({address, port, Protocol::none});
        return at == nullptr ? nullptr : &at->front();
    }

    /// Of a server that this version knows.
    [[nodiscard]] const DestSlot& slot(DestId id) const noexcept { return slots_[id.value()]; }
    /// Of any server; null when this version does not know it, as it came later or is long gone.
    [[nodiscard]] const DestSlot* find_slot(DestId id) const noexcept {
        const bool known = id.value() < slots_.size() && slots_[id.value()].in_use;
        return known ? &slots_[id.value()] : nullptr;
    }
    /// Workers do not copy it: that is for the control thread.
    [[nodiscard]] const Slots& slots() const noexcept { return slots_; }
    /// In no certain order once some have gone.
    [[nodiscard]] const Services& services() const noexcept { return services_; }

    /// What this takes that `before` has too, and what not. Thread: control.
    [[nodiscard]] Footprint footprint(const ServiceTable& before) const;

  private:
    template <class F>
    struct FamilyEndpoint {
        typename F::Address address;
        L4Port port;
        Protocol protocol = Protocol::none;
        bool operator==(const FamilyEndpoint&) const noexcept = default;
    };
    struct Entry {
        const VirtualService* service = nullptr;
        std::size_t place = 0;  ///< in services_
    };
    template <class F>
    struct FamilySets {
        SharedMap<FamilyEndpoint<F>, Entry> services;
        SharedMap<Mark, Entry> marked;
        // With the number of services and slots that make them so.
        SharedMap<typename F::Address, std::uint32_t> virtuals;
        SharedMap<FamilyEndpoint<F>, std::uint32_t> reals;
        SharedMap<typename F::Address, std::uint32_t> real_addresses;
        std::uint32_t ftps = 0;       ///< TCP services on port 21
        std::uint32_t any_ports = 0;  ///< slots of servers that take every port
        /// Of several services those with the smallest key first.
        SharedMap<FamilyEndpoint<F>, std::vector<Caller>> callers;

        [[nodiscard]] const Entry* find(const ServiceKey& key) const noexcept;
        [[nodiscard]] Entry& edit(const ServiceKey& key);
        void erase(const ServiceKey& key);
        void measure(const FamilySets& before, Footprint& sum) const;
    };
    /// What a slot says about addresses.
    struct SlotSays;

    template <class F>
    [[nodiscard]] const FamilySets<F>& sets() const noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return ipv4_;
        else
            return ipv6_;
    }
    template <class Visit>
    void with_sets(Family family, Visit visit);
    template <class F>
    static FamilyEndpoint<F> endpoint_of(const ServiceKey& key) noexcept;

    void change(const Change& change);
    template <class F>
    void add(FamilySets<F>& sets, const std::shared_ptr<const VirtualService>& service);
    template <class F>
    void replace(FamilySets<F>& sets, const Change& change);
    template <class F>
    void remove(FamilySets<F>& sets, const ServiceKey& key);
    template <class F>
    static void count_service(FamilySets<F>& sets, const ServiceKey& key, bool more);
    template <class F>
    static void index_callers(FamilySets<F>& sets, const VirtualService& service, bool more);
    void index_slot(const DestSlot& now, const DestSlot& before);
    void count(const SlotSays& says, bool more);

    Services services_;
    Slots slots_;
    FamilySets<Ipv4> ipv4_;
    FamilySets<Ipv6> ipv6_;
};

}  // namespace shunt
