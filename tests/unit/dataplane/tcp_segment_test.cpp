// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/tcp_segment.h"

#include <gtest/gtest.h>

#include "dataplane/batch.h"
#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;

/// A stream from 1000 on: bytes 1010 to 1013 became ten, all acknowledged up to 1000.
StreamEdits edited() {
    StreamEdits stream(1000);
    EXPECT_TRUE(stream.replace(1010, 1013, "0123456789"));
    stream.advance(1100, 1100);
    return stream;
}

Frame sack(std::initializer_list<std::pair<int, int>> blocks) {
    Frame options = test::bytes_of({1, 1, 5, static_cast<int>(2 + 8 * blocks.size())});
    for (const auto& [left, right] : blocks)
        for (const int edge : {left, right})
            for (const int shift : {24, 16, 8, 0})
                options.push_back(static_cast<std::byte>(edge >> shift & 0xFF));
    return options;
}

Frame mapped(Frame options) {
    map_sack(options, edited());
    return options;
}

TEST(MapSack, BlocksAreMappedAndThoseWithoutAByteGo) {
    EXPECT_EQ(mapped(sack({{1030, 1040}})), sack({{1024, 1034}}));
    EXPECT_EQ(mapped(sack({{1002, 1005}, {1030, 1040}})), sack({{1002, 1005}, {1024, 1034}}));
    // The middle of the text is nothing that the sender could mark.
    Frame one_left = sack({{1024, 1034}});
    one_left.insert(one_left.end(), 8, std::byte{1});
    EXPECT_EQ(mapped(sack({{1012, 1015}, {1030, 1040}})), one_left);
    EXPECT_EQ(mapped(sack({{1012, 1015}})), Frame(12, std::byte{1}));
}

TEST(MapSack, OptionsThatCannotBeStayAsTheyAre) {
    for (const Frame& options :
         {Frame{}, test::bytes_of({5}), test::bytes_of({5, 0}), test::bytes_of({5, 1, 1, 1}),
          test::bytes_of({5, 20, 0, 0}), test::bytes_of({0, 5, 10, 0}),
          test::bytes_of({3, 0, 5, 10}), test::bytes_of({5, 2})})
        EXPECT_EQ(mapped(options), options);
}

TEST(TcpTimestamps, AreFoundBehindOtherOptions) {
    const Frame options = test::bytes_of({2, 4, 5, 180, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 1, 7});
    const auto stamps = tcp_timestamps(options);
    ASSERT_TRUE(stamps);
    EXPECT_EQ(stamps->value.value(), 9U);
    EXPECT_EQ(stamps->echo.value(), 0x107U);
    EXPECT_FALSE(tcp_timestamps(test::bytes_of({2, 4, 5, 180})));
    EXPECT_FALSE(tcp_timestamps(test::bytes_of({8, 6, 0, 0, 0, 9})));
}

class TcpSegment : public ::testing::TestWithParam<Addresses> {
  protected:
    PacketMeta read(rte_mbuf* packet) {
        PacketMeta meta;
        EXPECT_FALSE(parse(PacketReader(first_bytes(packet)), packet->pkt_len, meta));
        return meta;
    }
    Frame frame_of(rte_mbuf* packet) {
        const auto bytes = first_bytes(packet);
        return {bytes.begin(), bytes.end()};
    }
    template <class Fn>
    auto in_family(Fn&& fn) {
        return a.header == 20 ? fn(Ipv4()) : fn(Ipv6());
    }
    const Addresses& a = GetParam();
    WorkerBench bench;
};

TEST_P(TcpSegment, ANewSegmentKeepsHeadersAndGetsItsLengthsAndChecksums) {
    const auto build = [&](std::string_view payload) {
        PacketBuilder builder = from_client(a);
        if (a.header == 20)
            builder.ip_options(test::bytes_of({1, 1, 1, 1})).ip_id(77).dont_fragment();
        return builder.tos(8)
            .tcp(40000, 21, H::ack | H::psh)
            .sequence(5, 6)
            .tcp_options(test::bytes_of({1, 1, 1, 1}))
            .payload(payload)
            .build();
    };
    rte_mbuf* old = bench.packet(build("hello world"));
    PacketMeta meta = read(old);
    const auto header = read_tcp_header(old, meta);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->size, 24);
    EXPECT_TRUE(in_family([&](auto f) { return tcp_checksum_right<decltype(f)>(old, meta); }));
    StreamEdits::Output out{.seq = 5, .size = 14, .count = 3};
    out.pieces[0] = {.offset = 0, .size = 6};
    out.pieces[1] = {.text = "small ", .size = 6};
    out.pieces[2] = {.offset = 9, .size = 2};
    SegmentData data(out, first_bytes(old).last(11));
    rte_mbuf* made = in_family([&](auto f) {
        return make_segment<decltype(f)>(bench.shared().pool, old, meta, *header, data, 14);
    });
    ASSERT_NE(made, nullptr);
    EXPECT_TRUE(same_frame(frame_of(made), build("hello small ld")));
    EXPECT_EQ(meta.l3_length, made->pkt_len - 14);
    rte_pktmbuf_free(old);
    rte_pktmbuf_free(made);
}

TEST_P(TcpSegment, AHeaderIsWrittenWithItsChecksumUpToDate) {
    const auto build = [&](std::uint32_t seq, std::uint32_t ack, int option) {
        return from_client(a)
            .tcp(40000, 21)
            .sequence(seq, ack)
            .tcp_options(test::bytes_of({option, 1, 1, option}))
            .payload("odd")
            .build();
    };
    rte_mbuf* packet = bench.packet(build(0xFFFFFFFF, 1, 1));
    const PacketMeta meta = read(packet);
    const auto before = read_tcp_header(packet, meta);
    ASSERT_TRUE(before);
    TcpHeaderBytes after = *before;
    TcpHeader fixed = after.fixed();
    fixed.sequence = Be32(3U);
    fixed.acknowledgement = Be32(0xFFFF0000U);
    after.set_fixed(fixed);
    after.options()[0] = after.options()[3] = std::byte{0};
    EXPECT_TRUE(write_tcp_header(packet, meta, *before, after));
    EXPECT_TRUE(same_frame(frame_of(packet), build(3, 0xFFFF0000, 0)));
    rte_pktmbuf_free(packet);
}

TEST_P(TcpSegment, HeadersThatLieAreNone) {
    for (const int words : {0, 4, 15}) {
        rte_mbuf* packet = bench.packet(
            from_client(a).tcp(1, 2).data_offset(static_cast<std::uint8_t>(words)).build());
        EXPECT_FALSE(read_tcp_header(packet, read(packet))) << words;
        rte_pktmbuf_free(packet);
    }
}

INSTANTIATE_TEST_SUITE_P(Families, TcpSegment, ::testing::ValuesIn(families), family_name);

}  // namespace
}  // namespace shunt
