// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/network/kernel_network.h"

#include <gtest/gtest.h>

#include "support/eal.h"

namespace shunt::ctl {
namespace {

constexpr MacAddress twin_mac{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress child_mac{{2, 0, 0, 0, 0, 2}};
using Kind = KernelNetwork::Route::Kind;

IpAddress ip(std::string_view text) {
    return parse_address(text).value();
}
IpPrefix net(std::string_view text) {
    return parse_prefix(text).value();
}

const std::vector<Twin> twins{{PortId(0), "wan"}, {PortId(1), "lan"}};

KernelNetwork two_twins() {
    KernelNetwork network;
    network.links = {{1, 0, 0, {}, 65535, "lo"},
                     {10, 0, 0, twin_mac, 1500, "wan"},
                     {11, 0, 0, twin_mac, 9000, "lan"},
                     {12, 0, 0, twin_mac, 1500, "eth0"}};
    return network;
}

TEST(KernelNetwork, OnlyTwinsAndTheirChildrenAreInterfaces) {
    KernelNetwork network = two_twins();
    network.links.push_back({13, 14, 0, child_mac, 1400, "vrrp"});  // over a VLAN that comes later
    network.links.push_back({14, 10, 100, twin_mac, 1400, "wan.100"});
    network.links.push_back({15, 14, 200, twin_mac, 1400, "two-tags"});
    network.links.push_back({16, 12, 0, child_mac, 1500, "not-ours"});
    network.links.push_back({17, 18, 0, child_mac, 1500, "ring"});
    network.links.push_back({18, 17, 0, child_mac, 1500, "ring2"});
    const auto table = make_table(network, twins);
    ASSERT_NE(table, nullptr);
    ASSERT_EQ(table->interfaces().size(), 4U);
    const NetInterface* vrrp = table->find_interface(13);
    ASSERT_NE(vrrp, nullptr);
    EXPECT_EQ(vrrp->port, PortId(0));
    EXPECT_EQ(vrrp->vlan, 100);
    EXPECT_EQ(vrrp->mac, child_mac);
    EXPECT_EQ(vrrp->mtu, 1400);
    EXPECT_EQ(table->find_interface(11)->port, PortId(1));
    EXPECT_TRUE(table->accepts(PortId(0), 100, child_mac));
    EXPECT_FALSE(table->accepts(PortId(0), 0, child_mac));
}

TEST(KernelNetwork, TheLowestMetricCountsWhateverTheOrder) {
    KernelNetwork network = two_twins();
    network.routes = {
        {Kind::unicast, true, 200, net("0.0.0.0/0"), {{10, ip("192.0.2.1"), 1}}, {}},
        {Kind::unicast, true, 100, net("0.0.0.0/0"), {{11, ip("198.51.100.1"), 1}}, {}},
        {Kind::unreachable, true, 300, net("0.0.0.0/0"), {}, {}}};
    const auto table = make_table(network, twins);
    EXPECT_EQ(table->route<Ipv4>(ip("203.0.113.1").v4(), 0).ifindex, 11);
}

TEST(KernelNetwork, TheLocalTableComesBeforeTheMainOne) {
    KernelNetwork network = two_twins();
    network.routes = {{Kind::unicast, true, 0, net("192.0.2.255/32"), {{10, {}, 1}}, {}},
                      {Kind::unreachable, false, 0, net("192.0.2.255/32"), {}, {}}};
    const auto table = make_table(network, twins);
    EXPECT_EQ(table->route<Ipv4>(ip("192.0.2.255").v4(), 0).kind, Route<Ipv4>::Kind::unreachable);
}

TEST(KernelNetwork, DeprecatedAddressesAreTheLastSources) {
    KernelNetwork network = two_twins();
    network.addresses = {{10, ip("2001:db8::1"), 64, true}, {10, ip("2001:db8::2"), 64, false}};
    network.routes = {{Kind::unicast, true, 256, net("2001:db8::/64"), {{10, {}, 1}}, {}}};
    const auto table = make_table(network, twins);
    EXPECT_EQ(table->route<Ipv6>(ip("2001:db8::9").v6(), 0).source, ip("2001:db8::2").v6());
}

TEST(KernelNetwork, StalenessMakesNoOtherNetwork) {
    KernelNetwork a = two_twins();
    a.neighbours = {{10, ip("192.0.2.9"), child_mac, false}};
    KernelNetwork b = a;
    b.neighbours[0].stale = true;
    EXPECT_EQ(a, b);
    b.neighbours[0].mac = twin_mac;
    EXPECT_NE(a, b);
}

}  // namespace
}  // namespace shunt::ctl
