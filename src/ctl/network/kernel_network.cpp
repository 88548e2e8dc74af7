// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/network/kernel_network.h"

#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <tuple>
#include <utility>

#include "ctl/network/netlink_socket.h"

namespace shunt::ctl {

namespace {

using Link = KernelNetwork::Link;
using Address = KernelNetwork::Address;
using Hop = KernelNetwork::Hop;
using Route = KernelNetwork::Route;
using Neighbour = KernelNetwork::Neighbour;

/// The attributes of a message by type. A view of the message.
template <std::size_t max>
class Attributes {
  public:
    /// Of a message with a header of type Header.
    template <class Header>
    static Attributes of(nlmsghdr& message) {
        Attributes a;
        a.good_ = nlmsg_parse(&message, sizeof(Header), a.list_.data(), max, nullptr) == 0;
        return a;
    }
    static Attributes nested(nlattr* outer) {
        Attributes a;
        a.good_ = outer != nullptr && nla_parse_nested(a.list_.data(), max, outer, nullptr) == 0;
        return a;
    }
    static Attributes in(nlattr* first, int bytes) {
        Attributes a;
        a.good_ = nla_parse(a.list_.data(), max, first, bytes, nullptr) == 0;
        return a;
    }

    [[nodiscard]] nlattr* operator[](int type) const {
        return good_ ? list_[static_cast<std::size_t>(type)] : nullptr;
    }
    [[nodiscard]] bool has(int type) const { return (*this)[type] != nullptr; }

    /// Nothing when there is none, or too short a one.
    template <class T>
    [[nodiscard]] std::optional<T> get(int type) const {
        const nlattr* a = (*this)[type];
        if (a == nullptr || nla_len(a) < static_cast<int>(sizeof(T))) return {};
        T value;
        std::memcpy(&value, nla_data(a), sizeof value);
        return value;
    }
    [[nodiscard]] std::optional<IpAddress> address(int type, int family) const {
        if (family == AF_INET)
            if (const auto a = get<Ipv4Address>(type)) return *a;
        if (family == AF_INET6)
            if (const auto a = get<Ipv6Address>(type)) return *a;
        return {};
    }
    [[nodiscard]] std::string_view text(int type) const {
        const nlattr* a = (*this)[type];
        if (a == nullptr) return {};
        const auto* data = static_cast<const char*>(nla_data(a));
        return {data, strnlen(data, static_cast<std::size_t>(nla_len(a)))};
    }

