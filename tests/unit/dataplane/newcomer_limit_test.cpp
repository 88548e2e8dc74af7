// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/newcomer_limit.h"

#include <gtest/gtest.h>

#include "support/admission.h"

namespace shunt {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr std::int64_t share = 5;

/// A worker that forwards `served` packets of connections in each tenth of a second, and what it
/// is asked to open.
class NewcomerLimitTest : public ::testing::Test {
  protected:
    NewcomerLimitTest() { limit.follow(counters, now, share); }

    /// One tenth of a second; returns how many of `asked` new connections may begin. Each is one
    /// packet, and has one answer.
    std::uint32_t tenth(bool behind, std::uint32_t asked, std::uint32_t served,
                        std::uint32_t completed = 0) {
        std::uint32_t opened = 0;
        for (std::uint32_t i = 0; i < asked; ++i) opened += limit.admits() ? 1 : 0;
        for (std::uint32_t i = 0; i < completed; ++i) limit.completed();
        limit.served(served + std::size_t{2} * opened);
        iterate(4, behind ? 3 : 2);
        return opened;
    }
    /// A tenth passes in which `full` of all iterations receive a full burst.
    void iterate(std::uint64_t iterations, std::uint64_t full) {
        counters.iterations.add(iterations);
        counters.full_iterations.add(full);
        now += Ticks(1);
        limit.follow(counters, now, percent);
    }
    /// Behind for so long that the limit holds.
    void overload() {
        for (int i = 0; i < 12; ++i) tenth(true, 1000, 2000);
    }

