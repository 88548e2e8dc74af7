// SPDX-License-Identifier: BSD-3-Clause
#include "sched/maglev.h"

#include <map>

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
    ASSERT_EQ(mh->most_servers(), 4093U);
    std::vector<RealServer> servers(4093);
    for (std::uint32_t i = 0; i < servers.size(); ++i)
        servers[i] = {.id = DestId(i),
                      .sequence = i,
                      .endpoint = {Ipv4Address{Be32(0x0A000001 + i)}, L4Port(std::uint16_t{80})}};
    auto buckets = mh->build(servers)->buckets;
    std::ranges::sort(buckets);
    for (std::size_t i = 0; i < buckets.size(); ++i) ASSERT_EQ(buckets[i], i);
}

}  // namespace
}  // namespace shunt
