// SPDX-License-Identifier: BSD-3-Clause
#include "bench/latency.h"

#include <gtest/gtest.h>

#include <rte_ethdev.h>

#include <cmath>
#include <utility>

namespace shunt::bench {
namespace {

/// A burst of so many nanoseconds, in cycles.
float cycles_of(double ns) {
    return static_cast<float>(ns * static_cast<double>(rte_get_tsc_hz()) / 1e9);
}

TEST(Latency, CountsBurstsByQuartersOfPowersOfTwo) {
    std::vector<float> cycles;
    for (int i = 0; i < 990; ++i) cycles.push_back(cycles_of(1030));
    for (int i = 0; i < 10; ++i) cycles.push_back(cycles_of(5000));
    const Latency latency = latency_of(cycles);
    EXPECT_NEAR(latency.p50, 1030, 1);
    EXPECT_NEAR(latency.p99, 1030, 1);
    EXPECT_NEAR(latency.p999, 5000, 1);
    ASSERT_EQ(latency.classes.size(), 2U);
    EXPECT_NEAR(latency.classes[0].from, 1024, 1e-9);
    EXPECT_EQ(latency.classes[0].bursts, 990U);
    EXPECT_NEAR(latency.classes[1].from, 4096 * std::exp2(0.25), 1e-6);
    EXPECT_EQ(latency.classes[1].bursts, 10U);
}

TEST(Latency, OfNothingIsNothing) {
    std::vector<float> none;
    EXPECT_EQ(latency_of(none).p99, 0);
    EXPECT_TRUE(latency_of(none).classes.empty());
}

class NoTraffic final : public TransmitHook {
  public:
    void sent(std::span<rte_mbuf*>) noexcept override {}
};

/// A worker that takes so many cycles for a burst, and `pause` more for the first one.
class SlowWorker {
  public:
    SlowWorker(LoopDevice& device, std::uint64_t work, std::uint64_t pause)
        : device_(device), work_(work), pause_(pause) {}
    void operator()() {
        std::array<rte_mbuf*, burst_size> burst;
        const std::uint16_t n = rte_eth_rx_burst(device_.ethdev(), 0, burst.data(), burst_size);
        if (n == 0) return;
        const std::uint64_t end = rte_rdtsc() + work_ + std::exchange(pause_, 0);
        while (rte_rdtsc() < end) {
        }
        bursts_ += rte_eth_tx_burst(device_.ethdev(), 0, burst.data(), n) / burst_size;
    }
    [[nodiscard]] std::uint64_t bursts() const { return bursts_; }

  private:
    LoopDevice& device_;
    std::uint64_t work_;
    std::uint64_t pause_;
    std::uint64_t bursts_ = 0;
};

class PacedLatencyTest : public ::testing::Test {
  protected:
    static constexpr std::uint64_t work = 20'000;
    static constexpr double seconds = 0.1;

    PacedLatencyTest() { device_.refill(none_); }
    Latency measure(SlowWorker& worker) {
        return PacedLatency(device_, none_, 2 * work).measure(seconds, worker);
    }
    std::size_t on_ring() {
        std::array<rte_mbuf*, LoopDevice::in_flight> packets;
        return device_.collect(packets);
    }

    LoopDevice device_{80};
    NoTraffic none_;
};

TEST_F(PacedLatencyTest, IsWhatTheWorkerTakes) {
    SlowWorker worker(device_, work, 0);
    const Latency latency = measure(worker);
    const double ns = work * 1e9 / static_cast<double>(rte_get_tsc_hz());
    EXPECT_GE(latency.p50, ns * 0.99);
    const auto most = seconds * static_cast<double>(rte_get_tsc_hz()) / (2 * work);
    EXPECT_LE(static_cast<double>(worker.bursts()), 11 * most);
    EXPECT_EQ(on_ring(), LoopDevice::in_flight);
}

TEST_F(PacedLatencyTest, AWorkerThatWasLateMakesTheNextBurstsWait) {
    const double ns = work * 1e9 / static_cast<double>(rte_get_tsc_hz());
    std::uint64_t late = 0;
    // Not counted when another program has the CPU just then.
    for (int i = 0; i < 20 && late < 20; ++i) {
        SlowWorker worker(device_, work, 40 * work);
        late = 0;
        for (const auto& c : measure(worker).classes) late += c.from > 2 * ns ? c.bursts : 0;
    }
    // Each burst makes up for one work's time of the forty.
    EXPECT_GE(late, 20U);
}

}  // namespace
}  // namespace shunt::bench
