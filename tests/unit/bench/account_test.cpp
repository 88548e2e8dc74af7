// SPDX-License-Identifier: BSD-3-Clause
#include "bench/account.h"

#include <gtest/gtest.h>

#include "bench/fresh_flows.h"
#include "bench/handshakes.h"
#include "bench/stage_clock.h"
#include "bench/traffic_source.h"
#include "sched/registry.h"

namespace shunt::bench {
namespace {

using Part = Account::Part;
constexpr std::uint32_t flows = 500;
constexpr std::uint16_t frame_length = 60;
constexpr double seconds = 0.01;

double cycles(const Account& account, Part part) {
    return account.cycles[static_cast<std::size_t>(part)];
}

/// Makes no packets, and takes so long for it.
class Slow final : public TransmitHook {
  public:
    static constexpr std::uint64_t cycles = 100'000;
    void sent(std::span<rte_mbuf*>) noexcept override {
        const std::uint64_t end = rte_rdtsc() + cycles;
        while (rte_rdtsc() < end) {
        }
    }
};

TEST(StageClock, ChargesThePartThatHasJustEnded) {
    Slow source;
    StageClock clock(source);
    clock.begin();
    clock.received();
    clock.parsed({});
    clock.classified<Ipv4>({});
    clock.looked_up<Ipv4>({}, {});
    clock.forwards<Ipv4>({});
    clock.sent({});  // a full buffer goes while packets are forwarded
    clock.forwarded<Ipv4>({}, {});
    clock.iterated();
    const auto laps = clock.take();
    const auto count = [&](Part part) { return laps.count[static_cast<std::size_t>(part)]; };
    for (const Part part : {Part::receive, Part::parse, Part::classify, Part::lookup, Part::forward,
                            Part::traffic, Part::transmit, Part::rest})
        EXPECT_EQ(count(part), 1U) << static_cast<int>(part);
    EXPECT_EQ(count(Part::admit), 0U);
    EXPECT_GE(laps.cycles[static_cast<std::size_t>(Part::traffic)], Slow::cycles);
    EXPECT_LT(laps.cycles[static_cast<std::size_t>(Part::forward)], Slow::cycles);
}

TEST(StageClock, KnowsABufferThatGoesAtTheEndOfTheIteration) {
    Slow source;
    StageClock clock(source);
    clock.begin();
    clock.sent({});
    clock.iterated();
    clock.iterated();
    const auto laps = clock.take();
    EXPECT_EQ(laps.count[static_cast<std::size_t>(Part::transmit)], 1U);
    EXPECT_EQ(laps.count[static_cast<std::size_t>(Part::rest)], 2U) << "before it, and the next";
    EXPECT_EQ(laps.count[static_cast<std::size_t>(Part::forward)], 0U);
    EXPECT_EQ(clock.take().count[static_cast<std::size_t>(Part::rest)], 0U) << "taken";
}

TEST(Account, OfEstablishedConnectionsIsTheStraightWay) {
    LoopDevice device(frame_length);
    Balancer balancer(*find_scheduler("rr"), {}, flows, device);
    const auto servers = open_connections<Ipv4>(balancer, device, {}, flows, [](auto) {});
    TrafficSource<Ipv4> source(flows, Traffic::both, frame_length, servers);
    device.refill(source);
    const Account account = measure_account(balancer, device, source, seconds);
    EXPECT_EQ(account.straight_share, 1);
    EXPECT_EQ(cycles(account, Part::admit), 0);
    for (const Part part : {Part::parse, Part::lookup, Part::forward, Part::traffic})
        EXPECT_GT(cycles(account, part), 0) << static_cast<int>(part);
    EXPECT_GT(account.stamp_cycles, 0);
    EXPECT_TRUE(balancer.counters().conserved());
    EXPECT_EQ(balancer.counters().received.value(), balancer.counters().forwarded.value());
}

TEST(Account, OfNewConnectionsThroughATunnelIsNot) {
    // More than can be seen in the time.
    constexpr std::uint32_t many = 1'000'000;
    LoopDevice device(frame_length);
    Balancer balancer(*find_scheduler("rr"), {.forward = ForwardMethod::tunnel}, many, device);
    FreshFlows<Ipv4> source(many, frame_length);
    device.refill(source);
    device.set_hook(&source);
    balancer.iterate();
    const Account account = measure_account(balancer, device, source, seconds);
    EXPECT_EQ(account.straight_share, 0);
    EXPECT_GT(cycles(account, Part::admit), cycles(account, Part::parse));
    EXPECT_TRUE(balancer.counters().conserved());
}

}  // namespace
}  // namespace shunt::bench
