// SPDX-License-Identifier: BSD-3-Clause
#include "sched/destination_hashing.h"

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::SchedulerBench;

std::string chosen(SchedulerBench& dh) {
    std::string names;
    for (const char* address : {"10.0.0.2", "10.0.0.3", "198.51.100.7", "203.0.113.200"})
        names += dh.to(address).peek();
    return names;
}

TEST(DestinationHashing, BucketsGoRoundTheListWhateverTheWeights) {
    SchedulerBench dh("dh");
    EXPECT_EQ(chosen(dh), "----");
    dh.add('A', 100).add('B', 1).add('C', 7);
    EXPECT_EQ(chosen(dh), "ABCB");  // buckets 137, 235, 171, 52
    EXPECT_EQ(dh.buckets().size(), 256U);
}

TEST(DestinationHashing, TheClientDoesNotCount) {
    SchedulerBench dh("dh");
    dh.add('A', 1).add('B', 1).add('C', 1).to("10.0.0.2").set(flag_port);
    for (const char* client : {"10.0.0.2", "10.0.0.3", "203.0.113.200"})
        EXPECT_EQ(dh.from(client, 40000).peek(), 'A') << client;
}

TEST(DestinationHashing, NobodyTakesThePlaceOfAServer) {
    SchedulerBench dh("dh");
    dh.add('A', 1).add('B', 1).add('C', 1).set(flag_fallback);
    EXPECT_EQ(chosen(dh.edit('B', 0)), "A-C-");
    EXPECT_EQ(chosen(dh.overload('C')), "A---");
    EXPECT_EQ(chosen(dh.edit('B', 9).overload('C', false)), "ABCB");
}

}  // namespace
}  // namespace shunt
