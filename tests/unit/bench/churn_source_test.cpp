// SPDX-License-Identifier: BSD-3-Clause
#include "bench/churn_source.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace shunt::bench {
namespace {

constexpr std::uint32_t flows = 3001;
constexpr std::uint16_t frame_length = 80;

using Source = ChurnSource<Ipv4>;

TEST(ChurnSteps, AreTheLifeOfAConnection) {
    const auto steps = churn_steps({});
    ASSERT_EQ(steps.size(), 8U);
    EXPECT_EQ(steps[0].flags, TcpHeader::syn);
    EXPECT_FALSE(steps[0].reply);
    EXPECT_EQ(steps[1].flags, TcpHeader::syn | TcpHeader::ack);
    EXPECT_TRUE(steps[1].reply);
    EXPECT_EQ(steps[5].flags & TcpHeader::fin, TcpHeader::fin);
    EXPECT_EQ(steps[6].flags & TcpHeader::fin, TcpHeader::fin);
    EXPECT_TRUE(steps[6].reply);
    EXPECT_EQ(steps[7].flags, TcpHeader::ack);
}

TEST(ChurnSteps, ServersThatAnswerPastTheBalancerAreNotHeard) {
    for (const ForwardMethod forward : {ForwardMethod::direct, ForwardMethod::tunnel})
        for (const ChurnStep& step : churn_steps({.forward = forward})) EXPECT_FALSE(step.reply);
}

class ChurnSourceTest : public ::testing::TestWithParam<bool> {
  protected:
    Source source_{flows, {}, frame_length, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Ports, ChurnSourceTest, ::testing::Bool());

TEST_P(ChurnSourceTest, EachPlaceGoesThroughAllStepsInOrder) {
    std::map<std::uint32_t, Source::Packet> last;
    for (std::uint32_t i = 0; i < flows * 30; ++i) {
        const auto packet = source_.draw();
        ASSERT_LT(packet.place, flows);
        const auto before = last.find(packet.place);
        if (before == last.end()) {
            EXPECT_EQ(packet.step, 0U) << packet.place;
        } else {
            ASSERT_EQ(packet.step, (before->second.step + 1) % 8) << packet.place;
            const bool same = packet.flow == before->second.flow;
            ASSERT_EQ(same, packet.step != 0 || GetParam()) << packet.place;
        }
        last[packet.place] = packet;
    }
    EXPECT_EQ(last.size(), flows);
}

TEST_P(ChurnSourceTest, AllStagesAreUnderWayAtOnce) {
    for (std::uint32_t i = 0; i < flows * 8; ++i) static_cast<void>(source_.draw());
    std::map<std::uint32_t, int> steps;
    std::set<std::uint32_t> places;
    for (std::uint32_t i = 0; i < LoopDevice::in_flight; ++i) {
        const auto packet = source_.draw();
        ++steps[packet.step];
        places.insert(packet.place);
    }
    EXPECT_EQ(places.size(), LoopDevice::in_flight);
    ASSERT_EQ(steps.size(), 8U);
    for (const auto& [step, count] : steps) EXPECT_NEAR(count, 128, 2) << step;
}

TEST_P(ChurnSourceTest, CountsTheConnectionsThatItBegins) {
    std::uint64_t syns = 0;
    for (std::uint32_t i = 0; i < flows * 20; ++i) syns += source_.draw().step == 0 ? 1 : 0;
    EXPECT_EQ(source_.begun(), syns);
}

TEST(ChurnSource, ConnectionsComeFromPortsThatWereNeverUsed) {
    Source source(flows, {}, frame_length, false);
    std::set<std::uint32_t> seen;
    for (std::uint32_t i = 0; i < flows * 80; ++i) {
        const auto packet = source.draw();
        if (packet.step == 0) {
            EXPECT_TRUE(seen.insert(packet.flow).second) << packet.flow;
        }
    }
    EXPECT_GT(seen.size(), flows * 9);
}

TEST(ChurnSource, SendsRepliesFromTheServerThatGotTheSyn) {
    LoopDevice device(frame_length);
    Source source(flows, {}, frame_length, false);
    rte_mbuf* const packet = device.packets()[0];
    for (const std::uint32_t place : {0U, 1U, flows - 1}) {
        source.write(packet, {.place = place, .flow = place | 5U << 12, .step = 0});
        store<0>(first_bytes(packet).first<sizeof(MacAddress)>(), server_mac(9));
        source.learn(packet);
        EXPECT_EQ(source.server_at(place), 9);
        source.write(packet, {.place = place, .flow = place | 5U << 12, .step = 1});
        EXPECT_EQ(PacketReader(first_bytes(packet)).read<MacAddress>(sizeof(MacAddress)),
                  server_mac(9));
    }
    EXPECT_EQ(source.server_at(2), 0);
}

TEST(Lab, FlowsAreKnownByTheirClients) {
    for (const std::uint32_t flow : {0U, 1U, 77U, 1'000'000U, 0x7FFFFFFFU, 0xFFFFFFFFU})
        EXPECT_EQ(flow_of(client_of(flow)), flow);
}

}  // namespace
}  // namespace shunt::bench
