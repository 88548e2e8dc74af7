// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/drop_samples.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;

constexpr std::uint64_t pause = 1000;
constexpr auto reason = DropReason::martian;

class DropSamplesTest : public ::testing::Test {
  protected:
    using Read = std::vector<DropSample>;

    static Read read(const DropSamples& of, DropReason why = reason) {
        std::array<DropSample, DropSamples::kept> room;
        const std::size_t count = of.read(why, room);
        Read found(room.begin(), room.begin() + count);
        std::ranges::sort(found, {}, &DropSample::cycles);
        return found;
    }
    /// A packet of so many bytes, each of which is `fill`.
    rte_mbuf* packet(std::size_t size, int fill) {
        return bench.packet(Frame(size, std::byte{static_cast<unsigned char>(fill)}));
    }
    void take(rte_mbuf* packet) {
        samples.take(reason, packet);
        rte_pktmbuf_free(packet);
    }

    WorkerBench bench;
    DropSamples samples{pause};
};

TEST_F(DropSamplesTest, HoldsWhatThePacketWas) {
    EXPECT_TRUE(read(samples).empty());
    samples.set_clock(77);
    samples.set_port(lan, true);
    take(packet(60, 0xAB));
    const auto found = read(samples);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].cycles, 77U);
    EXPECT_EQ(found[0].length, 60U);
    EXPECT_EQ(found[0].port, lan);
    EXPECT_TRUE(found[0].twin);
    ASSERT_EQ(found[0].data().size(), 60U);
    EXPECT_TRUE(std::ranges::all_of(found[0].data(), [](auto b) { return b == std::byte{0xAB}; }));
    EXPECT_TRUE(read(samples, DropReason::no_route).empty());
}

TEST_F(DropSamplesTest, TakesTheFirstBytesOfALongPacket) {
    samples.forget_port();
    take(packet(1000, 1));
    const auto found = read(samples);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].length, 1000U);
    EXPECT_EQ(found[0].data().size(), DropSample::most_bytes);
    EXPECT_FALSE(found[0].port);
}

TEST_F(DropSamplesTest, AReasonRestsBetweenSamplesAndKeepsTheLast) {
    for (std::uint64_t now = 0; now < 10 * pause; now += pause / 4) {
        samples.set_clock(now);
        take(packet(60, static_cast<int>(now / pause)));
    }
    const auto found = read(samples);
    ASSERT_EQ(found.size(), DropSamples::kept);
    for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].cycles, (6 + i) * pause);
        EXPECT_EQ(found[i].bytes[0], std::byte{static_cast<unsigned char>(6 + i)});
    }
}

TEST_F(DropSamplesTest, ReasonsDoNotWaitForEachOther) {
    take(packet(60, 1));
    rte_mbuf* other = packet(60, 2);
    samples.take(DropReason::no_route, other);
    rte_pktmbuf_free(other);
    EXPECT_EQ(read(samples).size(), 1U);
    EXPECT_EQ(read(samples, DropReason::no_route).size(), 1U);
}

/// A slot gets one packet and the other in turn.
TEST_F(DropSamplesTest, AReaderNeverSeesHalfOfOne) {
    DropSamples fast(0);
    std::atomic<bool> over{false};
    rte_mbuf* packets[2] = {packet(128, 0x11), packet(128, 0x22)};
    std::thread writer([&] {
        for (std::uint64_t now = 0; !over; ++now) {
            fast.set_clock(now);
            fast.take(reason, packets[now / DropSamples::kept % 2]);
        }
    });
    std::size_t seen = 0;
    std::size_t torn = 0;
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
    while (seen < 1000 || std::chrono::steady_clock::now() < until)
        for (const DropSample& sample : read(fast)) {
            const auto expected =
                sample.cycles / DropSamples::kept % 2 == 0 ? std::byte{0x11} : std::byte{0x22};
            const auto bytes = sample.data();
            if (!std::ranges::all_of(bytes, [&](auto b) { return b == expected; })) ++torn;
            ++seen;
        }
    over = true;
    writer.join();
    EXPECT_EQ(torn, 0U) << "of " << seen;
    for (rte_mbuf* p : packets) rte_pktmbuf_free(p);
}

class SamplesOfWorker : public DropSamplesTest {
  protected:
    Read of_worker(DropReason why, std::uint16_t worker = 0) {
        return read(bench.worker(worker).drop_samples, why);
    }
};

TEST_F(SamplesOfWorker, WhatAdmitDropsIsSampledWithItsPort) {
    bench.add_service(Protocol::tcp, v4.endpoint(v4.vip, 80), {});
    bench.publish();
    const Frame syn = from_client(v4).tcp(40000, 80, H::syn).build();
    bench.put(wan, syn);
    bench.settle();
    const auto found = of_worker(DropReason::no_destination);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].port, wan);
    EXPECT_FALSE(found[0].twin);
    EXPECT_EQ(found[0].length, syn.size());
    EXPECT_TRUE(std::ranges::equal(found[0].data(), syn));
}

TEST_F(SamplesOfWorker, WhatAPortDoesNotTakeIsSampledWithThatPort) {
    WorkerBench narrow({.device_depth = 64});
    narrow.add_usual_services();
    for (std::uint16_t i = 0; i < 100; ++i) {
        const auto from = static_cast<std::uint16_t>(40000 + i);
        narrow.put(wan, from_client(v4).udp(from, 80).build());
        if (i % 32 == 31) narrow.iterate();
    }
    narrow.settle();
    ASSERT_GT(narrow.dropped(DropReason::transmit_full), 0U);
    const auto found = read(narrow.worker().drop_samples, DropReason::transmit_full);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].port, lan);
}

TEST_F(SamplesOfWorker, WhatWaitedHasNoPortAndNoLinkLayerHeader) {
    bench.network = links();
    bench.add_usual_services();
    bench.put(wan, from_client(v4).udp(40000, 80).build());
    bench.settle();
    ASSERT_EQ(bench.sum(&WorkerCounters::held), 1U);
    bench.pass(HoldQueue::patience + Ticks(1));
    bench.settle();
    ASSERT_EQ(bench.dropped(DropReason::neighbour_unresolved), 1U);
    const auto found = of_worker(DropReason::neighbour_unresolved);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_FALSE(found[0].port);
    EXPECT_EQ(found[0].data()[0], std::byte{0x45});
}

TEST_F(SamplesOfWorker, FragmentsAreSampledToo) {
    bench.add_usual_services();
    const Frame first =
        from_client(v4).udp(40000, 80).payload(std::size_t{400}).fragment(0, true).build();
    bench.put(wan, first);
    bench.put(wan, first);
    bench.settle();
    ASSERT_EQ(bench.dropped(DropReason::fragment_duplicate), 1U);
    EXPECT_EQ(of_worker(DropReason::fragment_duplicate).size(), 1U);
}

}  // namespace
}  // namespace shunt
