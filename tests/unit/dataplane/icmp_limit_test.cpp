// SPDX-License-Identifier: BSD-3-Clause
// Token buckets for ICMP errors (ipvs-behaviour 1.22).
#include "dataplane/icmp_limit.h"

#include <gtest/gtest.h>

#include <vector>

namespace shunt {
namespace {

constexpr std::uint64_t seed = 0x5EED;
constexpr std::uint64_t second = 1000;
constexpr std::uint64_t day = 86'400 * second;

IpAddress host(std::uint32_t number) {
    return Ipv4Address{Be32(0x0A000000U + number)};
}
IpAddress host6(std::uint8_t number) {
    Ipv6Address address;
    address.bytes = {0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number};
    return address;
}

/// How many of `tries` errors at one moment are allowed.
int allowed(IcmpLimit& limit, const IpAddress& to, std::uint64_t now, const Tunables& tunables,
            int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += limit.allow(to, now, tunables) ? 1 : 0;
    return count;
}

TEST(IcmpLimit, OneHostGetsSixAtOnceThenOneASecond) {
    IcmpLimit limit(seed);
    const Tunables standard;
    for (const auto& to : {host(1), host6(1)}) {
        EXPECT_EQ(allowed(limit, to, day, standard, 10), 6);
        EXPECT_EQ(allowed(limit, to, day + 999, standard, 10), 0);
        EXPECT_EQ(allowed(limit, to, day + 1000, standard, 10), 1);
        EXPECT_EQ(allowed(limit, to, day + 3500, standard, 10), 2);
        EXPECT_EQ(allowed(limit, to, day + 4000, standard, 10), 1) << "half a second was left over";
        EXPECT_EQ(allowed(limit, to, 2 * day, standard, 10), 6) << "never more than a burst";
    }
}

TEST(IcmpLimit, HostsDoNotDisturbOneAnother) {
    IcmpLimit limit(seed);
    const Tunables standard;
    EXPECT_EQ(allowed(limit, host(1), day, standard, 10), 6);
    EXPECT_EQ(allowed(limit, host(2), day, standard, 10), 6);
    EXPECT_EQ(allowed(limit, host6(1), day, standard, 10), 6);
    Ipv6Address compatible;  // ::10.0.0.1
    compatible.bytes[12] = 10;
    compatible.bytes[15] = 1;
    EXPECT_EQ(allowed(limit, compatible, day, standard, 10), 6);
    EXPECT_EQ(allowed(limit, host(1), day, standard, 10), 0);
}

TEST(IcmpLimit, TheTimeBetweenErrorsToOneHostIsTunable) {
    Tunables tunables;
    tunables.icmp_ratelimit = 7;
    IcmpLimit limit(seed);
    EXPECT_EQ(allowed(limit, host(1), day, tunables, 10), 6);
    EXPECT_EQ(allowed(limit, host(1), day + 6, tunables, 10), 0);
    EXPECT_EQ(allowed(limit, host(1), day + 7, tunables, 10), 1);
    tunables.icmp_ratelimit = 600'000;
    EXPECT_EQ(allowed(limit, host(2), day, tunables, 10), 6) << "a new host has a full bucket";
    EXPECT_EQ(allowed(limit, host(2), day + 599'999, tunables, 10), 0);
    EXPECT_EQ(allowed(limit, host(2), day + 600'000, tunables, 10), 1);
}

TEST(IcmpLimit, WithoutALimitForHostsOnlyThatOfAllCounts) {
    Tunables tunables;
    tunables.icmp_ratelimit = 0;
    IcmpLimit limit(seed);
    EXPECT_EQ(allowed(limit, host(1), day, tunables, 100), 50);
}

TEST(IcmpLimit, AllHostsTogetherGetABurstThenSoManyASecond) {
    IcmpLimit limit(seed);
    Tunables tunables;
    const auto from_many = [&](std::uint64_t now, std::uint32_t first) {
        int count = 0;
        for (std::uint32_t i = 0; i < 200; ++i)
            count += limit.allow(host(first + i), now, tunables) ? 1 : 0;
        return count;
    };
    EXPECT_EQ(from_many(day, 0), 50);
    EXPECT_EQ(from_many(day, 1000), 0);
    EXPECT_EQ(from_many(day + 1, 2000), 1);
    EXPECT_EQ(from_many(day + 30, 3000), 29);
    EXPECT_EQ(from_many(day + second, 4000), 50) << "never more than a burst";
    tunables.icmp_msgs_burst = 3;
    EXPECT_EQ(from_many(2 * day, 5000), 3);
}

TEST(IcmpLimit, LessThanOneErrorAMillisecondAddsUp) {
    Tunables tunables;
    tunables.icmp_ratelimit = 0;
    tunables.icmp_msgs_per_sec = 3;
    tunables.icmp_msgs_burst = 1;
    IcmpLimit limit(seed);
    EXPECT_TRUE(limit.allow(host(1), day, tunables));
    int count = 0;
    for (std::uint64_t passed = 1; passed <= 10 * second; ++passed)
        count += limit.allow(host(1), day + passed, tunables) ? 1 : 0;
    EXPECT_NEAR(count, 30, 1);
}

TEST(IcmpLimit, WithoutALimitForAllOnlyHostsCount) {
    Tunables tunables;
    tunables.icmp_msgs_per_sec = 0;
    IcmpLimit limit(seed);
    for (std::uint32_t i = 0; i < 100; ++i)
        EXPECT_EQ(allowed(limit, host(i), day, tunables, 10), 6) << i;
}

TEST(IcmpLimit, WithoutAnyEverythingGoes) {
    Tunables tunables;
    tunables.icmp_msgs_per_sec = 0;
    tunables.icmp_ratelimit = 0;
    IcmpLimit limit(seed);
    EXPECT_EQ(allowed(limit, host(1), 0, tunables, 1000), 1000);
}

TEST(IcmpLimit, WhatOneLimitRefusesCostsNothingOfTheOther) {
    Tunables tunables;
    tunables.icmp_msgs_burst = 12;
    IcmpLimit limit(seed);
    EXPECT_EQ(allowed(limit, host(1), day, tunables, 100), 6);
    EXPECT_EQ(allowed(limit, host(2), day, tunables, 100), 6);
    EXPECT_EQ(allowed(limit, host(3), day, tunables, 100), 0);
    EXPECT_EQ(allowed(limit, host(3), day + 500, tunables, 100), 6);
}

TEST(IcmpLimit, AFullSetGivesUpTheHostThatWasUsedLongestAgo) {
    Tunables tunables;
    tunables.icmp_msgs_per_sec = 0;
    IcmpLimit limit(seed);
    std::vector<IpAddress> neighbours{host(1)};
    for (std::uint32_t i = 2; neighbours.size() <= IcmpLimit::ways; ++i)
        if (limit.set_of(host(i)) == limit.set_of(host(1))) neighbours.push_back(host(i));
    for (std::size_t i = 0; i < IcmpLimit::ways; ++i)
        EXPECT_EQ(allowed(limit, neighbours[i], day + i, tunables, 10), 6);
    EXPECT_EQ(allowed(limit, neighbours[0], day + 10, tunables, 10), 0);  // used just now
    EXPECT_EQ(allowed(limit, neighbours[4], day + 11, tunables, 10), 6);
    EXPECT_EQ(allowed(limit, neighbours[0], day + 12, tunables, 10), 0);
    EXPECT_EQ(allowed(limit, neighbours[2], day + 12, tunables, 10), 0);
    EXPECT_EQ(allowed(limit, neighbours[3], day + 12, tunables, 10), 0);
    EXPECT_EQ(allowed(limit, neighbours[1], day + 13, tunables, 10), 6) << "forgotten";
}

TEST(IcmpLimit, WhichHostsShareASetHangsOnTheSeed) {
    const IcmpLimit one(1);
    const IcmpLimit two(2);
    int same = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) same += one.set_of(host(i)) == two.set_of(host(i));
    EXPECT_LT(same, 30);
}

}  // namespace
}  // namespace shunt