  private:
    std::array<nlattr*, max + 1> list_{};
    bool good_ = false;
};

void read_kind(const Attributes<IFLA_MAX>& a, Link& link) {
    if (a.has(IFLA_LINK_NETNSID)) return;
    const auto info = Attributes<IFLA_INFO_MAX>::nested(a[IFLA_LINKINFO]);
    const auto kind = info.text(IFLA_INFO_KIND);
    const int parent = a.get<int>(IFLA_LINK).value_or(0);
    if (kind == "macvlan") {
        link.parent = parent;
    } else if (kind == "vlan") {
        const auto vlan = Attributes<IFLA_VLAN_MAX>::nested(info[IFLA_INFO_DATA]);
        const auto protocol = vlan.get<Be16>(IFLA_VLAN_PROTOCOL);
        link.vlan = vlan.get<std::uint16_t>(IFLA_VLAN_ID).value_or(0);
        if (link.vlan != 0 && (!protocol || protocol->value() == ETH_P_8021Q)) link.parent = parent;
    }
}

std::optional<Link> parse_link(nlmsghdr& message) {
    const auto* header = static_cast<const ifinfomsg*>(nlmsg_data(&message));
    const auto a = Attributes<IFLA_MAX>::of<ifinfomsg>(message);
    Link link{.ifindex = header->ifi_index,
              .mac = a.get<MacAddress>(IFLA_ADDRESS).value_or(MacAddress{}),
              .name = std::string(a.text(IFLA_IFNAME))};
    link.mtu = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(a.get<std::uint32_t>(IFLA_MTU).value_or(0), 0xFFFF));
    read_kind(a, link);
    return link;
}

std::optional<Address> parse_address_message(nlmsghdr& message) {
    const auto* header = static_cast<const ifaddrmsg*>(nlmsg_data(&message));
    const auto a = Attributes<IFA_MAX>::of<ifaddrmsg>(message);
    // IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL, where there is one, is ours.
    const auto own = a.has(IFA_LOCAL) ? a.address(IFA_LOCAL, header->ifa_family)
                                      : a.address(IFA_ADDRESS, header->ifa_family);
    const auto flags = a.get<std::uint32_t>(IFA_FLAGS).value_or(header->ifa_flags);
    const bool passed = (flags & IFA_F_DADFAILED) == 0 &&
                        ((flags & IFA_F_TENTATIVE) == 0 || (flags & IFA_F_OPTIMISTIC) != 0);
    if (!own || !passed || header->ifa_scope == RT_SCOPE_HOST) return {};
    return Address{.ifindex = static_cast<int>(header->ifa_index),
                   .address = *own,
                   .prefix_length = header->ifa_prefixlen,
                   .deprecated = (flags & IFA_F_DEPRECATED) != 0};
}

/// The next hop that a route's own attributes say, or one of a multipath route's.
std::optional<Hop> parse_hop(const Attributes<RTA_MAX>& a, int family, int ifindex, unsigned flags,
                             std::uint32_t weight) {
    const bool usable = (flags & RTNH_F_DEAD) == 0 && !a.has(RTA_VIA) && !a.has(RTA_ENCAP);
    if (!usable) return {};
    return Hop{ifindex, a.address(RTA_GATEWAY, family), weight};
}

std::vector<Hop> parse_hops(const Attributes<RTA_MAX>& a, const rtmsg& header) {
    std::vector<Hop> hops;
    const auto keep = [&hops](std::optional<Hop> hop) {
        if (hop) hops.push_back(*hop);
    };
    if (a.has(RTA_OIF))
        keep(parse_hop(a, header.rtm_family, a.get<int>(RTA_OIF).value_or(0), header.rtm_flags, 1));
    if (!a.has(RTA_MULTIPATH)) return hops;
    auto* at = static_cast<char*>(nla_data(a[RTA_MULTIPATH]));
    auto left = static_cast<std::size_t>(nla_len(a[RTA_MULTIPATH]));
    for (rtnexthop one; left >= sizeof one;) {
        std::memcpy(&one, at, sizeof one);
        const std::size_t length = one.rtnh_len;
        if (length < sizeof one || length > left) break;
        const auto own = Attributes<RTA_MAX>::in(reinterpret_cast<nlattr*>(at + sizeof one),
                                                 static_cast<int>(length - sizeof one));
        keep(parse_hop(own, header.rtm_family, one.rtnh_ifindex, one.rtnh_flags,
                       one.rtnh_hops + 1U));
        const std::size_t step = std::min(left, NLMSG_ALIGN(length));
        at += step;
        left -= step;
    }
    return hops;
}

std::optional<Route::Kind> kind_of(unsigned char type) {
    switch (type) {
        case RTN_UNICAST:
            return Route::Kind::unicast;
        case RTN_LOCAL:
        case RTN_ANYCAST:
            return Route::Kind::local;
        case RTN_BROADCAST:
        case RTN_MULTICAST:
        case RTN_BLACKHOLE:
        case RTN_UNREACHABLE:
        case RTN_PROHIBIT:
        case RTN_THROW:
            return Route::Kind::unreachable;
        default:
            return {};
    }
}

std::uint16_t parse_mtu(const Attributes<RTA_MAX>& a) {
    const auto mtu =
        Attributes<RTAX_MAX>::nested(a[RTA_METRICS]).get<std::uint32_t>(RTAX_MTU).value_or(0);
    return mtu > 0xFFFF ? std::uint16_t{0} : static_cast<std::uint16_t>(mtu);
}

std::optional<Route> parse_route(nlmsghdr& message) {
    const auto* header = static_cast<const rtmsg*>(nlmsg_data(&message));
    const auto a = Attributes<RTA_MAX>::of<rtmsg>(message);
    const auto table = a.get<std::uint32_t>(RTA_TABLE).value_or(header->rtm_table);
    const auto kind = kind_of(header->rtm_type);
    const bool ours = (table == RT_TABLE_MAIN || table == RT_TABLE_LOCAL) && header->rtm_tos == 0 &&
                      header->rtm_src_len == 0 && (header->rtm_flags & RTM_F_CLONED) == 0;
    if (!kind || !ours) return {};
    const IpAddress everything =
        header->rtm_family == AF_INET ? IpAddress(Ipv4Address{}) : IpAddress(Ipv6Address{});
    Route route{.kind = *kind,
                .main_table = table == RT_TABLE_MAIN,
                .metric = a.get<std::uint32_t>(RTA_PRIORITY).value_or(0),
                .prefix = {a.address(RTA_DST, header->rtm_family).value_or(everything),
                           header->rtm_dst_len},
                .hops = {},
                .source = a.address(RTA_PREFSRC, header->rtm_family),
                .mtu = parse_mtu(a)};
    if (*kind == Route::Kind::unicast) route.hops = parse_hops(a, *header);
    return route;
}

std::optional<Neighbour> parse_neighbour(nlmsghdr& message) {
    constexpr unsigned valid =
        NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
    const auto* header = static_cast<const ndmsg*>(nlmsg_data(&message));
    const auto a = Attributes<NDA_MAX>::of<ndmsg>(message);
    const auto address = a.address(NDA_DST, header->ndm_family);
    const auto mac = a.get<MacAddress>(NDA_LLADDR);
    const bool usable = (header->ndm_state & valid) != 0 && (header->ndm_flags & NTF_PROXY) == 0;
    if (!address || !mac || mac->is_group() || !usable) return {};
    return Neighbour{header->ndm_ifindex, *address, *mac, (header->ndm_state & NUD_STALE) != 0};
}

template <class T>
std::vector<T> read(NetlinkSocket& socket, int request, int answer, std::size_t header,
                    std::optional<T> (*parse)(nlmsghdr&), std::initializer_list<int> families) {
    std::vector<T> all;
    for (const int family : families)
        socket.dump(request, family, [&](nlmsghdr& message) {
            if (message.nlmsg_type != answer || message.nlmsg_len < NLMSG_LENGTH(header)) return;
            if (auto one = parse(message)) all.push_back(*std::move(one));
        });
    return all;
}

/// Where frames of a link leave: a port, with a VLAN tag or without.
struct Place {
    PortId port;
    std::uint16_t vlan = 0;
};

const Link* find_link(const KernelNetwork& network, int ifindex) {
    const auto found = std::find_if(network.links.begin(), network.links.end(),
                                    [&](const Link& l) { return l.ifindex == ifindex; });
    return found != network.links.end() ? &*found : nullptr;
}

std::optional<Place> place_of(const Link& start, const KernelNetwork& network,
                              const std::vector<Twin>& twins) {
    constexpr int deepest = 8;
    Place place;
    const Link* link = &start;
    for (int depth = 0; link != nullptr && depth < deepest; ++depth) {
        for (const Twin& twin : twins) {
            if (twin.interface != link->name) continue;
            place.port = twin.port;
            return place;
        }
        if (link->parent == 0 || (link->vlan != 0 && place.vlan != 0)) return {};
        if (link->vlan != 0) place.vlan = link->vlan;
        link = find_link(network, link->parent);
    }
    return {};
}

void add_routes(const KernelNetwork& network, NetTableBuilder& builder) {
    std::vector<const Route*> ordered;
    ordered.reserve(network.routes.size());
    for (const Route& route : network.routes) ordered.push_back(&route);
    // Of one prefix the builder takes the first; so the kernel's choice has to come first.
    std::stable_sort(ordered.begin(), ordered.end(), [](const Route* a, const Route* b) {
        return std::tie(a->main_table, a->metric) < std::tie(b->main_table, b->metric);
    });
    for (const Route* route : ordered) {
        if (route->kind == Route::Kind::local) {
            builder.add_local(route->prefix);
        } else if (route->kind == Route::Kind::unreachable) {
            builder.add_unreachable(route->prefix);
        } else {
            std::vector<NetTableBuilder::Hop> hops;
            hops.reserve(route->hops.size());
            for (const Hop& h : route->hops) hops.push_back({h.ifindex, h.gateway, h.weight});
            builder.add_route(route->prefix, std::move(hops), route->source, route->mtu);
        }
    }
}

}  // namespace

