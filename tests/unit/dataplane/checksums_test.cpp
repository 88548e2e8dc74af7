// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/checksums.h"

#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

/// The one's complement sum of 16-bit words in network order, as RFC 1071 has it.
std::uint16_t plain_sum(const Frame& bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}
/// Sums of this project are over raw words.
std::uint16_t in_network_order(std::uint32_t sum) {
    return byteswap(fold(sum));
}

template <class F>
FlowTuple<F> tuple_of(const Addresses& a, Protocol protocol) {
    return {.source = address_of<F>(a.client),
            .destination = address_of<F>(a.vip),
            .source_port = L4Port(std::uint16_t{40000}),
            .destination_port = L4Port(std::uint16_t{80}),
            .protocol = protocol};
}

TEST(Checksums, PseudoHeaderOfIpv4) {
    // 192.0.2.100, 192.0.2.10, zero, 6, length 0x1234
    const Frame header = bytes_of({192, 0, 2, 100, 192, 0, 2, 10, 0, 6, 0x12, 0x34});
    EXPECT_EQ(in_network_order(pseudo_header_sum<Ipv4>(tuple_of<Ipv4>(v4, Protocol::tcp), 0x1234)),
              plain_sum(header));
}

TEST(Checksums, PseudoHeaderOfIpv6HasALengthOf32Bits) {
    const Frame header = bytes_of({0x20, 0x01, 0x0d, 0xb8, 0,    1,    0,    0,    0, 0, 0, 0, 0, 0,
                                   1,    0,    0x20, 0x01, 0x0d, 0xb8, 0,    1,    0, 0, 0, 0, 0, 0,
                                   0,    0,    0,    0x10, 0,    1,    0x23, 0x45, 0, 0, 0, 17});
    EXPECT_EQ(in_network_order(pseudo_header_sum<Ipv6>(tuple_of<Ipv6>(v6, Protocol::udp), 0x12345)),
              plain_sum(header));
}

class ChecksumsOfPackets : public ::testing::TestWithParam<Addresses> {
  protected:
    /// Says of the packet in `frame`, cut as `sizes` say, whether its checksum is partial.
    bool partial(const Frame& frame, const std::vector<std::size_t>& sizes = {}) {
        rte_mbuf* m = bench.packet(frame, sizes);
        PacketMeta meta;
        EXPECT_EQ(parse(PacketReader(frame), static_cast<std::uint32_t>(frame.size()), meta),
                  std::nullopt);
        const bool answer = meta.network == NetworkKind::ipv4 ? has_partial_checksum<Ipv4>(m, meta)
                                                              : has_partial_checksum<Ipv6>(m, meta);
        rte_pktmbuf_free(m);
        return answer;
    }

    WorkerBench bench;
};
INSTANTIATE_TEST_SUITE_P(Families, ChecksumsOfPackets, ::testing::ValuesIn(families), family_name);

TEST_P(ChecksumsOfPackets, SumsWhatStandsInAChain) {
    const Frame frame = from_client(GetParam()).udp(40000, 53).payload(301).build();
    const std::size_t l4 = 14 + GetParam().header;
    const Frame part(frame.begin() + static_cast<std::ptrdiff_t>(l4), frame.end());
    for (const std::vector<std::size_t>& sizes :
         {std::vector<std::size_t>{}, {100}, {101}, {l4}, {l4 + 1, 1, 1, 7}, {frame.size() - 1}}) {
        rte_mbuf* m = bench.packet(frame, sizes);
        EXPECT_EQ(in_network_order(payload_sum(m, static_cast<std::uint32_t>(l4),
                                               static_cast<std::uint32_t>(part.size()))),
                  plain_sum(part))
            << sizes.size() << " cuts, the first at " << (sizes.empty() ? 0 : sizes[0]);
        rte_pktmbuf_free(m);
    }
}

TEST_P(ChecksumsOfPackets, APartialChecksumIsKnownByThePseudoHeader) {
    const auto tcp = from_client(GetParam()).tcp(40000, 80, TcpHeader::syn).payload(33);
    const auto udp = from_client(GetParam()).udp(40000, 80).payload(20);
    EXPECT_TRUE(partial(left_to_the_card(tcp)));
    EXPECT_TRUE(partial(left_to_the_card(udp)));
    EXPECT_TRUE(partial(left_to_the_card(tcp), {80}));
    Frame padded = left_to_the_card(tcp);
    padded.resize(padded.size() + 9, std::byte{0xAB});
    EXPECT_TRUE(partial(padded));
}

TEST_P(ChecksumsOfPackets, RightWrongAndMissingChecksumsAreNotPartial) {
    const auto tcp = from_client(GetParam()).tcp(40000, 80, TcpHeader::syn).payload(33);
    EXPECT_FALSE(partial(tcp.build()));
    EXPECT_FALSE(partial(PacketBuilder(tcp).l4_checksum(0x1234).build()));
    EXPECT_FALSE(partial(from_client(GetParam()).udp(40000, 80).l4_checksum(0).build()));
}

TEST_P(ChecksumsOfPackets, ARightChecksumThatLooksPartialIsRight) {
    // A sequence number makes the full checksum equal to the sum of the pseudo header.
    auto builder = from_client(GetParam()).tcp(40000, 80, TcpHeader::syn);
    const Frame left = left_to_the_card(builder);
    const std::size_t field = 14 + GetParam().header + 16;
    const std::uint16_t wanted = get16(left, field);
    for (std::uint32_t sequence = 0; sequence <= 0xFFFF; ++sequence) {
        const Frame frame = builder.sequence(sequence).build();
        if (get16(frame, field) != wanted) continue;
        EXPECT_TRUE(checksums_ok(frame));
        EXPECT_FALSE(partial(frame));
        return;
    }
    FAIL() << "no such packet";
}

}  // namespace
}  // namespace shunt
