// SPDX-License-Identifier: BSD-3-Clause
// The ends of tunnels as services and routes say them (ipvs-behaviour 1.14).
#include "dataplane/tunnel_table.h"

#include <gtest/gtest.h>

#include <random>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

constexpr L4Port gue_port{std::uint16_t{6080}};

TEST(TunnelOverhead, IsThatOfEachType) {
    struct Case {
        TunnelType type;
        TunnelChecksum checksum;
        int over_ipv4;
        int over_ipv6;
    };
    for (const Case& c : {Case{TunnelType::ipip, TunnelChecksum::none, 20, 40},
                          Case{TunnelType::ipip, TunnelChecksum::full, 20, 40},
                          Case{TunnelType::gue, TunnelChecksum::none, 32, 52},
                          Case{TunnelType::gue, TunnelChecksum::full, 32, 52},
                          Case{TunnelType::gue, TunnelChecksum::remote, 32, 52},
                          Case{TunnelType::gre, TunnelChecksum::none, 24, 44},
                          Case{TunnelType::gre, TunnelChecksum::remote, 24, 44},
                          Case{TunnelType::gre, TunnelChecksum::full, 28, 48}}) {
        const Tunnel tunnel{c.type, gue_port, c.checksum};
        EXPECT_EQ(tunnel_overhead(tunnel, Family::ipv4), c.over_ipv4);
        EXPECT_EQ(tunnel_overhead(tunnel, Family::ipv6), c.over_ipv6);
        EXPECT_LE(tunnel_overhead(tunnel, Family::ipv6), most_tunnel_overhead);
    }
}

class TunnelEndsOf : public ::testing::TestWithParam<Addresses> {
  protected:
    [[nodiscard]] TunnelEnds to(std::string_view server) const {
        return tunnel_ends({TunnelType::gue, gue_port, TunnelChecksum::full}, ip(server),
                           ip(a.vip).family(), *network.build());
    }
    [[nodiscard]] std::uint8_t bits() const { return static_cast<std::uint8_t>(ip(a.vip).bits()); }
    const Addresses& a = GetParam();
    NetTableBuilder network = links();
};
INSTANTIATE_TEST_SUITE_P(Families, TunnelEndsOf, ::testing::ValuesIn(families), family_name);

TEST_P(TunnelEndsOf, AServerOnTheLink) {
    const TunnelEnds ends = to(a.server);
    EXPECT_EQ(ends.source, ip(a.lan_self));
    EXPECT_EQ(ends.destination, ip(a.server));
    EXPECT_EQ(ends.tunnel, (Tunnel{TunnelType::gue, gue_port, TunnelChecksum::full}));
    EXPECT_EQ(ends.overhead, a.header + 12);
}

TEST_P(TunnelEndsOf, TheAddressSumIsThatOfBothAddresses) {
    const TunnelEnds ends = to(a.server);
    // A header with both addresses and nothing else; the builder has a checksum of its own.
    const Frame packet =
        network_part(PacketBuilder().ip(a.lan_self, a.server).ip_checksum(0).build());
    const std::size_t first = packet.size() == 20 ? 12 : 8;
    std::uint32_t sum = 0;
    for (std::size_t at = first; at < packet.size(); at += 2) sum += get16(packet, at);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    EXPECT_EQ(Be16::from_raw(ends.address_sum).value(), sum);
}

TEST_P(TunnelEndsOf, ThePreferredSourceOfARouteCounts) {
    network.add_route({ip(a.elsewhere), bits()}, {{lan_link, ip(a.server), 1}}, ip(a.wan_self));
    const TunnelEnds ends = to(a.elsewhere);
    EXPECT_EQ(ends.source, ip(a.wan_self));
    EXPECT_EQ(ends.destination, ip(a.elsewhere));
    EXPECT_NE(ends.overhead, 0);
}

TEST_P(TunnelEndsOf, NoneWithoutRouteToThisHostOrWithoutAnAddress) {
    EXPECT_EQ(to(a.elsewhere).overhead, 0);
    EXPECT_EQ(to(a.lan_self).overhead, 0);
    NetTableBuilder bare;
    bare.add_interface({lan_link, lan, 0, mac(lan_mac), 1500, "lan"});
    bare.add_route(parse_prefix(a.server_net).value(), {{lan_link, {}, 1}});
    network = bare;
    EXPECT_EQ(to(a.server).overhead, 0);
}

