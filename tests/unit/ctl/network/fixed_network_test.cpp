// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/network/fixed_network.h"

#include <gtest/gtest.h>

#include "support/eal.h"

namespace shunt::ctl {
namespace {

constexpr MacAddress wan_mac{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress lan_mac{{2, 0, 0, 0, 0, 2}};
constexpr MacAddress peer_mac{{2, 0, 0, 0, 0, 9}};

IpAddress ip(std::string_view text) {
    return parse_address(text).value();
}
IpPrefix net(std::string_view text) {
    return parse_prefix(text).value();
}

const std::vector<FixedPort> ports{{"wan", PortId(0), wan_mac, 1500},
                                   {"lan", PortId(1), lan_mac, 9000}};

using Kind = Route<Ipv4>::Kind;

TEST(FixedNetwork, EveryPortIsAnInterfaceAlsoWithoutAnyKey) {
    const auto table = make_fixed_network({}, ports);
    ASSERT_EQ(table->interfaces().size(), 2U);
    const NetInterface* lan = table->find_interface(fixed_ifindex(PortId(1), 0));
    ASSERT_NE(lan, nullptr);
    EXPECT_EQ(lan->name, "lan");
    EXPECT_EQ(lan->mac, lan_mac);
    EXPECT_EQ(lan->mtu, 9000);
    EXPECT_TRUE(table->accepts(PortId(0), 0, wan_mac));
    EXPECT_FALSE(table->accepts(PortId(0), 100, wan_mac));
}

TEST(FixedNetwork, InterfaceNumbersAreApart) {
    EXPECT_EQ(fixed_ifindex(PortId(0), 0), 1);
    EXPECT_EQ(fixed_ifindex(PortId(0), 4094), 4095);
    EXPECT_EQ(fixed_ifindex(PortId(1), 0), 4097);
    EXPECT_EQ(fixed_ifindex(PortId(3), 100), 3 * 4096 + 101);
}

TEST(FixedNetwork, AnAddressIsLocalAndItsNetworkOnLink) {
    FixedNetwork network;
    network.addresses = {{"lan", ip("10.0.0.1"), 24, 0}, {"lan", ip("2001:db8::1"), 64, 0}};
    const auto table = make_fixed_network(network, ports);
    EXPECT_EQ(table->route<Ipv4>(ip("10.0.0.1").v4(), 0).kind, Kind::local);
    const auto route = table->route<Ipv4>(ip("10.0.0.77").v4(), 0);
    EXPECT_EQ(route.kind, Kind::via);
    EXPECT_EQ(route.ifindex, fixed_ifindex(PortId(1), 0));
    EXPECT_EQ(route.gateway, ip("10.0.0.77").v4());
    EXPECT_EQ(route.source, ip("10.0.0.1").v4());
    EXPECT_EQ(table->route<Ipv4>(ip("10.0.1.1").v4(), 0).kind, Kind::unreachable);
    const auto six = table->route<Ipv6>(ip("2001:db8::77").v6(), 0);
    EXPECT_EQ(six.kind, Route<Ipv6>::Kind::via);
    EXPECT_EQ(six.source, ip("2001:db8::1").v6());
}

TEST(FixedNetwork, AWholeAddressHasNoNetwork) {
    FixedNetwork network;
    network.addresses = {{"wan", ip("192.0.2.1"), 32, 0}};
    const auto table = make_fixed_network(network, ports);
    EXPECT_EQ(table->route<Ipv4>(ip("192.0.2.1").v4(), 0).kind, Kind::local);
    EXPECT_EQ(table->route<Ipv4>(ip("192.0.2.2").v4(), 0).kind, Kind::unreachable);
}

TEST(FixedNetwork, RoutesHaveGatewaysWeightsAndMayBeUnreachable) {
    FixedNetwork network;
    network.addresses = {{"wan", ip("192.0.2.1"), 24, 0}};
    network.routes = {
        {net("0.0.0.0/0"), {{"wan", ip("192.0.2.254"), 0, 3}, {"wan", ip("192.0.2.253"), 0, 1}}},
        {net("10.0.0.0/8"), {}}};
    const auto table = make_fixed_network(network, ports);
    const auto target = ip("203.0.113.1").v4();
    EXPECT_EQ(table->route<Ipv4>(target, 0).gateway, ip("192.0.2.254").v4());
    EXPECT_EQ(table->route<Ipv4>(target, 0xBFFFFFFF).gateway, ip("192.0.2.254").v4());
    EXPECT_EQ(table->route<Ipv4>(target, 0xC0000000).gateway, ip("192.0.2.253").v4());
    EXPECT_EQ(table->route<Ipv4>(target, 0).source, ip("192.0.2.1").v4());
    EXPECT_EQ(table->route<Ipv4>(ip("10.1.1.1").v4(), 0).kind, Kind::unreachable);
}

TEST(FixedNetwork, AWrittenRouteReplacesTheNetworkOfAnAddress) {
    FixedNetwork network;
    network.addresses = {{"wan", ip("192.0.2.1"), 24, 0}};
    network.routes = {{net("192.0.2.0/24"), {{"lan", {}, 0, 1}}}};
    const auto table = make_fixed_network(network, ports);
    EXPECT_EQ(table->route<Ipv4>(ip("192.0.2.9").v4(), 0).ifindex, fixed_ifindex(PortId(1), 0));
}

TEST(FixedNetwork, VlansAreInterfacesOfTheirOwn) {
    FixedNetwork network;
    network.addresses = {{"wan", ip("192.0.2.1"), 24, 100}};
    network.neighbours = {{"wan", ip("192.0.2.9"), peer_mac, 100}};
    const auto table = make_fixed_network(network, ports);
    const int vlan = fixed_ifindex(PortId(0), 100);
    ASSERT_NE(table->find_interface(vlan), nullptr);
    EXPECT_EQ(table->find_interface(vlan)->name, "wan.100");
    EXPECT_TRUE(table->accepts(PortId(0), 100, wan_mac));
    EXPECT_EQ(table->route<Ipv4>(ip("192.0.2.9").v4(), 0).ifindex, vlan);
    const auto hop = table->next_hop<Ipv4>(vlan, ip("192.0.2.9").v4());
    ASSERT_NE(hop, no_next_hop);
    EXPECT_EQ((*table)[hop].l2_length, 18);
    EXPECT_EQ((*table)[hop].l2[15], std::byte{100});
    EXPECT_EQ(table->next_hop<Ipv4>(fixed_ifindex(PortId(0), 0), ip("192.0.2.9").v4()),
              no_next_hop);
}

TEST(FixedNetwork, AnUnknownPortIsRefusedByName) {
    FixedNetwork network;
    network.neighbours = {{"dmz", ip("192.0.2.9"), peer_mac, 0}};
    try {
        (void)make_fixed_network(network, ports);
        FAIL() << "accepted";
    } catch (const ConfigError& error) {
        EXPECT_STREQ(error.what(), "network: port \"dmz\" is not among the ports");
    }
}

}  // namespace
}  // namespace shunt::ctl
