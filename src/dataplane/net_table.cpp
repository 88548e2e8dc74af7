// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/net_table.h"

#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_rib.h>
#include <rte_rib6.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <map>
#include <tuple>

#include "net/headers.h"

namespace shunt {

namespace {

/// The same words for DPDK's two route tables.
template <class F>
struct Rib;

template <>
struct Rib<Ipv4> {
    using Table = rte_rib;
    using Node = rte_rib_node;
    static Table* create(const char* name, int nodes) noexcept {
        const rte_rib_conf conf{.ext_sz = 0, .max_nodes = nodes};
        return rte_rib_create(name, SOCKET_ID_ANY, &conf);
    }
    static Node* lookup(Table* t, const Ipv4Address& a) noexcept {
        return rte_rib_lookup(t, a.word.value());
    }
    static Node* exact(Table* t, const Ipv4Address& a, std::uint8_t length) noexcept {
        return rte_rib_lookup_exact(t, a.word.value(), length);
    }
    static Node* insert(Table* t, const Ipv4Address& a, std::uint8_t length) noexcept {
        return rte_rib_insert(t, a.word.value(), length);
    }
    static std::uint64_t value(const Node* node) noexcept {
        std::uint64_t v = 0;
        rte_rib_get_nh(node, &v);
        return v;
    }
    static void set_value(Node* node, std::uint64_t v) noexcept { rte_rib_set_nh(node, v); }
};

template <>
struct Rib<Ipv6> {
    using Table = rte_rib6;
    using Node = rte_rib6_node;
    static Table* create(const char* name, int nodes) noexcept {
        const rte_rib6_conf conf{.ext_sz = 0, .max_nodes = nodes};
        return rte_rib6_create(name, SOCKET_ID_ANY, &conf);
    }
    static Node* lookup(Table* t, const Ipv6Address& a) noexcept {
        return rte_rib6_lookup(t, a.bytes.data());
    }
    static Node* exact(Table* t, const Ipv6Address& a, std::uint8_t length) noexcept {
        return rte_rib6_lookup_exact(t, a.bytes.data(), length);
    }
    static Node* insert(Table* t, const Ipv6Address& a, std::uint8_t length) noexcept {
        return rte_rib6_insert(t, a.bytes.data(), length);
    }
    static std::uint64_t value(const Node* node) noexcept {
        std::uint64_t v = 0;
        rte_rib6_get_nh(node, &v);
        return v;
    }
    static void set_value(Node* node, std::uint64_t v) noexcept { rte_rib6_set_nh(node, v); }
};

/// DPDK finds route tables by name over the whole process, so each gets a name of its own.
template <class F>
typename Rib<F>::Table* make_rib(std::size_t routes) noexcept {
    static std::atomic<std::uint32_t> serial{0};
    char name[24];
    std::snprintf(name, sizeof name, "net%u_%u", static_cast<unsigned>(F::family),
                  serial.fetch_add(1, std::memory_order_relaxed));
    // An insertion may need a second node where two branches part.
    return Rib<F>::create(name, static_cast<int>(2 * routes + 1));
}

bool is_link_local(const IpAddress& a) noexcept {
    return a.visit([](const auto& v) { return v.is_link_local(); });
}

bool is_loopback(const IpAddress& a) noexcept {
    return a.visit([](const auto& v) { return v.is_loopback(); });
}

/// Whether the first `length` bits of two addresses of one family are the same.
bool same_network(const IpAddress& a, const IpAddress& b, std::uint8_t length) noexcept {
    return a.visit([&](const auto& first) {
        using Address = std::remove_cvref_t<decltype(first)>;
        std::array<std::uint8_t, sizeof(Address)> x;
        std::array<std::uint8_t, sizeof(Address)> y;
        std::memcpy(x.data(), &first, x.size());
        b.visit([&](const auto& second) {
            std::memcpy(y.data(), &second, std::min(sizeof second, y.size()));
        });
        const std::size_t whole = length / 8U;
        if (std::memcmp(x.data(), y.data(), whole) != 0) return false;
        const unsigned rest = length % 8U;
        return rest == 0 || ((x[whole] ^ y[whole]) >> (8U - rest)) == 0;
    });
}

std::uint32_t link_key(PortId port, std::uint16_t vlan) noexcept {
    return std::uint32_t{port.value()} << 16 | vlan;
}

NextHop make_next_hop(const NetInterface& interface, const MacAddress& mac, EtherType type) {
    NextHop hop{.port = interface.port};
    const auto append = [&hop](const auto& value) {
        std::memcpy(hop.l2.data() + hop.l2_length, &value, sizeof value);
        hop.l2_length = static_cast<std::uint8_t>(hop.l2_length + sizeof value);
    };
    append(mac);
    append(interface.mac);
    if (interface.vlan != 0) {
        append(Be16(static_cast<std::uint16_t>(EtherType::vlan)));
        append(Be16(interface.vlan));
    }
    append(Be16(static_cast<std::uint16_t>(type)));
    return hop;
}

}  // namespace

/// Picks the address that the host uses as source on a route without a preferred one.
class SourceChooser {
  public:
    explicit SourceChooser(const std::vector<NetTableBuilder::Address>& addresses)
        : addresses_(addresses) {}