    NewcomerLimit limit;
    WorkerCounters counters;
    TickTime now{Ticks(100)};
    std::int64_t percent = share;
};

TEST_F(NewcomerLimitTest, AWorkerThatKeepsUpOpensAsManyAsCome) {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(tenth(false, 50000, 2000), 50000U);
}

TEST_F(NewcomerLimitTest, ItHoldsAfterASecondBehindAndNotBefore) {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(tenth(true, 1000, 2000), 1000U) << i;
    EXPECT_EQ(tenth(true, 1000, 2000), 200U) << "100, and 5 percent of 2000";
    EXPECT_EQ(tenth(true, 1000, 4000), 200U);
    EXPECT_EQ(tenth(true, 1000, 0), 300U) << "as much as was served in the tenth before";
    EXPECT_EQ(tenth(true, 1000, 0), 100U) << "least";
}

TEST_F(NewcomerLimitTest, AFullBurstNowAndThenIsNotBehind) {
    for (int i = 0; i < 9; ++i) tenth(true, 1000, 2000);
    tenth(false, 1000, 2000);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(tenth(true, 1000, 2000), 1000U) << i;
}

TEST_F(NewcomerLimitTest, AnIdleWorkerIsNotBehind) {
    for (int i = 0; i < 30; ++i) iterate(0, 0);
    limit.served(1000);
    iterate(0, 0);
    EXPECT_EQ(tenth(false, 1000, 2000), 1000U);
}

TEST_F(NewcomerLimitTest, AHalfFullRingToAnotherWorkerIsASign) {
    for (int i = 0; i < 10; ++i) {
        counters.crowded_rings.add();
        EXPECT_EQ(tenth(false, 1000, 2000), 1000U) << i;
    }
    EXPECT_EQ(tenth(false, 1000, 2000), 200U);
}

TEST_F(NewcomerLimitTest, ThoseThatComeToLifeMakeRoomForTwiceAsMany) {
    overload();
    EXPECT_EQ(tenth(true, 100000, 0, 200), 200U);
    EXPECT_EQ(tenth(true, 100000, 0, 500), 500U) << "100 + 2 * 200";
    EXPECT_EQ(tenth(true, 100000, 0, 1100), 1100U);
    EXPECT_EQ(tenth(true, 100000, 0, 0), 2300U);
    EXPECT_EQ(tenth(true, 100000, 0, 0), 100U);
}

TEST_F(NewcomerLimitTest, ItEndsFiveSecondsAfterTheWorkerWasLastBehind) {
    overload();
    for (int i = 0; i < 50; ++i) EXPECT_EQ(tenth(false, 1000, 2000), 200U) << i;
    EXPECT_EQ(tenth(false, 1000, 2000), 1000U);
}

TEST_F(NewcomerLimitTest, ItIsBackAfterATenthForAMinute) {
    overload();
    for (int i = 0; i < 60; ++i) tenth(false, 1000, 2000);
    EXPECT_EQ(tenth(true, 1000, 2000), 1000U);
    EXPECT_EQ(tenth(true, 1000, 2000), 200U);
    for (int i = 0; i < 700; ++i) tenth(false, 1000, 2000);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(tenth(true, 1000, 2000), 1000U) << i;
    EXPECT_EQ(tenth(true, 1000, 2000), 200U);
}

TEST_F(NewcomerLimitTest, WhereNobodyIsServedNothingIsHeldBack) {
    for (int i = 0; i < 200; ++i) EXPECT_EQ(tenth(true, 5000, 0), 5000U) << i;
    tenth(true, 0, 1);
    EXPECT_EQ(tenth(true, 5000, 0), 100U) << "now somebody is";
    for (int i = 0; i < 99; ++i) EXPECT_EQ(tenth(true, 5000, 0), 100U) << i;
    EXPECT_EQ(tenth(true, 5000, 0), 5000U) << "who has been silent for ten seconds";
}

TEST_F(NewcomerLimitTest, AHundredPercentIsNoLimit) {
    percent = 100;
    overload();
    EXPECT_EQ(tenth(true, 5000, 2000), 5000U);
    percent = 0;
    tenth(true, 0, 2000);
    EXPECT_EQ(tenth(true, 5000, 2000), 100U);
}

/// The whole worker: bursts of SYNs that fill it, beside one connection.
class Busy : public Admission {
  protected:
    Busy() : Admission({.connections = 8192, .templates = 16}) {
        add(Protocol::tcp, 80, 8080);
        add(Protocol::udp, 53, 5353);
        bench.services.back().one_packet = true;
        bench.publish();
        send(syn(1000));
        send(tcp(1000, H::ack));
    }
    /// A burst in each iteration of a tenth of a second, beside a packet of the connection.
    void tenth_of_syns() {
        for (int burst = 0; burst < 4; ++burst) {
            for (std::uint32_t i = 0; i < burst_size; ++i) bench.put(wan, syn(next_port()));
            bench.iterate();
        }
        bench.put(wan, tcp(1000, H::ack));
        bench.iterate();
        bench.pass(Ticks(1));
        (void)bench.sent(lan);
    }
    std::uint16_t next_port() { return port_ = static_cast<std::uint16_t>(port_ + 1); }

  private:
    std::uint16_t port_ = 2000;
};
INSTANTIATE_TEST_SUITE_P(Families, Busy, ::testing::ValuesIn(families), family_name);

TEST_P(Busy, AWorkerBehindRefusesNewConnectionsAndForwardsThoseItHas) {
    for (int i = 0; i < 10; ++i) tenth_of_syns();
    EXPECT_EQ(bench.dropped(DropReason::worker_busy), 0U);
    for (int i = 0; i < 10; ++i) tenth_of_syns();
    const std::uint64_t refused = bench.dropped(DropReason::worker_busy);
    EXPECT_GE(refused, 8U * 28) << "more than 100 in a tenth of a second";
    EXPECT_NE(send(tcp(1000, H::ack)), "dropped") << "a connection that is there goes on";
    for (int i = 0; i < 300; ++i)
        EXPECT_NE(send(from_client(a).udp(1, 53).build()), "dropped") << "of a one-packet service";
    EXPECT_EQ(bench.dropped(DropReason::worker_busy), refused);
}

}  // namespace
}  // namespace shunt
