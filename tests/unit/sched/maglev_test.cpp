// SPDX-License-Identifier: BSD-3-Clause
#include "sched/maglev.h"

#include <map>
#include <random>

#include "sched/siphash.h"
#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::SchedulerBench;

const char* const clients[]{"10.0.0.2", "10.0.0.3", "198.51.100.7", "203.0.113.200"};

std::string chosen(SchedulerBench& mh, std::uint16_t port = 0) {
    std::string names;
    for (const char* client : clients) names += mh.from(client, port).peek();
    return names;
}

using Shares = std::map<char, int>;

TEST(Maglev, GoldenTable) {
    SchedulerBench mh("mh");
    mh.add('A', 1).add('B', 1).add('C', 1);
    EXPECT_EQ(mh.buckets().substr(0, 10), "CAABCCCBAB");
    EXPECT_EQ(mh.shares(), (Shares{{'A', 1364}, {'B', 1364}, {'C', 1365}}));
}

TEST(Maglev, GoldenClients) {
    SchedulerBench mh("mh");
    mh.add('A', 1).add('B', 1).add('C', 1);
    EXPECT_EQ(chosen(mh), "CCAA");
    EXPECT_EQ(chosen(mh, 40000), "CCAA") << "the port does not count without its flag";
    mh.set(flag_port);
    EXPECT_EQ(chosen(mh, 40000), "AABB");
}

TEST(Maglev, GoldenBucketsOfIpv6Clients) {
    EXPECT_EQ(siphash13(fold(parse_address("2001:db8::1")->v6()), 2654435761U) % 4093, 3457U);
    EXPECT_EQ(siphash13(fold(parse_address("2001:db8::a0a0")->v6()), 2654435761U) % 4093, 2934U);
    SchedulerBench mh("mh");
    mh.add('A', 1).add('B', 1).add('C', 1);
    EXPECT_EQ(mh.from("2001:db8::1").peek(), mh.buckets()[3457]);
    EXPECT_EQ(mh.from("2001:db8::a0a0").peek(), mh.buckets()[2934]);
}

TEST(Maglev, GoldenSharesOfWeights) {
    SchedulerBench mh("mh");
    mh.add('A', 4).add('B', 3).add('C', 2);
    EXPECT_EQ(mh.shares(), (Shares{{'A', 1818}, {'B', 1365}, {'C', 910}}));
    SchedulerBench far("mh");
    far.add('A', 1000).add('B', 1);
    EXPECT_EQ(far.shares(), (Shares{{'A', 4028}, {'B', 65}}));
}

TEST(Maglev, AServerKeepsItsBucketsWhileItsWeightIsZero) {
    SchedulerBench mh("mh");
    mh.add('A', 4).add('B', 3).add('C', 2);
    const std::string before = mh.buckets();
    mh.edit('B', 0);
    EXPECT_EQ(mh.buckets(), before);
    mh.edit('B', 5);
    EXPECT_NE(mh.buckets(), before);
}

TEST(Maglev, AServerAddedWithWeightZeroHasNoBucket) {
    SchedulerBench mh("mh");
    mh.add('A', 0);
    EXPECT_TRUE(mh.buckets().empty());
    EXPECT_EQ(mh.from("10.0.0.2").peek(), '-');
    mh.add('B', 7);
    EXPECT_EQ(mh.shares(), (Shares{{'B', 4093}}));
}

TEST(Maglev, WithoutServersNobodyIsChosen) {
    SchedulerBench mh("mh");
    mh.set(flag_fallback);
    EXPECT_EQ(mh.from("10.0.0.2").peek(), '-');
}

