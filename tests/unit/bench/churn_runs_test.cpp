// SPDX-License-Identifier: BSD-3-Clause
// Short measurements of whole connections by every forwarding method: each packet is forwarded and
// comes out right, each SYN makes a connection, and ended ones expire, else they throw.
#include "bench/churn_runs.h"

#include <gtest/gtest.h>

#include "bench/churn_source.h"
#include "support/methods.h"

namespace shunt::bench {
namespace {

constexpr std::uint32_t flows = ChurnSource<Ipv4>::least_flows + 5;

ChurnResults measured(Family family, const Method& method, bool reuse_ports) {
    Options options;
    options.command = Options::Command::churn;
    options.family = family;
    options.method = method;
    options.scheduler = "wlc";
    options.flows = flows;
    options.seconds = 0.01;
    options.repeat = 2;
    options.reuse_ports = reuse_ports;
    return measure_churn(options, [](const auto&) {});
}

class ChurnOfMethod : public ::testing::TestWithParam<Method> {};
INSTANTIATE_TEST_SUITE_P(Methods, ChurnOfMethod, ::testing::ValuesIn(every_method), method_name);

TEST_P(ChurnOfMethod, ConnectionsExpireAsFastAsTheyBegin) {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const ChurnResults results = measured(family, GetParam(), false);
        ASSERT_EQ(results.runs.size(), 2U);
        EXPECT_EQ(results.packets_per_connection, GetParam().replies_come_back() ? 8U : 5U);
        EXPECT_GT(results.runs[1].churn.packets, 0U);
        EXPECT_GT(results.expired, flows / 2);
        // In flight, and about as many in TIME_WAIT or FIN_WAIT.
        EXPECT_GT(results.connections, flows * 3 / 2);
        EXPECT_LT(results.connections, flows * 17 / 8);
        EXPECT_GT(results.simulated_seconds_per_second, 1);
    }
}

TEST(Churn, APortThatIsUsedAgainTakesThePlaceOfItsConnection) {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const ChurnResults results = measured(family, {}, true);
        EXPECT_LE(results.connections, flows);
        EXPECT_GT(results.expired, flows / 2);
    }
}

}  // namespace
}  // namespace shunt::bench
