// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/net_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>

#include "support/eal.h"

namespace shunt {
namespace {

constexpr MacAddress port_mac{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress child_mac{{2, 0, 0, 0, 0, 2}};
constexpr MacAddress peer_mac{{2, 0, 0, 0, 0, 0xEE}};
constexpr int eth = 7;
constexpr int tagged = 8;
constexpr int other = 3;

IpAddress ip(std::string_view text) {
    return parse_address(text).value();
}
Ipv4Address v4(std::string_view text) {
    return ip(text).v4();
}
Ipv6Address v6(std::string_view text) {
    return ip(text).v6();
}
IpPrefix net(std::string_view text) {
    return parse_prefix(text).value();
}

/// Two ports; the first has a VLAN interface too.
class NetTableTest : public ::testing::Test {
  protected:
    NetTableTest() {
        builder.add_interface({eth, PortId(0), 0, port_mac, 1500, "wan"});
        builder.add_interface({tagged, PortId(0), 100, port_mac, 1400, "wan.100"});
        builder.add_interface({other, PortId(1), 0, child_mac, 9000, "lan"});
    }

    [[nodiscard]] Route<Ipv4> route4(std::string_view to, std::uint32_t hash = 0) const {
        return table->route<Ipv4>(v4(to), hash);
    }
    [[nodiscard]] Route<Ipv6> route6(std::string_view to, std::uint32_t hash = 0) const {
        return table->route<Ipv6>(v6(to), hash);
    }
    void build() {
        table = builder.build();
        ASSERT_NE(table, nullptr);
    }

    NetTableBuilder builder;
    std::shared_ptr<const NetTable> table;
};

using Kind4 = Route<Ipv4>::Kind;
using Kind6 = Route<Ipv6>::Kind;

TEST_F(NetTableTest, EmptyTableReachesNothing) {
    table = NetTableBuilder().build();
    ASSERT_NE(table, nullptr);
    EXPECT_EQ(route4("192.0.2.1").kind, Kind4::unreachable);
    EXPECT_EQ(route6("2001:db8::1").kind, Kind6::unreachable);
    EXPECT_EQ(table->next_hop<Ipv4>(eth, v4("192.0.2.1")), no_next_hop);
    EXPECT_FALSE(table->accepts(PortId(0), 0, port_mac));
    EXPECT_EQ(table->find_interface(eth), nullptr);
}

TEST_F(NetTableTest, TheLongestPrefixWins) {
    builder.add_address(eth, ip("192.0.2.1"), 24);
    builder.add_route(net("0.0.0.0/0"), {{eth, ip("192.0.2.254"), 1}});
    builder.add_route(net("10.0.0.0/8"), {{eth, ip("192.0.2.253"), 1}});
    builder.add_route(net("10.1.0.0/16"), {{other, {}, 1}});
    builder.add_route(net("10.1.2.3/32"), {{tagged, ip("192.0.2.7"), 1}});
    builder.add_unreachable(net("10.2.0.0/16"));
    build();

    const auto everything = route4("198.51.100.1");
    EXPECT_EQ(everything.kind, Kind4::via);
    EXPECT_EQ(everything.ifindex, eth);
    EXPECT_EQ(everything.gateway, v4("192.0.2.254"));
    EXPECT_EQ(everything.source, v4("192.0.2.1"));
    EXPECT_EQ(route4("10.255.0.1").gateway, v4("192.0.2.253"));
    EXPECT_EQ(route4("10.1.9.9").ifindex, other);
    EXPECT_EQ(route4("10.1.9.9").gateway, v4("10.1.9.9")) << "on the link: the target itself";
    EXPECT_EQ(route4("10.1.2.3").ifindex, tagged);
    EXPECT_EQ(route4("10.2.0.1").kind, Kind4::unreachable);
}

TEST_F(NetTableTest, TheWayAheadIsTheRouteWithItsNextHop) {
    builder.add_address(eth, ip("192.0.2.1"), 24);
    builder.add_route(net("0.0.0.0/0"), {{eth, ip("192.0.2.254"), 1}});
    builder.add_route(net("10.0.0.0/8"), {{tagged, ip("192.0.2.253"), 1}});
    builder.add_route(net("10.1.0.0/16"), {{other, {}, 1}});
    builder.add_route(net("10.3.0.0/16"), {{eth, ip("192.0.2.254"), 1}, {other, {}, 1}});
    builder.add_unreachable(net("10.2.0.0/16"));
    builder.add_local(net("192.0.2.1/32"));
    builder.add_neighbour(eth, ip("192.0.2.254"), peer_mac);
    builder.add_neighbour(other, ip("10.1.0.9"), child_mac);
    build();

    unsigned asked = 0;
    const auto way = [&](std::string_view to, std::uint32_t hash = 0) {
        return table->way_ahead<Ipv4>(v4(to), [&] { return ++asked, hash; });
    };
    for (const char* to : {"198.51.100.1", "10.9.9.9", "10.1.0.9", "10.1.0.8"}) {
        const auto route = route4(to);
        EXPECT_EQ(way(to).kind, WayAhead::Kind::via) << to;
        EXPECT_EQ(way(to).fits, route.mtu) << to;
        EXPECT_EQ(way(to).next_hop, table->next_hop<Ipv4>(route.ifindex, route.gateway)) << to;
        EXPECT_FALSE(way(to).by_flow) << to;
    }
    EXPECT_NE(way("198.51.100.1").next_hop, no_next_hop);
    EXPECT_NE(way("10.1.0.9").next_hop, no_next_hop);
    EXPECT_EQ(way("10.9.9.9").next_hop, no_next_hop) << "its gateway is not known";
    EXPECT_EQ(way("10.2.0.1").kind, WayAhead::Kind::unreachable);
    EXPECT_EQ(way("192.0.2.1").kind, WayAhead::Kind::local);
    EXPECT_TRUE(table->is_local<Ipv4>(v4("192.0.2.1")));
    EXPECT_FALSE(table->is_local<Ipv4>(v4("192.0.2.2")));
    EXPECT_EQ(asked, 0U) << "the hash is for several next hops";
    for (const std::uint32_t hash : {0U, 0xFFFFFFFFU}) {
        const auto route = route4("10.3.0.1", hash);
        EXPECT_TRUE(way("10.3.0.1", hash).by_flow);
        EXPECT_EQ(way("10.3.0.1", hash).next_hop,
                  table->next_hop<Ipv4>(route.ifindex, route.gateway));
    }
    EXPECT_NE(way("10.3.0.1", 0).fits, way("10.3.0.1", 0xFFFFFFFF).fits);
}

TEST_F(NetTableTest, SixIsTheSame) {
    builder.add_address(eth, ip("2001:db8:1::1"), 64);
    builder.add_route(net("::/0"), {{eth, ip("fe80::1"), 1}});
    builder.add_route(net("2001:db8:1::/64"), {{eth, {}, 1}});
    builder.add_local(net("2001:db8:1::1/128"));
    builder.add_unreachable(net("2001:db8:bad::/48"));
    build();

    const auto everything = route6("2a00::1");
    EXPECT_EQ(everything.kind, Kind6::via);
    EXPECT_EQ(everything.gateway, v6("fe80::1"));
    EXPECT_EQ(everything.source, v6("2001:db8:1::1"));
    EXPECT_EQ(route6("2001:db8:1::9").gateway, v6("2001:db8:1::9"));
    EXPECT_EQ(route6("2001:db8:1::1").kind, Kind6::local);
    EXPECT_EQ(route6("2001:db8:bad::1").kind, Kind6::unreachable);
    EXPECT_EQ(table->route<Ipv4>(v4("192.0.2.1"), 0).kind, Kind4::unreachable);
}

TEST_F(NetTableTest, LocalWinsOverARouteOfTheSamePrefix) {
    builder.add_route(net("192.0.2.1/32"), {{eth, ip("192.0.2.254"), 1}});
    builder.add_local(net("192.0.2.1/32"));
    build();
    EXPECT_EQ(route4("192.0.2.1").kind, Kind4::local);
    EXPECT_EQ(route4("192.0.2.1").source, v4("192.0.2.1"));
}

TEST_F(NetTableTest, OfRoutesWithOnePrefixTheFirstCounts) {
    builder.add_route(net("10.0.0.0/8"), {{eth, ip("192.0.2.1"), 1}});
    builder.add_route(net("10.0.0.0/8"), {{eth, ip("192.0.2.2"), 1}});
    builder.add_unreachable(net("10.0.0.0/8"));
    build();
    EXPECT_EQ(route4("10.0.0.1").gateway, v4("192.0.2.1"));
}

TEST_F(NetTableTest, ARouteOverUnknownInterfacesIsUnreachable) {
    builder.add_route(net("0.0.0.0/0"), {{eth, ip("192.0.2.1"), 1}});
    builder.add_route(net("10.0.0.0/8"), {{99, ip("192.0.2.2"), 1}});
    builder.add_route(net("11.0.0.0/8"), {{99, ip("192.0.2.2"), 50}, {eth, ip("192.0.2.3"), 1}});
    build();
    EXPECT_EQ(route4("10.0.0.1").kind, Kind4::unreachable) << "not by the default route";
    for (const std::uint32_t hash : {0U, 0x80000000U, 0xFFFFFFFFU})
        EXPECT_EQ(route4("11.0.0.1", hash).gateway, v4("192.0.2.3"));
}

TEST_F(NetTableTest, HopsAreChosenByWeightAndSteadily) {
    builder.add_route(
        net("10.0.0.0/8"),
        {{eth, ip("192.0.2.1"), 5}, {eth, ip("192.0.2.2"), 3}, {other, ip("198.51.100.3"), 2}});
    build();
    std::map<Ipv4Address, int> hits;
    constexpr std::uint32_t steps = 1000;
    for (std::uint32_t i = 0; i < steps; ++i) {
        const std::uint32_t hash = i * (0xFFFFFFFFU / steps) + 1;
        const auto route = route4("10.0.0.1", hash);
        EXPECT_EQ(route.gateway, route4("10.200.0.1", hash).gateway);
        ++hits[route.gateway];
    }
    EXPECT_NEAR(hits[v4("192.0.2.1")], 500, 2);
    EXPECT_NEAR(hits[v4("192.0.2.2")], 300, 2);
    EXPECT_NEAR(hits[v4("198.51.100.3")], 200, 2);
    EXPECT_EQ(route4("10.0.0.1", 0xFFFFFFFFU).ifindex, other);
}

TEST_F(NetTableTest, TheSourceIsThePreferredOne) {
    builder.add_address(eth, ip("192.0.2.1"), 24);
    builder.add_route(net("10.0.0.0/8"), {{eth, ip("192.0.2.254"), 1}}, ip("203.0.113.5"));
    build();
    EXPECT_EQ(route4("10.0.0.1").source, v4("203.0.113.5"));
}

TEST_F(NetTableTest, OtherwiseTheSourceIsNearTheGateway) {
    builder.add_address(1, ip("127.0.0.1"), 8);
    builder.add_address(eth, ip("198.51.100.1"), 24);
    builder.add_address(eth, ip("192.0.2.1"), 24);
    builder.add_address(eth, ip("192.0.2.2"), 24);
    builder.add_route(net("10.0.0.0/8"), {{eth, ip("192.0.2.254"), 1}});
    builder.add_route(net("11.0.0.0/8"), {{eth, ip("203.0.113.254"), 1}});
    builder.add_route(net("192.0.2.0/24"), {{eth, {}, 1}});
    builder.add_route(net("12.0.0.0/8"), {{other, ip("203.0.113.254"), 1}});
    build();
    EXPECT_EQ(route4("10.0.0.1").source, v4("192.0.2.1")) << "the gateway's network";
    EXPECT_EQ(route4("192.0.2.77").source, v4("192.0.2.1")) << "the prefix's network";
    EXPECT_EQ(route4("11.0.0.1").source, v4("198.51.100.1")) << "the first of the interface";
    EXPECT_EQ(route4("12.0.0.1").source, v4("198.51.100.1")) << "any but loopback";
}

TEST_F(NetTableTest, LinkLocalSourcesAreForLinkLocalTargets) {
    builder.add_address(eth, ip("fe80::7"), 64);
    builder.add_address(eth, ip("2001:db8::7"), 64);
    builder.add_route(net("::/0"), {{eth, ip("fe80::1"), 1}});
    builder.add_route(net("fe80::/64"), {{eth, {}, 1}});
    build();
    EXPECT_EQ(route6("2a00::1").source, v6("2001:db8::7"));
    EXPECT_EQ(route6("fe80::1").source, v6("fe80::7"));
    EXPECT_EQ(route6("fe80::1").ifindex, eth);
}

TEST_F(NetTableTest, ALinkLocalTargetOfTwoInterfacesIsUnreachable) {
    builder.add_route(net("fe80::/64"), {{eth, {}, 1}});
    builder.add_route(net("fe80::/64"), {{other, {}, 1}});
    builder.add_neighbour(other, ip("fe80::1"), peer_mac);
    build();
    EXPECT_EQ(route6("fe80::1").kind, Kind6::unreachable);
    EXPECT_NE(table->next_hop<Ipv6>(other, v6("fe80::1")), no_next_hop) << "with the interface";
    EXPECT_EQ(table->next_hop<Ipv6>(eth, v6("fe80::1")), no_next_hop);
}

TEST_F(NetTableTest, ANextHopIsReadyToBeWritten) {
    builder.add_neighbour(eth, ip("192.0.2.9"), peer_mac);
    builder.add_neighbour(eth, ip("2001:db8::9"), peer_mac);
    builder.add_neighbour(99, ip("192.0.2.10"), peer_mac);
    build();
    const auto index = table->next_hop<Ipv4>(eth, v4("192.0.2.9"));
    ASSERT_NE(index, no_next_hop);
    const NextHop& hop = (*table)[index];
    const std::array<std::uint8_t, 14> frame{2, 0, 0, 0, 0, 0xEE, 2, 0, 0, 0, 0, 1, 8, 0};
    ASSERT_EQ(hop.l2_length, 14);
    EXPECT_EQ(std::memcmp(hop.l2.data(), frame.data(), 14), 0);
    EXPECT_EQ(hop.port, PortId(0));

    const auto six = table->next_hop<Ipv6>(eth, v6("2001:db8::9"));
    ASSERT_NE(six, no_next_hop);
    EXPECT_EQ((*table)[six].l2[12], std::byte{0x86});
    EXPECT_EQ((*table)[six].l2[13], std::byte{0xDD});
    EXPECT_EQ(table->next_hop<Ipv4>(other, v4("192.0.2.9")), no_next_hop) << "other interface";
    EXPECT_EQ(table->next_hop<Ipv4>(eth, v4("192.0.2.8")), no_next_hop) << "other address";
    EXPECT_EQ(table->next_hop<Ipv4>(99, v4("192.0.2.10")), no_next_hop) << "unknown interface";
}

TEST_F(NetTableTest, ATaggedNextHopCarriesItsVlan) {
    builder.add_neighbour(tagged, ip("192.0.2.9"), peer_mac);
    build();
    const auto index = table->next_hop<Ipv4>(tagged, v4("192.0.2.9"));
    ASSERT_NE(index, no_next_hop);
    const NextHop& hop = (*table)[index];
    const std::array<std::uint8_t, 18> frame{2, 0, 0, 0,    0, 0xEE, 2,   0, 0,
                                             0, 0, 1, 0x81, 0, 0,    100, 8, 0};
    ASSERT_EQ(hop.l2_length, 18);
    EXPECT_EQ(std::memcmp(hop.l2.data(), frame.data(), 18), 0);
}

TEST_F(NetTableTest, ARouteCanBeNarrowerThanItsInterfaceButNotWider) {
    builder.add_route(net("10.8.0.0/16"), {{eth, {}, 1}}, {}, 1300);
    builder.add_route(net("10.9.0.0/16"), {{eth, {}, 1}}, {}, 9000);
    builder.add_route(net("10.10.0.0/16"), {{tagged, {}, 1}});
    build();
    EXPECT_EQ(table->route<Ipv4>(v4("10.8.0.1"), 0).mtu, 1300);
    EXPECT_EQ(table->route<Ipv4>(v4("10.9.0.1"), 0).mtu, 1500);
    EXPECT_EQ(table->route<Ipv4>(v4("10.10.0.1"), 0).mtu, 1400);
}

TEST_F(NetTableTest, EveryNeighbourIsFound) {
    for (std::uint32_t i = 5000; i > 0; --i)
        builder.add_neighbour(i % 2 == 0 ? eth : other, Ipv4Address{Be32(i * 7919)}, peer_mac);
    build();
    for (std::uint32_t i = 5000; i > 0; --i) {
        const auto index = table->next_hop<Ipv4>(i % 2 == 0 ? eth : other, {Be32(i * 7919)});
        ASSERT_NE(index, no_next_hop) << i;
        ASSERT_EQ((*table)[index].port, PortId(i % 2 == 0 ? 0 : 1)) << i;
    }
}

TEST_F(NetTableTest, NeighboursBeyondTheIndexAreLeftOut) {
    for (std::uint32_t i = 0; i < 65600; ++i)
        builder.add_neighbour(eth, Ipv4Address{Be32(i)}, peer_mac);
    build();
    EXPECT_EQ(table->next_hop<Ipv4>(eth, {Be32(65534)}), 65534);
    EXPECT_EQ(table->next_hop<Ipv4>(eth, {Be32(65535)}), no_next_hop);
    EXPECT_EQ(table->next_hop<Ipv4>(eth, {Be32(65599)}), no_next_hop);
}

TEST_F(NetTableTest, FramesAreAcceptedForAnyInterfaceOfThePort) {
    builder.add_interface({20, PortId(0), 0, child_mac, 1500, "vrrp"});
    build();
    EXPECT_TRUE(table->accepts(PortId(0), 0, port_mac));
    EXPECT_TRUE(table->accepts(PortId(0), 0, child_mac)) << "a macvlan child";
    EXPECT_TRUE(table->accepts(PortId(0), 100, port_mac));
    EXPECT_FALSE(table->accepts(PortId(0), 100, child_mac));
    EXPECT_FALSE(table->accepts(PortId(0), 101, port_mac)) << "a VLAN of nobody";
    EXPECT_FALSE(table->accepts(PortId(1), 0, port_mac)) << "another port's address";
    EXPECT_FALSE(table->accepts(PortId(0), 0, peer_mac));
}

TEST_F(NetTableTest, InterfacesAreSortedAndFound) {
    build();
    ASSERT_EQ(table->interfaces().size(), 3U);
    EXPECT_TRUE(std::is_sorted(
        table->interfaces().begin(), table->interfaces().end(),
        [](const NetInterface& a, const NetInterface& b) { return a.ifindex < b.ifindex; }));
    ASSERT_NE(table->find_interface(tagged), nullptr);
    EXPECT_EQ(table->find_interface(tagged)->name, "wan.100");
    EXPECT_EQ(table->find_interface(tagged)->vlan, 100);
    EXPECT_EQ(table->find_interface(4), nullptr);
}

TEST_F(NetTableTest, TenThousandRoutesAllAnswerAsALinearSearchDoes) {
    struct Known {
        std::uint32_t network;
        std::uint8_t length;
        std::uint32_t gateway;
    };
    std::vector<Known> all;
    std::uint32_t random = 12345;
    const auto next = [&random] { return random = random * 1664525U + 1013904223U; };
    for (std::uint32_t i = 0; i < 10000; ++i) {
        const auto length = static_cast<std::uint8_t>(8 + (next() >> 8) % 25);
        const std::uint32_t network = next() & ~static_cast<std::uint32_t>(0xFFFFFFFFULL >> length);
        all.push_back({network, length, 0xC0000200U + i});
        builder.add_route({Ipv4Address{Be32(network)}, length},
                          {{eth, Ipv4Address{Be32(0xC0000200U + i)}, 1}});
    }
    build();
    for (int i = 0; i < 2000; ++i) {
        // Near a known network more often than the whole address space would be.
        const std::uint32_t target = all[next() % all.size()].network + (next() & 0xFF);
        const Known* best = nullptr;
        for (const Known& k : all) {
            const bool inside = ((target ^ k.network) >> (32U - k.length)) == 0;
            if (inside && (best == nullptr || k.length > best->length)) best = &k;
        }
        const auto route = table->route<Ipv4>({Be32(target)}, 0);
        ASSERT_EQ(route.kind == Kind4::via, best != nullptr) << std::hex << target;
        ASSERT_EQ(route.gateway.word.value(), best != nullptr ? best->gateway : 0U);
    }
}

TEST_F(NetTableTest, ManyTablesMayLiveAtOnceAndGiveTheirMemoryBack) {
    builder.add_route(net("0.0.0.0/0"), {{eth, ip("192.0.2.254"), 1}});
    std::vector<std::shared_ptr<const NetTable>> living;
    for (int i = 0; i < 3000; ++i) {
        living.push_back(builder.build());
        ASSERT_NE(living.back(), nullptr) << i;
        if (living.size() > 20) living.erase(living.begin());
    }
    EXPECT_EQ(living.front()->route<Ipv4>(v4("192.0.2.1"), 0).gateway, v4("192.0.2.254"));
}

TEST_F(NetTableTest, WithoutMemoryThereIsNoTable) {
    NetTableBuilder large;
    for (std::uint32_t i = 0; i < 500000; ++i) large.add_local({Ipv4Address{Be32(i)}, 32});
    EXPECT_EQ(large.build(), nullptr);
    build();
    EXPECT_EQ(table->interfaces().size(), 3U);
}

}  // namespace
}  // namespace shunt