TEST(Maglev, OnlyTheFallbackLooksForAnotherServer) {
    for (const bool overloaded : {false, true}) {
        SchedulerBench mh("mh");
        mh.add('A', 1).add('B', 1).add('C', 1);
        overloaded ? mh.overload('C') : mh.edit('C', 0);
        EXPECT_EQ(chosen(mh), "--AA");
        mh.set(flag_fallback);
        const std::string names = mh.buckets();
        for (std::uint32_t client = 0x0A000001; client < 0x0A000040; ++client) {
            // from its own bucket on, hashed again
            const std::uint32_t index = siphash13(client, 2654435761U) % 4093;
            char expected = names[index];
            for (std::uint32_t k = 0; expected == 'C'; ++k)
                expected = names[siphash13((index + k) % 4093 + client, 2654435761U) % 4093];
            const std::string address = to_string(IpAddress(Ipv4Address{Be32(client)}));
            EXPECT_EQ(mh.from(address.c_str()).peek(), expected) << address;
        }
        EXPECT_EQ(chosen(mh).substr(2), "AA") << "who has a server keeps it";
        overloaded ? mh.overload('A').overload('B') : mh.edit('A', 0).edit('B', 0);
        EXPECT_EQ(chosen(mh), "----");
    }
}

TEST(Maglev, HasRoomForAsManyServersAsBuckets) {
    const Scheduler* mh = find_scheduler("mh");
    ASSERT_EQ(mh->most_servers({}), 4093U);
    std::vector<RealServer> servers(4093);
    for (std::uint32_t i = 0; i < servers.size(); ++i)
        servers[i] = {.id = DestId(i),
                      .sequence = i,
                      .endpoint = {Ipv4Address{Be32(0x0A000001 + i)}, L4Port(std::uint16_t{80})}};
    auto buckets = mh->build(servers, {})->buckets;
    std::ranges::sort(buckets);
    for (std::size_t i = 0; i < buckets.size(); ++i) ASSERT_EQ(buckets[i], i);
}

/// Servers 10.0.0.1:80 and on, newest first, of weight 1.
std::vector<RealServer> many_servers(std::uint32_t count) {
    std::vector<RealServer> servers;
    for (std::uint32_t i = 0; i < count; ++i) {
        RealServer server{
            .id = DestId(i),
            .sequence = i + 1,
            .endpoint = {Ipv4Address{Be32(0x0A000001 + i)}, L4Port(std::uint16_t{80})}};
        servers.insert(servers.begin(), server);
    }
    return servers;
}

/// Of each bucket, by the server's number.
std::vector<std::uint32_t> owners(const std::vector<RealServer>& servers,
                                  const SchedulerOptions& options) {
    std::vector<std::uint32_t> owners;
    const auto table = find_scheduler("mh")->build(servers, options);
    for (const auto position : table->buckets) owners.push_back(servers.at(position).id.value());
    return owners;
}

SchedulerOptions of_size(std::uint32_t size, MaglevOrder order = MaglevOrder::added) {
    SchedulerOptions options;
    options.mh_size = size;
    options.mh_order = order;
    return options;
}

TEST(Maglev, TheTableHasTheSizeThatIsSet) {
    for (const auto size : maglev_sizes) {
        EXPECT_EQ(owners(many_servers(3), of_size(size)).size(), size);
        EXPECT_EQ(find_scheduler("mh")->most_servers(of_size(size)), std::min(size, 65535U));
    }
    EXPECT_EQ(maglev_sizes.at(4), SchedulerOptions().mh_size) << "as IPVS";
}

TEST(Maglev, LargerTablesTellMoreWeightsApart) {
    // Of 1000, which has 10 bits: 4 bits in 251 buckets, 6 in 4093, 8 in 131071.
    for (const auto& [size, turns] : {std::pair{251U, 15U}, {4093U, 62U}, {131071U, 250U}}) {
        auto servers = many_servers(2);
        servers[0].last_weight = 1000;
        std::uint32_t light = 0;
        for (const auto owner : owners(servers, of_size(size))) light += owner == 0 ? 1U : 0U;
        EXPECT_EQ(light, size / (turns + 1)) << size;
    }
}

