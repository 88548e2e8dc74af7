// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the kernel knows about the network, as values read by netlink dumps, and the table that the
// workers get of it. Thread: control.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "dataplane/net_table.h"

namespace shunt::ctl {

class NetlinkSocket;

/// Which port a kernel interface stands for.
struct Twin {
    PortId port;
    std::string interface;
};

/// Values compare equal when the same table comes of them.
struct KernelNetwork {
    struct Link {
        int ifindex = 0;
        int parent = 0;          ///< of a VLAN or macvlan child in the same namespace, else 0
        std::uint16_t vlan = 0;  ///< of an 802.1Q child
        MacAddress mac;
        std::uint16_t mtu = 0;
        std::string name;
        bool operator==(const Link&) const = default;
    };
    struct Address {
        int ifindex = 0;
        IpAddress address;
        std::uint8_t prefix_length = 0;
        bool deprecated = false;  ///< a source for nothing new
        bool operator==(const Address&) const = default;
    };
    struct Hop {
        int ifindex = 0;
        std::optional<IpAddress> gateway;
        std::uint32_t weight = 1;
        bool operator==(const Hop&) const = default;
    };
    struct Route {
        enum class Kind : std::uint8_t { unicast, local, unreachable };
        Kind kind = Kind::unreachable;
        bool main_table = false;  ///< else the local one, which the kernel asks first
        std::uint32_t metric = 0;
        IpPrefix prefix;
        std::vector<Hop> hops;
        std::optional<IpAddress> source;
        std::uint16_t mtu = 0;  ///< of the route; 0: that of its links
        bool operator==(const Route&) const = default;
    };
    struct Neighbour {
        int ifindex = 0;
        IpAddress address;
        MacAddress mac;
        bool stale = false;  ///< right, but not confirmed of late
        bool operator==(const Neighbour& o) const {
            return ifindex == o.ifindex && address == o.address && mac == o.mac;
        }
    };

    std::vector<Link> links;
    std::vector<Address> addresses;
    std::vector<Route> routes;
    std::vector<Neighbour> neighbours;
    bool operator==(const KernelNetwork&) const = default;
};

// The kernel's present state, in its order; they throw as NetlinkSocket does.
[[nodiscard]] std::vector<KernelNetwork::Link> read_links(NetlinkSocket& socket);
/// Without those of host scope and those that duplicate detection has not passed yet.
[[nodiscard]] std::vector<KernelNetwork::Address> read_addresses(NetlinkSocket& socket);
/// Of the tables main and local, without dead next hops, those with encapsulation, and IPv4 ones
/// over an IPv6 router. Broadcast and multicast are unreachable, anycast is local.
[[nodiscard]] std::vector<KernelNetwork::Route> read_routes(NetlinkSocket& socket);
/// Those whose link address may be used.
[[nodiscard]] std::vector<KernelNetwork::Neighbour> read_neighbours(NetlinkSocket& socket);

/// The table has the twins that exist, and their VLAN (802.1Q, one tag) and macvlan children at any
/// depth. Null when there is no memory for it.
[[nodiscard]] std::shared_ptr<const NetTable> make_table(const KernelNetwork& network,
                                                         const std::vector<Twin>& twins);

}  // namespace shunt::ctl
