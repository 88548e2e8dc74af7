// SPDX-License-Identifier: BSD-3-Clause
#include "bench/expected_frame.h"

#include <gtest/gtest.h>

#include "bench/frame_template.h"
#include "net/parse.h"
#include "support/packet_builder.h"

namespace shunt::bench {
namespace {

using test::Frame;

constexpr std::size_t ethernet = sizeof(EthernetHeader);
constexpr std::size_t frame_length = 80;
constexpr std::uint32_t flow = 5;
constexpr unsigned server = 9;

constexpr Method nat{};
constexpr Method direct{.forward = ForwardMethod::direct};
constexpr Method tunnel(TunnelType type) {
    return {.forward = ForwardMethod::tunnel, .tunnel = type};
}

template <class F>
struct Words;
template <>
struct Words<Ipv4> {
    static constexpr const char* self = "192.168.0.1";
    static constexpr const char* far_server = "203.0.113.20";
    static constexpr std::uint8_t in_ip = 4;
    static constexpr std::uint16_t ether_type = 0x0800;
};
template <>
struct Words<Ipv6> {
    static constexpr const char* self = "fd00::1";
    static constexpr const char* far_server = "fd01::14";
    static constexpr std::uint8_t in_ip = 41;
    static constexpr std::uint16_t ether_type = 0x86DD;
};

template <class F>
class ExpectedFrameTest : public ::testing::Test {
  protected:
    static Frame frame(Direction d) {
        Frame frame(frame_length);
        FrameTemplate<F>(d, server, TcpHeader::ack, frame_length)
            .write(std::span(frame).template first<FrameTemplate<F>::headers>(), client_of(flow));
        return frame;
    }
    static Frame expected(const Method& method) {
        return expected_frame<F>(method, frame(Direction::from_client), false, server);
    }
    /// The frame with the network packet that a tunnel must carry, around it what the test says.
    static test::PacketBuilder outer() {
        auto b = test::PacketBuilder();
        b.mac("02:00:00:00:00:01", "02:00:00:00:00:fd").ip(Words<F>::self, Words<F>::far_server);
        if constexpr (std::is_same_v<F, Ipv4>) b.dont_fragment().ip_id(0);
        return b.ttl(63);
    }
    static Frame inner() { return test::network_part(expected(direct)); }
};
using Families = ::testing::Types<Ipv4, Ipv6>;
TYPED_TEST_SUITE(ExpectedFrameTest, Families);

/// Addresses and ports as the product's own parser reads them.
template <class F>
PacketMeta parsed(const Frame& frame) {
    PacketMeta meta;
    EXPECT_FALSE(parse(PacketReader(frame), static_cast<std::uint32_t>(frame.size()), meta));
    EXPECT_TRUE(meta.has_ports);
    return meta;
}

MacAddress target_of(const Frame& frame) {
    return PacketReader(frame).read<MacAddress>(0).value();
}
MacAddress sender_of(const Frame& frame) {
    return PacketReader(frame).read<MacAddress>(sizeof(MacAddress)).value();
}

Frame joined(Frame a, const Frame& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TYPED_TEST(ExpectedFrameTest, TranslationChangesTheServersEndToward) {
    const auto before =
        parsed<TypeParam>(this->frame(Direction::from_client)).template tuple<TypeParam>();
    const Frame out = this->expected(nat);
    EXPECT_EQ(test::checksum_problem(out), "");
    const PacketMeta meta = parsed<TypeParam>(out);
    EXPECT_EQ(meta.ttl, 63);
    EXPECT_EQ(meta.tuple<TypeParam>().source, before.source);
    EXPECT_EQ(meta.tuple<TypeParam>().source_port, before.source_port);
    EXPECT_EQ(meta.tuple<TypeParam>().destination, server_address<TypeParam>(server));
    EXPECT_EQ(meta.tuple<TypeParam>().destination_port, server_port);
    EXPECT_EQ(target_of(out), server_mac(server));
    EXPECT_EQ(sender_of(out), balancer_mac);
}

TYPED_TEST(ExpectedFrameTest, TranslationPutsTheVirtualEndpointBack) {
    const Frame reply = this->frame(Direction::from_server);
    const Frame out = expected_frame<TypeParam>(nat, reply, true, server);
    EXPECT_EQ(test::checksum_problem(out), "");
    const PacketMeta meta = parsed<TypeParam>(out);
    EXPECT_EQ(meta.ttl, 63);
    EXPECT_EQ(meta.tuple<TypeParam>().source, virtual_address<TypeParam>());
    EXPECT_EQ(meta.tuple<TypeParam>().source_port, service_port);
    EXPECT_EQ(meta.tuple<TypeParam>().destination,
              parsed<TypeParam>(reply).template tuple<TypeParam>().destination);
    EXPECT_EQ(target_of(out), gateway_mac);
    EXPECT_EQ(sender_of(out), balancer_mac);
}

TYPED_TEST(ExpectedFrameTest, DirectRoutingKeepsAllButLinkAddressesAndTtl) {
    constexpr bool v4 = std::is_same_v<TypeParam, Ipv4>;
    Frame before = this->frame(Direction::from_client);
    const Frame out = this->expected(direct);
    EXPECT_EQ(target_of(out), server_mac(server));
    EXPECT_EQ(sender_of(out), balancer_mac);
    EXPECT_EQ(parsed<TypeParam>(out).ttl, 63);
    EXPECT_EQ(test::checksum_problem(out), "");
    // The bytes that were judged above; every other one is as it was.
    std::vector<std::size_t> changed{ethernet + (v4 ? 8 : 7)};
    if (v4) changed.insert(changed.end(), {ethernet + 10, ethernet + 11});
    for (std::size_t i = 0; i < 2 * sizeof(MacAddress); ++i) changed.push_back(i);
    ASSERT_EQ(out.size(), before.size());
    for (const std::size_t i : changed) before[i] = out[i];
    EXPECT_EQ(out, before);
}

TYPED_TEST(ExpectedFrameTest, IpInIpIsAnIpHeaderInFront) {
    EXPECT_EQ(this->expected(tunnel(TunnelType::ipip)),
              this->outer().ip_protocol(Words<TypeParam>::in_ip).payload(this->inner()).build());
}

TYPED_TEST(ExpectedFrameTest, GreNamesTheFamilyInside) {
    constexpr int type = Words<TypeParam>::ether_type;
    const Frame gre = joined(test::bytes_of({0, 0, type >> 8, type & 0xFF}), this->inner());
    EXPECT_EQ(this->expected(tunnel(TunnelType::gre)),
              this->outer().ip_protocol(47).payload(gre).build());
}

TYPED_TEST(ExpectedFrameTest, GueLeavesTheSourcePortOpen) {
    const Frame gue = joined(test::bytes_of({0, Words<TypeParam>::in_ip, 0, 0}), this->inner());
    const auto method = tunnel(TunnelType::gue);
    EXPECT_EQ(this->expected(method),
              this->outer().udp(0, gue_port.value()).payload(gue).l4_checksum(0).build());
    EXPECT_EQ(chosen_port_at<TypeParam>(method), ethernet + sizeof(typename TypeParam::Header));
}

TYPED_TEST(ExpectedFrameTest, OtherMethodsLeaveNothingOpen) {
    EXPECT_FALSE(chosen_port_at<TypeParam>(nat));
    EXPECT_FALSE(chosen_port_at<TypeParam>(direct));
    EXPECT_FALSE(chosen_port_at<TypeParam>(tunnel(TunnelType::ipip)));
    EXPECT_FALSE(chosen_port_at<TypeParam>(tunnel(TunnelType::gre)));
}

}  // namespace
}  // namespace shunt::bench