    /// `toward` is the gateway, or the route's own prefix where there is none.
    IpAddress choose(int ifindex, const IpAddress& toward, bool to_link_local) {
        const auto [place, fresh] = known_.try_emplace({ifindex, toward, to_link_local});
        if (fresh) place->second = search(ifindex, toward, to_link_local);
        return place->second;
    }

  private:
    enum Rank : std::uint8_t { same_network_here, here, elsewhere, wrong_scope_here, unusable };

    static Rank rank(const NetTableBuilder::Address& a, int ifindex, const IpAddress& toward,
                     bool to_link_local) noexcept {
        if (a.address.family() != toward.family() || is_loopback(a.address)) return unusable;
        if (is_link_local(a.address) != to_link_local)
            return a.ifindex == ifindex ? wrong_scope_here : unusable;
        if (a.ifindex != ifindex) return to_link_local ? unusable : elsewhere;
        return same_network(a.address, toward, a.prefix_length) ? same_network_here : here;
    }

    IpAddress search(int ifindex, const IpAddress& toward, bool to_link_local) const noexcept {
        Rank best = unusable;
        IpAddress source;
        for (const auto& a : addresses_) {
            const Rank r = rank(a, ifindex, toward, to_link_local);
            if (r >= best) continue;
            best = r;
            source = a.address;
        }
        return source;
    }