/// The buckets that get another server when one of 100 goes, as a multiple of those that it had;
/// the worst of 20.
double disruption(const SchedulerOptions& options) {
    const auto servers = many_servers(100);
    const auto before = owners(servers, options);
    double worst = 0;
    for (std::uint32_t gone = 2; gone < 100; gone += 5) {
        auto rest = servers;
        std::erase_if(rest, [gone](const RealServer& s) { return s.id == DestId(gone); });
        const auto after = owners(rest, options);
        double moved = 0;
        for (std::size_t i = 0; i < before.size(); ++i) moved += before[i] != after[i] ? 1 : 0;
        const auto had = static_cast<double>(std::ranges::count(before, gone));
        worst = std::max(worst, moved / had);
    }
    return worst;
}

TEST(Maglev, FewClientsMoveWhenOneOfAHundredServersGoes) {
    EXPECT_LT(disruption(of_size(131071)), 1.5);
    EXPECT_LT(disruption(of_size(131071, MaglevOrder::address)), 1.5);
    // In smaller tables the rounds are fewer in which all servers have taken buckets.
    EXPECT_LT(disruption(of_size(65521)), 2);
    EXPECT_LT(disruption(of_size(4093)), 6);
    for (const auto size : maglev_sizes)
        RecordProperty("size" + std::to_string(size), std::to_string(disruption(of_size(size))));
}

TEST(Maglev, WeightsCountWithinAPercentInTheLargestTable) {
    auto servers = many_servers(100);
    double sum = 0;
    for (auto& server : servers) {
        server.last_weight = 1 + server.id.value() % 10;
        sum += server.last_weight;
    }
    std::map<std::uint32_t, double> buckets;
    for (const auto owner : owners(servers, of_size(131071))) ++buckets[owner];
    for (const auto& server : servers) {
        const double fair = 131071 * server.last_weight / sum;
        EXPECT_NEAR(buckets[server.id.value()], fair, 0.01 * fair) << server.id.value();
    }
}

TEST(Maglev, SoDoTheyForClients) {
    auto servers = many_servers(10);
    for (auto& server : servers) server.last_weight = 1 + server.id.value() % 4;
    const auto table = owners(servers, of_size(131071));
    constexpr std::uint32_t clients = 4'000'000;
    std::array<double, 10> taken{};
    for (std::uint32_t client = 0x0A000000; client < 0x0A000000 + clients; ++client)
        ++taken.at(table[siphash13(client, 2654435761U) % 131071]);
    for (const auto& server : servers) {
        const double fair = clients * (server.last_weight / 23.0);
        EXPECT_NEAR(taken.at(server.id.value()), fair, 0.01 * fair) << server.id.value();
    }
}

TEST(Maglev, ByAddressTheTableIsTheSameHoweverServersWereAdded) {
    auto servers = many_servers(100);
    for (auto& server : servers) server.last_weight = server.id.value() % 7;  // some of weight 0
    servers[3].weight = 0;                                                    // and one quiesced
    servers[5].endpoint.port = L4Port(std::uint16_t{79});  // falls together with another one
    servers[8].endpoint.address = parse_address("2001:db8::8").value();
    const auto by_address = of_size(4093, MaglevOrder::address);
    const auto first = owners(servers, by_address);
    const auto as_added = owners(servers, of_size(4093));
    std::mt19937 random(3);
    for (int i = 0; i < 50; ++i) {
        std::shuffle(servers.begin(), servers.end(), random);
        ASSERT_EQ(owners(servers, by_address), first) << i;
        EXPECT_NE(owners(servers, of_size(4093)), as_added) << "in IPVS it does matter";
    }
    servers[0].last_weight += 1;
    EXPECT_NE(owners(servers, by_address), first);
}

TEST(Maglev, AClientKeepsItsServer) {
    SchedulerBench mh("mh");
    mh.add('A', 4).add('B', 3).add('C', 2);
    const auto first = chosen(mh);
    mh.load('A', 1000, 5);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(chosen(mh), first);
    mh.edit('B', 0);
    const auto without = chosen(mh);
    for (std::size_t i = 0; i < first.size(); ++i)
        EXPECT_EQ(without[i], first[i] == 'B' ? '-' : first[i]);
    mh.edit('B', 3);
    EXPECT_EQ(chosen(mh), first);
}

}  // namespace
}  // namespace shunt