ServiceTable::DestSlot slot(std::string_view address, ForwardMethod forward, bool in_use = true) {
    return {.available = true,
            .weight = 1,
            .endpoint = {ip(address), L4Port(std::uint16_t{80})},
            .forward = forward,
            .tunnel = {TunnelType::gre, {}, TunnelChecksum::none},
            .virtual_address = ip(v4.vip),
            .in_use = in_use};
}

TEST(TunnelTable, HasTheTunnelsByServer) {
    ServiceTable::DestSlot removed = slot(v6.server2, ForwardMethod::tunnel);
    removed.available = false;
    const ServiceTable services(
        {},
        {slot(v4.server, ForwardMethod::nat), slot(v4.server, ForwardMethod::tunnel),
         slot(v4.server2, ForwardMethod::tunnel, false), slot(v6.server, ForwardMethod::tunnel),
         slot(v4.server, ForwardMethod::direct), removed, slot(v4.server2, ForwardMethod::nat)});
    const TunnelTable table(services, *links().build());
    const auto overhead = [&](std::uint32_t id) { return int{table[DestId(id)].overhead}; };
    EXPECT_EQ(overhead(0), 0);
    EXPECT_EQ(overhead(1), 24);
    EXPECT_EQ(overhead(2), 0) << "the slot is not in use";
    EXPECT_EQ(overhead(3), 44);
    EXPECT_EQ(overhead(4), 0);
    EXPECT_EQ(overhead(5), 44) << "removed, but connections may live";
    EXPECT_EQ(overhead(6), 0);
    EXPECT_EQ(table[DestId(1)].destination, ip(v4.server));
    EXPECT_EQ(table[DestId(3)].source, ip(v6.lan_self));
    EXPECT_EQ(table[DestId(5)].destination, ip(v6.server2));
}

TEST(TunnelTable, FollowsChangesOfServersOverOneNetwork) {
    const std::array<std::string_view, 4> hosts{v4.server, v6.server, v4.lan_self, v6.server2};
    constexpr std::array methods{ForwardMethod::nat, ForwardMethod::tunnel, ForwardMethod::direct};
    std::mt19937 random(5);
    const auto one_of = [&](const auto& all) { return all[random() % all.size()]; };
    ServiceTable::Slots slots;
    for (int i = 0; i < 200; ++i) slots.push_back({});
    Snapshot snapshot;
    snapshot.network = links().build();
    bool some_local = false;
    for (int round = 0; round < 300; ++round) {
        for (int i = 0; i < 3; ++i)
            slots.edit(random() % slots.size()) =
                random() % 2 == 0 ? DestSlot{}
                                  : slot(one_of(hosts), one_of(methods), random() % 3 > 0);
        const ServiceTable none;
        snapshot.services =
            std::make_shared<ServiceTable>(snapshot.services ? *snapshot.services : none,
                                           std::span<ServiceTable::Change>{}, slots);
        snapshot.derive();
        const TunnelTable expected(*snapshot.services, *snapshot.network);
        std::uint32_t local = 0;
        for (std::uint32_t i = 0; i < slots.size(); ++i) {
            const TunnelEnds& ends = (*snapshot.tunnels)[DestId(i)];
            ASSERT_EQ(ends.overhead, expected[DestId(i)].overhead) << i << " in round " << round;
            ASSERT_EQ(ends.destination, expected[DestId(i)].destination) << i;
            local += slots[i].in_use && slots[i].endpoint.address == ip(v4.lan_self) ? 1 : 0;
        }
        ASSERT_EQ(snapshot.derived.local_servers, local);
        ASSERT_EQ(snapshot.local_servers, local != 0);
        some_local |= local != 0;
        if (round == 150) snapshot.network = links().build();
    }
    EXPECT_TRUE(some_local);
}

TEST(TunnelTable, MayBeEmpty) {
    const TunnelTable table(ServiceTable(), *links().build());
    EXPECT_EQ(table[DestId(0)].overhead, 0);
    EXPECT_EQ(table[DestId(4'000'000'000)].overhead, 0);
}

}  // namespace
}  // namespace shunt