    const std::vector<NetTableBuilder::Address>& addresses_;
    std::map<std::tuple<int, IpAddress, bool>, IpAddress> known_;
};

const NetTable::Hop& NetTable::RouteEntry::choose(std::uint32_t flow_hash) const noexcept {
    std::uint64_t point = (std::uint64_t{flow_hash} * total_weight) >> 32;
    for (const Hop& hop : hops) {
        if (point < hop.weight) return hop;
        point -= hop.weight;
    }
    return hops.back();
}

NetTable::~NetTable() {
    rte_rib_free(rib_v4_);
    rte_rib6_free(rib_v6_);
}

template <class F>
const NetTable::RouteEntry* NetTable::find(const typename F::Address& destination) const noexcept {
    const auto* node = Rib<F>::lookup(rib<F>(), destination);
    return node == nullptr ? nullptr : &routes_[Rib<F>::value(node)];
}

template <class F>
Route<F> NetTable::route(const typename F::Address& destination,
                         std::uint32_t flow_hash) const noexcept {
    using Kind = typename Route<F>::Kind;
    const RouteEntry* entry = find<F>(destination);
    if (entry == nullptr) return {};
    if (entry->local) return {.kind = Kind::local, .gateway = destination, .source = destination};
    if (entry->hops.empty()) return {};
    const Hop& hop = entry->choose(flow_hash);
    return {.kind = Kind::via,
            .ifindex = hop.ifindex,
            .gateway = hop.gateway ? F::of(*hop.gateway) : destination,
            .source = F::of(hop.source),
            .mtu = hop.mtu};
}

template <class F>
NextHopIndex NetTable::next_hop(int ifindex, const typename F::Address& address) const noexcept {
    const auto& all = neighbours<F>();
    const auto found = std::lower_bound(
        all.begin(), all.end(), std::tie(ifindex, address),
        [](const auto& n, const auto& key) { return std::tie(n.ifindex, n.address) < key; });
    return found != all.end() && found->ifindex == ifindex && found->address == address
               ? found->next_hop
               : no_next_hop;
}

bool NetTable::accepts(PortId port, std::uint16_t vlan,
                       const MacAddress& destination) const noexcept {
    return std::binary_search(accepted_.begin(), accepted_.end(),
                              std::pair(link_key(port, vlan), destination.number()));
}

const NetInterface* NetTable::find_interface(int ifindex) const noexcept {
    const auto found =
        std::lower_bound(interfaces_.begin(), interfaces_.end(), ifindex,
                         [](const NetInterface& i, int wanted) { return i.ifindex < wanted; });
    return found != interfaces_.end() && found->ifindex == ifindex ? &*found : nullptr;
}

template const NetTable::RouteEntry* NetTable::find<Ipv4>(const Ipv4Address&) const noexcept;
template const NetTable::RouteEntry* NetTable::find<Ipv6>(const Ipv6Address&) const noexcept;
template Route<Ipv4> NetTable::route<Ipv4>(const Ipv4Address&, std::uint32_t) const noexcept;
template Route<Ipv6> NetTable::route<Ipv6>(const Ipv6Address&, std::uint32_t) const noexcept;
template NextHopIndex NetTable::next_hop<Ipv4>(int, const Ipv4Address&) const noexcept;
template NextHopIndex NetTable::next_hop<Ipv6>(int, const Ipv6Address&) const noexcept;

void NetTableBuilder::add_interface(NetInterface interface) {
    interfaces_.push_back(std::move(interface));
}

void NetTableBuilder::add_address(int ifindex, const IpAddress& address,
                                  std::uint8_t prefix_length) {
    addresses_.push_back({ifindex, address, prefix_length});
}

void NetTableBuilder::add_route(const IpPrefix& prefix, std::vector<Hop> hops,
                                std::optional<IpAddress> source, std::uint16_t mtu) {
    routes_.push_back({prefix, RouteSpec::Kind::unicast, std::move(hops), source, mtu});
}

void NetTableBuilder::add_local(const IpPrefix& prefix) {
    routes_.push_back({prefix, RouteSpec::Kind::local, {}, {}, 0});
}

void NetTableBuilder::add_unreachable(const IpPrefix& prefix) {
    routes_.push_back({prefix, RouteSpec::Kind::unreachable, {}, {}, 0});
}

void NetTableBuilder::add_neighbour(int ifindex, const IpAddress& address, const MacAddress& mac) {
    neighbours_.push_back({ifindex, address, mac});
}

template <class F>
void NetTableBuilder::build_neighbours(NetTable& table,
                                       std::vector<NetTable::Neighbour<F>>& out) const {
    for (const NeighbourSpec& spec : neighbours_) {
        const NetInterface* interface = table.find_interface(spec.ifindex);
        if (spec.address.family() != F::family || interface == nullptr) continue;
        if (table.next_hops_.size() == no_next_hop) break;
        out.push_back({spec.ifindex, F::of(spec.address),
                       static_cast<NextHopIndex>(table.next_hops_.size())});
        table.next_hops_.push_back(make_next_hop(*interface, spec.mac, F::ether_type));
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
        return std::tie(a.ifindex, a.address) < std::tie(b.ifindex, b.address);
    });
}

NextHopIndex NetTableBuilder::gateway_hop(const NetTable& table, const Hop& hop) noexcept {
    const IpAddress& gateway = *hop.gateway;
    return gateway.family() == Family::ipv4 ? table.next_hop<Ipv4>(hop.ifindex, gateway.v4())
                                            : table.next_hop<Ipv6>(hop.ifindex, gateway.v6());
}

