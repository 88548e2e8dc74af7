// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The virtual services and real servers of one moment: immutable, shared by all workers, replaced
// as a whole. The control thread builds it; workers read it between two RCU quiescent states.
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "base/hash.h"
#include "base/time.h"
#include "net/tuple.h"
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

/// How long connections of a service live without a packet, where that is not as for all; zero: it
/// is.
struct ServiceTimeouts {
    Ticks tcp{};      ///< established
    Ticks tcp_fin{};  ///< in FIN_WAIT
    Ticks udp{};
    bool operator==(const ServiceTimeouts&) const noexcept = default;
};

struct VirtualService {
    ServiceKey key;
    const Scheduler* scheduler = nullptr;   ///< never null; lives as long as the process
    std::shared_ptr<SchedulerState> state;  ///< shared by all versions of this service
    bool one_packet = false;                ///< UDP: every datagram is scheduled anew
    std::optional<Persistence> persistence;
    SchedulerFlags scheduler_flags;
    std::vector<RealServer> servers;              ///< newest first
    std::shared_ptr<const SchedulerTable> table;  ///< Scheduler::build() of the servers
    std::shared_ptr<LoadCache> cache;             ///< of the servers; null: each is looked at

    /// The position of the server for a new connection, or nothing. Thread: any worker.
    [[nodiscard]] std::optional<std::size_t> choose(const Loads& loads,
                                                    const SchedulingKey& key) const noexcept {
        Candidates from{servers, loads, *state, table.get(), scheduler_flags};
        if (cache && loads.counts_changes()) from.cache = cache->of(loads.self());
        return scheduler->choose(from, key);
    }
};

class ServiceTable {
  public:
    /// One DestId slot: what an existing connection has to know about its real server.
    struct DestSlot {
        bool available = false;  ///< still in its service
        std::uint32_t weight = 0;
        Endpoint endpoint;
        ForwardMethod forward = ForwardMethod::nat;
        Tunnel tunnel;
        bool limited = false;  ///< has an upper threshold
        /// Of its service, which may be gone; of a service on a mark the unspecified one.
        IpAddress virtual_address;
        bool was_nat = false;  ///< connections from when `forward` was nat may live on
        bool in_use = false;   ///< the slot names a server, in its service or removed
        /// Connections may go to any port of the server, whatever its own (ipvs-behaviour 5.3).
        bool any_port = false;
        ServiceTimeouts timeouts{};  ///< of its service
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
               (sets<F>().any_port && reals.contains({address, L4Port{}, Protocol::none}));
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
        const auto at = callers.find({address, port, Protocol::none});
        return at == callers.end() ? nullptr : &at->second;
    }

    [[nodiscard]] const DestSlot& slot(DestId id) const noexcept { return slots_[id.value()]; }
    [[nodiscard]] std::span<const DestSlot> slots() const noexcept { return slots_; }
    [[nodiscard]] std::span<const std::shared_ptr<const VirtualService>> services() const noexcept {
        return services_;
    }

  private:
    template <class F>
    struct FamilyEndpoint {
        typename F::Address address;
        L4Port port;
        Protocol protocol = Protocol::none;
        bool operator==(const FamilyEndpoint&) const noexcept = default;
    };
    struct Hash {
        template <class T>
        std::size_t operator()(const T& value) const noexcept;
    };
    template <class F>
    struct FamilySets {
        boost::unordered_flat_map<FamilyEndpoint<F>, const VirtualService*, Hash> services;
        boost::unordered_flat_map<Mark, const VirtualService*, Hash> marked;
        boost::unordered_flat_set<typename F::Address, Hash> virtuals;
        boost::unordered_flat_set<FamilyEndpoint<F>, Hash> reals;
        boost::unordered_flat_set<typename F::Address, Hash> real_addresses;
        boost::unordered_flat_map<FamilyEndpoint<F>, Caller, Hash> callers;
        bool ftp = false;       ///< some TCP service is on port 21
        bool any_port = false;  ///< some real server takes every port
    };
    template <class F>
    [[nodiscard]] const FamilySets<F>& sets() const noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return ipv4_;
        else
            return ipv6_;
    }
    template <class F>
    void index(FamilySets<F>& sets);
    template <class F>
    static void index_callers(FamilySets<F>& sets, const VirtualService& service);

    std::vector<std::shared_ptr<const VirtualService>> services_;
    std::vector<DestSlot> slots_;
    FamilySets<Ipv4> ipv4_;
    FamilySets<Ipv6> ipv6_;
};

template <class T>
std::size_t ServiceTable::Hash::operator()(const T& value) const noexcept {
    return hash_of(value, 0);
}

}  // namespace shunt
