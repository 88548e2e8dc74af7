// SPDX-License-Identifier: BSD-3-Clause
// Short measurements of every forwarding method: each packet is forwarded and comes out right, else
// they throw. What the figures are is not tested.
#include "bench/runs.h"

#include <gtest/gtest.h>

#include "support/methods.h"

namespace shunt::bench {
namespace {

Options quick(Family family, const Method& method) {
    Options options;
    options.family = family;
    options.method = method;
    options.direction = method.replies_come_back() ? Traffic::both : Traffic::in;
    options.flows = 500;
    options.seconds = 0.01;
    options.repeat = 1;
    return options;
}

class EveryMethod : public ::testing::TestWithParam<Method> {};
INSTANTIATE_TEST_SUITE_P(Methods, EveryMethod, ::testing::ValuesIn(every_method), method_name);

TEST_P(EveryMethod, ForwardsPacketsOfBothFamilies) {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Results results = measure_forward(quick(family, GetParam()), [](const auto&) {});
        ASSERT_EQ(results.runs.size(), 1U);
        EXPECT_GT(results.runs[0].forward.packets, 0U);
        EXPECT_GT(results.runs[0].limit.packets, 0U);
        EXPECT_EQ(results.packet_size, family == Family::ipv4 ? 64 : 78);
    }
}

TEST_P(EveryMethod, TakesTheLargestPacketWhole) {
    Options options = quick(Family::ipv6, GetParam());
    options.packet_size = 1518;
    EXPECT_GT(measure_forward(options, [](const auto&) {}).runs[0].forward.packets, 0U);
}

TEST(HandOff, TheWorkerThatReceivesGivesEveryPacketToTheOther) {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        Options options = quick(family, {});
        options.hand_off = true;
        const Results results = measure_forward(options, [](const auto&) {});
        EXPECT_GT(results.runs[0].forward.packets, 0U);
        EXPECT_GT(results.runs[0].receiver_share, 0.02);
        EXPECT_LT(results.runs[0].receiver_share, 0.98);
    }
}

TEST(FtpHelper, IsMeasuredAgainstItsAbsence) {
    Options options = quick(Family::ipv4, {});
    options.ftp = true;
    const Results results = measure_forward(options, [](const auto&) {});
    EXPECT_GT(results.runs[0].without_ftp.packets, 0U);
    EXPECT_GT(results.runs[0].forward.packets, 0U);
}

TEST(Memory, IsTheSumOfItsParts) {
    const Results results = measure_forward(quick(Family::ipv4, {}), [](const auto&) {});
    const Results::Memory& m = results.memory;
    EXPECT_GE(m.connections, 64);
    for (const double part : {m.buckets, m.timers, m.half_open}) EXPECT_GT(part, 0);
    EXPECT_NEAR(m.buckets + m.connections + m.timers + m.half_open, results.bytes_per_connection,
                1e-6);
}

}  // namespace
}  // namespace shunt::bench
