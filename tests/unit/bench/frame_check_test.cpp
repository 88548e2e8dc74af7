// SPDX-License-Identifier: BSD-3-Clause
// The check that every figure stands on: it has to see a single wrong byte, whatever the method.
#include "bench/frame_check.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace shunt::bench {
namespace {

constexpr std::uint32_t flows = 10;
constexpr std::uint16_t frame_length = 80;

const std::vector<Method> methods{{},
                                  {.forward = ForwardMethod::direct},
                                  {ForwardMethod::tunnel, TunnelType::ipip},
                                  {ForwardMethod::tunnel, TunnelType::gre},
                                  {ForwardMethod::tunnel, TunnelType::gue}};

std::string name_of(const Method& method) {
    return std::string(to_string(method.forward)) + " " + std::string(to_string(method.tunnel));
}

/// A check of packets from clients, all to server 0, and one packet that it made.
template <class F>
class CheckOfOne {
  public:
    explicit CheckOfOne(const Method& method)
        : device_(frame_length),
          servers_(flows),
          source_(flows, Traffic::in, frame_length, servers_),
          method_(method),
          check_(method, source_, servers_),
          packet_(device_.packets().first(1)) {
        check_.sent(packet_);
    }

    /// What has to come out for the packet at hand.
    [[nodiscard]] std::vector<std::byte> right() const {
        const auto made = first_bytes(packet_[0]);
        auto frame = expected_frame<F>(method_, {made.begin(), made.end()}, false, 0);
        const auto port = chosen_port_at<F>(method_);
        EXPECT_TRUE(!port || PacketWriter(frame).write(*port, Be16(40000)));
        return frame;
    }
    /// What the balancer makes of the packet; another one is at hand then.
    void transmit(const std::vector<std::byte>& frame) {
        const auto out = reset_frame(packet_[0], static_cast<std::uint16_t>(frame.size()));
        std::ranges::copy(frame, out.begin());
        check_.sent(packet_);
    }
    [[nodiscard]] const FrameCheck<F>& check() const { return check_; }

  private:
    LoopDevice device_;
    PageArray<std::uint8_t> servers_;
    TrafficSource<F> source_;
    Method method_;
    FrameCheck<F> check_;
    std::span<rte_mbuf*> packet_;
};

template <class F>
class FrameCheckTest : public ::testing::Test {};
using Families = ::testing::Types<Ipv4, Ipv6>;
TYPED_TEST_SUITE(FrameCheckTest, Families);

TYPED_TEST(FrameCheckTest, TakesTheRightFrame) {
    for (const Method& method : methods) {
        CheckOfOne<TypeParam> one(method);
        EXPECT_EQ(one.check().checked(), 0U);
        one.transmit(one.right());
        EXPECT_EQ(one.check().checked(), 1U);
        EXPECT_EQ(one.check().wrong(), 0U) << name_of(method) << ": " << one.check().difference();
    }
}

TYPED_TEST(FrameCheckTest, SeesEveryWrongByte) {
    for (const Method& method : methods) {
        const auto chosen = chosen_port_at<TypeParam>(method);
        CheckOfOne<TypeParam> one(method);
        const std::size_t length = one.right().size();
        std::uint64_t wrong = 0;
        for (std::size_t i = 0; i < length; ++i) {
            auto frame = one.right();
            // Of a port of GUE's range only the highest bit tells.
            frame[i] ^= chosen == i ? std::byte{0x80} : std::byte{1};
            one.transmit(frame);
            const bool free = chosen && i == *chosen + 1;
            if (!free) ++wrong;
            ASSERT_EQ(one.check().wrong(), wrong) << name_of(method) << ", byte " << i;
        }
    }
}

TYPED_TEST(FrameCheckTest, SeesAFrameThatIsTooLongOrTooShort) {
    for (const Method& method : methods) {
        CheckOfOne<TypeParam> one(method);
        auto frame = one.right();
        frame.push_back({});
        one.transmit(frame);
        EXPECT_EQ(one.check().wrong(), 1U) << name_of(method);
        frame = one.right();
        frame.pop_back();
        one.transmit(frame);
        EXPECT_EQ(one.check().wrong(), 2U) << name_of(method);
        EXPECT_EQ(one.check().difference(), "length " + std::to_string(frame.size() + 2) +
                                                " instead of " + std::to_string(frame.size() + 1) +
                                                ", byte " + std::to_string(frame.size() + 1) +
                                                " differs");
    }
}

}  // namespace
}  // namespace shunt::bench
