// SPDX-License-Identifier: BSD-3-Clause
// Servers that have all the connections that they may have (ipvs-behaviour 2.11).
#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;

class Overloaded : public ::testing::TestWithParam<Addresses> {
  protected:
    Overloaded() {
        bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80),
                          {a.endpoint(a.server, 8080), a.endpoint(a.server2, 8080)});
    }
    void limit(std::size_t server, Thresholds thresholds) {
        bench.services[0].servers[server].thresholds = thresholds;
    }
    /// How many connections each server has after the clients' next ports came.
    std::string open(int clients) {
        for (; clients > 0; --clients) {
            bench.put(wan, from_client(a).tcp(next_port_++, 80, H::syn).build());
            bench.settle();
            static_cast<void>(bench.sent(lan));
            refused_ += bench.sent(wan).size();
        }
        return std::to_string(bench.dest(0, &DestCounters::total)) + '+' +
               std::to_string(bench.dest(1, &DestCounters::total));
    }
    void reset(std::uint16_t port) {
        bench.put(wan, from_client(a).tcp(port, 80, H::rst).build());
        bench.settle();
        static_cast<void>(bench.sent(lan));
    }

    const Addresses& a = GetParam();
    WorkerBench bench{{.connections = 64}};
    std::uint16_t next_port_ = 40000;
    std::size_t refused_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Families, Overloaded, ::testing::ValuesIn(families), family_name);

TEST_P(Overloaded, AFullServerGetsNoMore) {
    limit(0, {2, 1});
    bench.publish();
    EXPECT_EQ(open(4), "2+2");
    EXPECT_EQ(open(3), "2+5");
    EXPECT_EQ(refused_, 0U);
}

TEST_P(Overloaded, WhenAllAreFullTheClientIsRefused) {
    limit(0, {2, 1});
    limit(1, {1, 1});
    bench.publish();
    EXPECT_EQ(open(5), "2+1");
    EXPECT_EQ(refused_, 2U);
    EXPECT_EQ(bench.dropped(DropReason::no_destination), 2U);
}

TEST_P(Overloaded, EndsBelowTheLowerThreshold) {
    limit(0, {4, 3});
    bench.services[0].servers.pop_back();
    bench.publish();
    const auto total = [this] { return bench.dest(0, &DestCounters::total); };
    open(5);
    EXPECT_EQ(total(), 4U);
    reset(40000);
    bench.pass(std::chrono::seconds(11));  // over for a connection that was reset
    EXPECT_EQ(total(), 3U);
    open(1);
    EXPECT_EQ(total(), 3U) << "not below";
    reset(40001);
    bench.pass(std::chrono::seconds(11));
    EXPECT_EQ(total(), 2U);
    open(3);
    EXPECT_EQ(total(), 4U);
}

}  // namespace
}  // namespace shunt
