// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/network/fixed_network.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace shunt::ctl {

namespace {

/// Names interfaces by port and VLAN, and adds each to the table when it is first named.
class Interfaces {
  public:
    Interfaces(const std::vector<FixedPort>& ports, NetTableBuilder& builder)
        : ports_(ports), builder_(builder) {
        for (const FixedPort& port : ports) require(port, 0);
    }

    int ifindex(const std::string& port_name, std::uint16_t vlan) {
        const auto port = std::find_if(ports_.begin(), ports_.end(), [&](const FixedPort& known) {
            return known.name == port_name;
        });
        if (port == ports_.end())
            throw ConfigError("network: port \"" + port_name + "\" is not among the ports");
        return require(*port, vlan);
    }

  private:
    int require(const FixedPort& port, std::uint16_t vlan) {
        const int number = fixed_ifindex(port.id, vlan);
        if (known_.insert(number).second)
            builder_.add_interface(
                {number, port.id, vlan, port.mac, port.mtu,
                 vlan == 0 ? port.name : port.name + '.' + std::to_string(vlan)});
        return number;
    }

    const std::vector<FixedPort>& ports_;
    NetTableBuilder& builder_;
    std::set<int> known_;
};

void add_address(const FixedNetwork::Address& a, Interfaces& interfaces, NetTableBuilder& builder) {
    const int ifindex = interfaces.ifindex(a.port, a.vlan);
    builder.add_address(ifindex, a.address, a.prefix_length);
    builder.add_local({a.address, static_cast<std::uint8_t>(a.address.bits())});
    builder.add_route({a.address, a.prefix_length}, {{ifindex, {}, 1}}, a.address);
}

void add_route(const FixedNetwork::Route& route, Interfaces& interfaces, NetTableBuilder& builder) {
    std::vector<NetTableBuilder::Hop> hops;
    hops.reserve(route.hops.size());
    for (const FixedNetwork::Hop& hop : route.hops)
        hops.push_back({interfaces.ifindex(hop.port, hop.vlan), hop.gateway, hop.weight});
    if (hops.empty())
        builder.add_unreachable(route.prefix);
    else
        builder.add_route(route.prefix, std::move(hops));
}

}  // namespace

std::shared_ptr<const NetTable> make_fixed_network(const FixedNetwork& network,
                                                   const std::vector<FixedPort>& ports) {
    NetTableBuilder builder;
    Interfaces interfaces(ports, builder);
    // Routes come first: of several entries with one prefix the first counts, and a written route
    // says more than the network of an address.
    for (const auto& route : network.routes) add_route(route, interfaces, builder);
    for (const auto& address : network.addresses) add_address(address, interfaces, builder);
    for (const auto& n : network.neighbours)
        builder.add_neighbour(interfaces.ifindex(n.port, n.vlan), n.address, n.mac);
    auto table = builder.build();
    if (table == nullptr) throw std::runtime_error("network: no memory for the route tables");
    return table;
}

}  // namespace shunt::ctl
