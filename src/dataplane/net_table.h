// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Links, addresses, routes and neighbours of one moment, as the workers need them: immutable, made
// by NetTableBuilder on the control thread (from netlink, or from the configuration), read by all
// workers between two RCU quiescent states.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/id.h"
#include "conn/conn.h"
#include "net/tuple.h"

struct rte_rib;
struct rte_rib6;

namespace shunt {

class SourceChooser;

/// A link-layer next hop, ready to be written before a packet.
struct alignas(32) NextHop {
    /// Destination, source, then a VLAN tag if any, then the EtherType of the family.
    std::array<std::byte, 18> l2{};
    std::uint8_t l2_length = 0;  ///< 14, or 18 with a VLAN tag
    PortId port;
};

/// One kernel interface that stands for a port or for a VLAN on it.
struct NetInterface {
    int ifindex = 0;  ///< the kernel's number; any number unique in the table for a static one
    PortId port;
    std::uint16_t vlan = 0;  ///< 0: untagged
    MacAddress mac;
    std::uint16_t mtu = 1500;
    std::string name;
    std::vector<IpAddress> addresses{};  ///< of the host, as learnt; filled in by the builder
};

/// The answer to 'which way to this address?'.
template <class F>
struct Route {
    enum class Kind : std::uint8_t { unreachable, local, via };
    Kind kind = Kind::unreachable;
    int ifindex = 0;                ///< of the outgoing interface
    typename F::Address gateway{};  ///< whose link address is needed: a router, or the target
    typename F::Address source{};   ///< the host's address on that way; unspecified if none
    std::uint16_t mtu = 0;          ///< largest network-layer packet on that way
};

/// What a forwarded packet needs to know of the way to an address.
struct WayAhead {
    enum class Kind : std::uint8_t {
        unreachable,
        local,  ///< the other end is this host
        via,
    };
    Kind kind = Kind::unreachable;
    bool by_flow = false;                 ///< another flow may have another next hop
    NextHopIndex next_hop = no_next_hop;  ///< none while its link address is not known
    /// The largest packet that goes on whole, as it comes in; 0 for a tunnel whose way is too
    /// narrow for any packet (ipvs-behaviour 1.11).
    std::uint16_t fits = 0;
};

class NetTable {
  public:
    ~NetTable();
    NetTable(const NetTable&) = delete;
    NetTable& operator=(const NetTable&) = delete;

    /// Longest-prefix match over all tables at once; a local address wins over a route of the same
    /// prefix. `flow_hash` chooses among the next hops of a multipath route, by weight and its high
    /// bits, the same for the same hash. An IPv6 link-local destination that more than one
    /// interface may mean is unreachable here; who knows the interface asks next_hop() directly.
    template <class F>
    [[nodiscard]] Route<F> route(const typename F::Address& destination,
                                 std::uint32_t flow_hash) const noexcept;

    /// The same, as far as it concerns forwarding. `flow_hash`: a function, asked when there are
    /// several next hops.
    template <class F, class Hash>
    [[nodiscard]] WayAhead way_ahead(const typename F::Address& destination,
                                     Hash&& flow_hash) const noexcept {
        const RouteEntry* entry = find<F>(destination);
        if (entry == nullptr) return {};
        if (entry->local) return {.kind = WayAhead::Kind::local};
        if (entry->hops.empty()) return {};
        const bool several = entry->hops.size() > 1;
        const Hop& hop = several ? entry->choose(flow_hash()) : entry->hops.front();
        return {.kind = WayAhead::Kind::via,
                .by_flow = several,
                .next_hop = hop.gateway ? hop.next_hop : next_hop<F>(hop.ifindex, destination),
                .fits = hop.mtu};
    }

    /// Has the host itself this address?
    template <class F>
    [[nodiscard]] bool is_local(const typename F::Address& address) const noexcept {
        const RouteEntry* entry = find<F>(address);
        return entry != nullptr && entry->local;
    }

    /// The neighbour `address` on an interface, or no_next_hop while its link address is not known.
    template <class F>
    [[nodiscard]] NextHopIndex next_hop(int ifindex,
                                        const typename F::Address& address) const noexcept;

    [[nodiscard]] std::span<const NextHop> next_hops() const noexcept { return next_hops_; }
    [[nodiscard]] const NextHop& operator[](NextHopIndex i) const noexcept { return next_hops_[i]; }

    /// May a frame with this VLAN id and destination address be for the host's network layer? The
    /// address must be that of an interface on the port (macvlan children included).
    [[nodiscard]] bool accepts(PortId port, std::uint16_t vlan,
                               const MacAddress& destination) const noexcept;

    /// Sorted by ifindex.
    [[nodiscard]] const std::vector<NetInterface>& interfaces() const noexcept {
        return interfaces_;
    }
    /// Null when the table has no such interface.
    [[nodiscard]] const NetInterface* find_interface(int ifindex) const noexcept;

  private:
    friend class NetTableBuilder;
    NetTable() = default;

