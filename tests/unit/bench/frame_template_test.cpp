// SPDX-License-Identifier: BSD-3-Clause
#include "bench/frame_template.h"

#include <gtest/gtest.h>

#include <unordered_set>

#include "net/parse.h"
#include "support/packet_builder.h"

namespace shunt::bench {
namespace {

template <class F>
class FrameTemplateTest : public ::testing::Test {};
using Families = ::testing::Types<Ipv4, Ipv6>;
TYPED_TEST_SUITE(FrameTemplateTest, Families);

template <class F>
test::Frame frame_of(Direction d, unsigned server, std::uint32_t flow, std::size_t length) {
    test::Frame frame(length);
    FrameTemplate<F>(d, server, TcpHeader::ack, length)
        .write(std::span(frame).template first<FrameTemplate<F>::headers>(), client_of(flow));
    return frame;
}

/// Addresses and ports as the product's own parser reads them.
template <class F>
FlowTuple<F> tuple_of(const test::Frame& frame) {
    PacketMeta meta;
    EXPECT_FALSE(parse(PacketReader(frame), static_cast<std::uint32_t>(frame.size()), meta));
    EXPECT_TRUE(meta.has_ports);
    return meta.tuple<F>();
}

TYPED_TEST(FrameTemplateTest, ChecksumsAreRightForEveryClient) {
    for (const std::size_t length : {FrameTemplate<TypeParam>::headers, std::size_t{1514}})
        for (std::uint32_t flow = 0; flow < 1000; ++flow)
            for (const auto d : {Direction::from_client, Direction::from_server}) {
                const auto frame = frame_of<TypeParam>(d, flow % server_count, flow, length);
                ASSERT_EQ(test::checksum_problem(frame), "") << test::describe(frame);
            }
}

TYPED_TEST(FrameTemplateTest, BothDirectionsNameTheSameClient) {
    const auto request =
        tuple_of<TypeParam>(frame_of<TypeParam>(Direction::from_client, 0, 77, 80));
    const auto reply = tuple_of<TypeParam>(frame_of<TypeParam>(Direction::from_server, 3, 77, 80));
    EXPECT_EQ(request.source, client_address<TypeParam>(client_of(77)));
    EXPECT_EQ(request.destination, virtual_address<TypeParam>());
    EXPECT_EQ(request.destination_port, service_port);
    EXPECT_EQ(reply.source, server_address<TypeParam>(3));
    EXPECT_EQ(reply.source_port, server_port);
    EXPECT_EQ(reply.destination, request.source);
    EXPECT_EQ(reply.destination_port, request.source_port);
}

TEST(Client, NoTwoFlowsShareOne) {
    std::unordered_set<std::uint64_t> seen;
    constexpr std::uint32_t flows = 300'000;
    for (std::uint32_t flow = 0; flow < flows; ++flow) {
        const Client client = client_of(flow);
        ASSERT_EQ(client.suffix.value() >> 24, 10U);
        ASSERT_GE(client.port.value(), 1024);
        seen.insert(std::uint64_t{client.suffix.raw()} << 16 | client.port.be.raw());
    }
    EXPECT_EQ(seen.size(), flows);
}

}  // namespace
}  // namespace shunt::bench