NetTable::RouteEntry NetTableBuilder::make_entry(const NetTable& table, const RouteSpec& spec,
                                                 SourceChooser& sources) {
    NetTable::RouteEntry entry;
    entry.local = spec.kind == RouteSpec::Kind::local;
    entry.hops.reserve(spec.hops.size());
    for (const Hop& hop : spec.hops) {
        const NetInterface* interface = table.find_interface(hop.ifindex);
        const bool usable = interface != nullptr &&
                            (!hop.gateway || hop.gateway->family() == spec.prefix.address.family());
        if (!usable) continue;
        const std::uint32_t weight = std::clamp<std::uint32_t>(hop.weight, 1, 0xFFFF);
        const IpAddress source =
            spec.source ? *spec.source
                        : sources.choose(hop.ifindex, hop.gateway.value_or(spec.prefix.address),
                                         is_link_local(spec.prefix.address));
        const auto mtu = spec.mtu == 0 ? interface->mtu : std::min(spec.mtu, interface->mtu);
        entry.hops.push_back({hop.ifindex, weight, hop.gateway, source, mtu,
                              hop.gateway ? gateway_hop(table, hop) : no_next_hop});
        entry.total_weight += weight;
    }
    return entry;
}

/// Two interfaces may both have fe80::/64; a bare link-local address then says neither.
void NetTableBuilder::merge_link_local(NetTable::RouteEntry& known,
                                       const NetTable::RouteEntry& more) {
    if (!known.local && !known.hops.empty() &&
        known.hops.front().ifindex != more.hops.front().ifindex)
        known.hops.clear();
}

template <class F>
bool NetTableBuilder::build_routes(NetTable& table, SourceChooser& sources, bool local) const {
    for (const RouteSpec& spec : routes_) {
        const bool spec_local = spec.kind == RouteSpec::Kind::local;
        if (spec.prefix.address.family() != F::family || spec_local != local) continue;
        NetTable::RouteEntry entry = make_entry(table, spec, sources);
        const auto& address = F::of(spec.prefix.address);
        const bool link_local = address.is_link_local() && spec.kind == RouteSpec::Kind::unicast;
        if (link_local && entry.hops.empty()) continue;
        if (auto* node = Rib<F>::insert(table.rib<F>(), address, spec.prefix.length)) {
            Rib<F>::set_value(node, table.routes_.size());
            table.routes_.push_back(std::move(entry));
        } else if (rte_errno != EEXIST) {
            return false;
        } else if (link_local) {
            auto* known = Rib<F>::exact(table.rib<F>(), address, spec.prefix.length);
            merge_link_local(table.routes_[Rib<F>::value(known)], entry);
        }
    }
    return true;
}

std::shared_ptr<const NetTable> NetTableBuilder::build() const {
    const std::shared_ptr<NetTable> table(new NetTable);
    table->interfaces_ = interfaces_;
    std::sort(table->interfaces_.begin(), table->interfaces_.end(),
              [](const auto& a, const auto& b) { return a.ifindex < b.ifindex; });
    for (NetInterface& i : table->interfaces_)
        for (const Address& a : addresses_)
            if (a.ifindex == i.ifindex) i.addresses.push_back(a.address);
    for (const NetInterface& i : interfaces_)
        table->accepted_.emplace_back(link_key(i.port, i.vlan), i.mac.number());
    std::sort(table->accepted_.begin(), table->accepted_.end());

    const auto v4 = static_cast<std::size_t>(std::count_if(
        routes_.begin(), routes_.end(),
        [](const RouteSpec& spec) { return spec.prefix.address.family() == Family::ipv4; }));
    table->rib_v4_ = make_rib<Ipv4>(v4);
    table->rib_v6_ = make_rib<Ipv6>(routes_.size() - v4);
    if (table->rib_v4_ == nullptr || table->rib_v6_ == nullptr) return nullptr;

    build_neighbours(*table, table->neighbours_v4_);
    build_neighbours(*table, table->neighbours_v6_);
    table->routes_.reserve(routes_.size());
    SourceChooser sources(addresses_);
    for (const bool local : {true, false})
        if (!build_routes<Ipv4>(*table, sources, local) ||
            !build_routes<Ipv6>(*table, sources, local))
            return nullptr;
    return table;
}

}  // namespace shunt
