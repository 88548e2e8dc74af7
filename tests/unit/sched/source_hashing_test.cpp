// SPDX-License-Identifier: BSD-3-Clause
#include "sched/source_hashing.h"

#include <map>

#include "sched/buckets.h"
#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::repeat;
using test::SchedulerBench;

const char* const clients[]{"10.0.0.2", "10.0.0.3", "198.51.100.7", "203.0.113.200"};

std::string chosen(SchedulerBench& sh, std::uint16_t port = 0) {
    std::string names;
    for (const char* client : clients) names += sh.from(client, port).peek();
    return names;
}

using Shares = std::map<char, int>;

std::uint32_t bucket_of(const char* address, std::uint32_t port = 0) {
    return hash_bucket(parse_address(address).value().visit([](const auto& a) { return fold(a); }) +
                       port);
}

TEST(SourceHashing, GoldenBuckets) {
    const std::map<const char*, std::pair<std::uint32_t, std::uint32_t>> golden{
        {"10.0.0.2", {137, 45}},
        {"10.0.0.3", {235, 143}},
        {"198.51.100.7", {171, 79}},
        {"203.0.113.200", {52, 216}}};
    for (const auto& [client, bucket] : golden) {
        EXPECT_EQ(bucket_of(client), bucket.first) << client;
        EXPECT_EQ(bucket_of(client, 40000), bucket.second) << client;
    }
    EXPECT_EQ(bucket_of("2001:db8::1"), 63U);
    EXPECT_EQ(bucket_of("2001:db8::a0a0"), 19U);
}

TEST(SourceHashing, GoldenServers) {
    SchedulerBench equal("sh");
    equal.add('A', 1).add('B', 1).add('C', 1);
    EXPECT_EQ(chosen(equal), "ABCB");
    EXPECT_EQ(equal.shares(), (Shares{{'A', 85}, {'B', 85}, {'C', 86}}));
    SchedulerBench weighted("sh");
    weighted.add('A', 4).add('B', 3).add('C', 2);
    EXPECT_EQ(chosen(weighted), "BCCA");
    EXPECT_EQ(weighted.shares(), (Shares{{'A', 112}, {'B', 86}, {'C', 58}}));
}

TEST(SourceHashing, ThePortCountsWithItsFlagOnly) {
    SchedulerBench sh("sh");
    sh.add('A', 1).add('B', 1).add('C', 1);
    EXPECT_EQ(chosen(sh, 40000), "ABCB");
    sh.set(flag_port);
    // buckets 45, 143, 79, 216 of C B A C B A ...
    EXPECT_EQ(chosen(sh, 40000), "CABC");
}

TEST(SourceHashing, AServerOfWeightZeroHoldsABucketARound) {
    SchedulerBench sh("sh");
    sh.add('A', 2).add('B', 0);
    EXPECT_EQ(sh.buckets(), repeat("BAA", 86).substr(0, 256));
    EXPECT_EQ(sh.from("203.0.113.200").peek(), 'A');  // bucket 52
    EXPECT_EQ(sh.from("198.51.100.7").peek(), '-');   // bucket 171
}

TEST(SourceHashing, AWeightMayBeMoreThanTheBuckets) {
    SchedulerBench sh("sh");
    sh.add('A', 1).add('B', 2147483647);
    EXPECT_EQ(sh.shares(), (Shares{{'B', 256}}));
}

TEST(SourceHashing, OnlyTheFallbackLooksForAnotherServer) {
    for (const bool overloaded : {false, true}) {
        SchedulerBench strict("sh");
        SchedulerBench sh("sh");
        sh.set(flag_fallback);
        for (SchedulerBench* bench : {&strict, &sh}) {
            bench->add('A', 4).add('B', 3).add('C', 2);
            overloaded ? bench->overload('B') : bench->edit('B', 0);
        }
        const std::string names = sh.buckets();
        for (std::uint32_t client = 0x0A000001; client < 0x0A000040; ++client) {
            const std::uint32_t h = hash_bucket(client);
            const std::string address = to_string(IpAddress(Ipv4Address{Be32(client)}));
            EXPECT_EQ(strict.from(address.c_str()).peek(), names[h] == 'B' ? '-' : names[h]);
            char expected = names[h];
            for (std::uint32_t k = 0; expected == 'B'; ++k)
                expected = names[(h + (k + h) % 256) % 256];
            EXPECT_EQ(sh.from(address.c_str()).peek(), expected) << address;
        }
        overloaded ? sh.overload('A').overload('C') : sh.edit('A', 0).edit('C', 0);
        EXPECT_EQ(chosen(sh), "----");
    }
}

TEST(SourceHashing, AClientKeepsItsServer) {
    SchedulerBench sh("sh");
    sh.add('A', 4).add('B', 3).add('C', 2);
    const std::string first = chosen(sh);
    sh.load('A', 1000, 5);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(chosen(sh), first);
}

TEST(SourceHashing, WithoutServersNobodyIsChosen) {
    SchedulerBench sh("sh");
    sh.set(flag_fallback);
    EXPECT_EQ(chosen(sh), "----");
}

}  // namespace
}  // namespace shunt
