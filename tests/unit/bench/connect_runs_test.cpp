// SPDX-License-Identifier: BSD-3-Clause
// Short growths by every forwarding method: so many connections exist in the end as were asked for,
// and each SYN comes out right, else they throw. What the figures are is not tested.
#include "bench/connect_runs.h"

#include <gtest/gtest.h>

#include "support/methods.h"

namespace shunt::bench {
namespace {

Options quick(Family family, const Method& method, std::uint32_t flows) {
    Options options;
    options.command = Options::Command::connect;
    options.family = family;
    options.method = method;
    options.flows = flows;
    options.seconds = 0.01;
    options.repeat = 2;
    return options;
}

class ConnectByEveryMethod : public ::testing::TestWithParam<Method> {};
INSTANTIATE_TEST_SUITE_P(Methods, ConnectByEveryMethod, ::testing::ValuesIn(every_method),
                         method_name);

TEST_P(ConnectByEveryMethod, OpensConnectionsOfBothFamilies) {
    constexpr std::uint32_t flows = 3000;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const auto results = measure_connect(quick(family, GetParam(), flows), [](const auto&) {});
        ASSERT_EQ(results.runs.size(), 2U);
        EXPECT_EQ(results.packet_size, family == Family::ipv4 ? 64 : 78);
        EXPECT_GT(results.capacity, flows);
        // A connection and its timer at least.
        EXPECT_GT(results.table_bytes, flows * (family == Family::ipv4 ? 76U : 140U));
        for (const Growth& growth : results.runs) {
            EXPECT_EQ(growth.iterations.count(), 94U);  // bursts of 32
            EXPECT_GT(growth.cycles_per_connection, 1);
            EXPECT_GT(growth.middle_cycles, 1);
            EXPECT_GT(growth.limit.packets, 0U);
        }
    }
}

TEST(Connect, FewerConnectionsThanABurstAreOpenedOnce) {
    for (const std::uint32_t flows : {1U, 5U, 31U, 33U}) {
        const auto results =
            measure_connect(quick(Family::ipv4, Method{}, flows), [](const auto&) {});
        EXPECT_EQ(results.runs[0].iterations.count(), flows / 32 + 1) << flows;
    }
}

}  // namespace
}  // namespace shunt::bench
