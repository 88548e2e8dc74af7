// SPDX-License-Identifier: BSD-3-Clause
#include "bench/churn_check.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/expected_frame.h"

namespace shunt::bench {
namespace {

constexpr std::uint32_t flows = ChurnSource<Ipv4>::least_flows;
constexpr std::uint16_t frame_length = 80;
constexpr unsigned server = 3;

/// One packet, which becomes the next one of all connections in turn, and what has to come out.
class ChurnCheckTest : public ::testing::Test {
  protected:
    ChurnCheckTest() { check_.sent(packet_); }

    /// The right frame for the packet at hand, which is a SYN of a new connection at first.
    [[nodiscard]] std::vector<std::byte> right() const {
        const auto made = first_bytes(packet_[0]);
        return expected_frame<Ipv4>({}, {made.begin(), made.end()}, false, server);
    }
    void transmit(const std::vector<std::byte>& frame) {
        const auto out = reset_frame(packet_[0], static_cast<std::uint16_t>(frame.size()));
        std::ranges::copy(frame, out.begin());
        check_.sent(packet_);
    }

    LoopDevice device_{frame_length};
    ChurnSource<Ipv4> source_{flows, {}, frame_length, false};
    ChurnCheck<Ipv4> check_{{}, source_};
    std::span<rte_mbuf*> packet_ = device_.packets().first(1);
};

TEST_F(ChurnCheckTest, TakesTheRightFrameAndLearnsItsServer) {
    transmit(right());
    EXPECT_EQ(check_.wrong(), 0U) << check_.difference();
    EXPECT_EQ(check_.checked()[0], 1U);
    EXPECT_EQ(source_.server_at(0), server);
}

TEST_F(ChurnCheckTest, SeesEveryWrongByte) {
    const std::size_t length = right().size();
    for (std::size_t i = 0; i < length; ++i) {
        auto frame = right();
        frame[i] ^= std::byte{0x40};
        transmit(frame);
        ASSERT_EQ(check_.wrong(), i + 1) << "byte " << i;
    }
    EXPECT_EQ(check_.difference().find("packet 1 of a connection: "), 0U) << check_.difference();
}

}  // namespace
}  // namespace shunt::bench