std::vector<Link> read_links(NetlinkSocket& socket) {
    return read<Link>(socket, RTM_GETLINK, RTM_NEWLINK, sizeof(ifinfomsg), parse_link, {AF_UNSPEC});
}

std::vector<Address> read_addresses(NetlinkSocket& socket) {
    return read<Address>(socket, RTM_GETADDR, RTM_NEWADDR, sizeof(ifaddrmsg), parse_address_message,
                         {AF_INET, AF_INET6});
}

std::vector<Route> read_routes(NetlinkSocket& socket) {
    return read<Route>(socket, RTM_GETROUTE, RTM_NEWROUTE, sizeof(rtmsg), parse_route,
                       {AF_INET, AF_INET6});
}

std::vector<Neighbour> read_neighbours(NetlinkSocket& socket) {
    return read<Neighbour>(socket, RTM_GETNEIGH, RTM_NEWNEIGH, sizeof(ndmsg), parse_neighbour,
                           {AF_INET, AF_INET6});
}

std::shared_ptr<const NetTable> make_table(const KernelNetwork& network,
                                           const std::vector<Twin>& twins) {
    NetTableBuilder builder;
    for (const Link& link : network.links)
        if (const auto place = place_of(link, network, twins))
            builder.add_interface(
                {link.ifindex, place->port, place->vlan, link.mac, link.mtu, link.name});
    for (const bool deprecated : {false, true})
        for (const Address& a : network.addresses)
            if (a.deprecated == deprecated)
                builder.add_address(a.ifindex, a.address, a.prefix_length);
    add_routes(network, builder);
    for (const Neighbour& n : network.neighbours)
        builder.add_neighbour(n.ifindex, n.address, n.mac);
    return builder.build();
}

}  // namespace shunt::ctl