    struct Hop {
        int ifindex = 0;
        std::uint32_t weight = 1;
        std::optional<IpAddress> gateway;  ///< none: the target itself is on the link
        IpAddress source;
        std::uint16_t mtu = 0;
        NextHopIndex next_hop = no_next_hop;  ///< the gateway's
    };
    struct RouteEntry {
        bool local = false;
        std::vector<Hop> hops;  ///< empty and not local: unreachable
        std::uint32_t total_weight = 0;
        [[nodiscard]] const Hop& choose(std::uint32_t flow_hash) const noexcept;
    };
    template <class F>
    struct Neighbour {
        int ifindex;
        typename F::Address address;
        NextHopIndex next_hop;
    };
    /// Null: there is no route.
    template <class F>
    [[nodiscard]] const RouteEntry* find(const typename F::Address& destination) const noexcept;
    template <class F>
    [[nodiscard]] const std::vector<Neighbour<F>>& neighbours() const noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return neighbours_v4_;
        else
            return neighbours_v6_;
    }

    template <class F>
    [[nodiscard]] auto* rib() const noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return rib_v4_;
        else
            return rib_v6_;
    }

    std::vector<NetInterface> interfaces_;
    /// Port and VLAN, then the link address, of all interfaces; sorted.
    std::vector<std::pair<std::uint32_t, std::uint64_t>> accepted_;
    std::vector<RouteEntry> routes_;
    std::vector<NextHop> next_hops_;
    std::vector<Neighbour<Ipv4>> neighbours_v4_;  ///< sorted by (ifindex, address)
    std::vector<Neighbour<Ipv6>> neighbours_v6_;
    rte_rib* rib_v4_ = nullptr;
    rte_rib6* rib_v6_ = nullptr;
};

/// Collects what a provider knows, in any order, then builds the table. Thread: control.
class NetTableBuilder {
  public:
    struct Hop {
        int ifindex = 0;
        std::optional<IpAddress> gateway;
        std::uint32_t weight = 1;
    };

    void add_interface(NetInterface interface);
    /// A host address on an interface: the source for packets that the host makes itself.
    void add_address(int ifindex, const IpAddress& address, std::uint8_t prefix_length);
    /// Unicast route; hops over unknown interfaces are left out, and without any other hop the
    /// prefix is unreachable from the data plane. `source` is the preferred source, if any; without
    /// it the source is the first address of the outgoing interface whose network has the gateway
    /// (or the prefix), else its first, else the first of any interface, loopback excepted; IPv6
    /// link-local addresses are the source toward link-local ones, else the last choice.
    /// Of several routes or unreachable entries with one prefix the first counts. `mtu`: of the
    /// route, when it is to be smaller than that of its interfaces; 0: theirs.
    void add_route(const IpPrefix& prefix, std::vector<Hop> hops,
                   std::optional<IpAddress> source = {}, std::uint16_t mtu = 0);
    /// The host itself has the addresses of this prefix.
    void add_local(const IpPrefix& prefix);
    /// Blackhole, unreachable, prohibit.
    void add_unreachable(const IpPrefix& prefix);
    /// Neighbours on unknown interfaces are left out, and so are those beyond the 65,535th.
    void add_neighbour(int ifindex, const IpAddress& address, const MacAddress& mac);

    /// Null when DPDK has no memory for the route tables (about 0.4 kB a route). Needs a running
    /// EAL.
    [[nodiscard]] std::shared_ptr<const NetTable> build() const;

    /// A host address, kept public for the choice of sources in net_table.cpp.
    struct Address {
        int ifindex;
        IpAddress address;
        std::uint8_t prefix_length;
    };

  private:
    struct RouteSpec {
        IpPrefix prefix;
        enum class Kind : std::uint8_t { unicast, local, unreachable } kind;
        std::vector<Hop> hops;
        std::optional<IpAddress> source;
        std::uint16_t mtu = 0;
    };
    struct NeighbourSpec {
        int ifindex;
        IpAddress address;
        MacAddress mac;
    };
    template <class F>
    void build_neighbours(NetTable& table, std::vector<NetTable::Neighbour<F>>& out) const;
    /// Puts the local prefixes, or all others, into the table of a family; false: out of memory.
    template <class F>
    [[nodiscard]] bool build_routes(NetTable& table, SourceChooser& sources, bool local) const;
    /// Of a hop with a gateway; the neighbours are in the table already.
    [[nodiscard]] static NextHopIndex gateway_hop(const NetTable& table, const Hop& hop) noexcept;
    [[nodiscard]] static NetTable::RouteEntry make_entry(const NetTable& table,
                                                         const RouteSpec& spec,
                                                         SourceChooser& sources);
    static void merge_link_local(NetTable::RouteEntry& known, const NetTable::RouteEntry& more);

    std::vector<NetInterface> interfaces_;
    std::vector<Address> addresses_;
    std::vector<RouteSpec> routes_;
    std::vector<NeighbourSpec> neighbours_;
};

}  // namespace shunt
