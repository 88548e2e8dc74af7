// SPDX-License-Identifier: BSD-3-Clause
// Packets cut in pieces: each piece byte by byte, and back together again.
#include "dataplane/fragment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "dataplane/reassembly.h"
#include "support/mbufs.h"

namespace shunt {
namespace {

using test::bytes_in;
using test::bytes_of;
using test::Frame;
using test::get16;
using test::make_pool;
using test::network_part;
using test::packet_of;
using test::PacketBuilder;
using test::Pool;
using Bytes = std::vector<std::size_t>;

constexpr std::uint8_t experimental = 253;
constexpr std::size_t ethernet = 14;
constexpr std::uint32_t id = 0x89ABCDEF;
constexpr std::uint16_t id16 = 0xCDEF;

Frame part(const Frame& bytes, std::size_t begin, std::size_t length) {
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(begin);
    return Frame(from, from + static_cast<std::ptrdiff_t>(std::min(length, bytes.size() - begin)));
}

class CutTest : public ::testing::Test {
  protected:
    ~CutTest() override {
        EXPECT_EQ(rte_mempool_avail_count(large.get()), 511U) << "packet buffers are missing";
        EXPECT_EQ(rte_mempool_avail_count(small.get()), 2047U) << "packet buffers are missing";
    }

    /// The pieces of a network packet, in order.
    template <class F>
    std::vector<Frame> cut_packet(const Frame& packet, std::uint16_t mtu, const Bytes& sizes = {},
                                  Pieces how = Pieces::even) {
        std::vector<Frame> pieces;
        rte_mbuf* m = packet_of(large.get(), packet, sizes);
        m->port = 3;
        const std::uint16_t count = cut<F>(
            m, mtu, pieces_from, id,
            [&](rte_mbuf* piece) noexcept {
                EXPECT_GE(rte_pktmbuf_headroom(piece), RTE_PKTMBUF_HEADROOM);
                EXPECT_EQ(piece->port, 3);
                EXPECT_EQ(piece->ol_flags, 0U);
                pieces.push_back(bytes_in(piece));
                rte_pktmbuf_free(piece);
            },
            how);
        EXPECT_EQ(count, pieces.size());
        if (count == 0) rte_pktmbuf_free(m);
        return pieces;
    }

    Pool large = make_pool(511, RTE_MBUF_DEFAULT_DATAROOM);
    Pool small = make_pool(2047, 200);
    rte_mempool* pieces_from = large.get();
};

PacketBuilder v4() {
    return PacketBuilder()
        .ipv4("192.0.2.7", "198.51.100.10")
        .ip_protocol(experimental)
        .ttl(9)
        .tos(5);
}
PacketBuilder v6() {
    return PacketBuilder()
        .ipv6("2001:db8::7", "2001:db8:1::10")
        .ip_protocol(experimental)
        .ttl(9)
        .tos(5)
        .flow_label(0x12345);
}
template <class F>
PacketBuilder start() {
    return F::family == Family::ipv4 ? v4() : v6();
}

/// The piece that has the bytes [begin, begin + length) of `data`, with all else of `builder`.
Frame piece(PacketBuilder builder, const Frame& data, std::size_t begin, std::size_t length,
            bool dont_fragment = false) {
    return network_part(
        builder.payload(part(data, begin, length))
            .fragment(static_cast<std::uint16_t>(begin), begin + length < data.size(), id)
            .dont_fragment(dont_fragment)
            .build());
}

Frame numbers(std::size_t count) {
    Frame bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i ^ (i >> 8) * 7);
    return bytes;
}

template <class F>
class CutFamilyTest : public CutTest {
  protected:
    static constexpr bool is_v4 = F::family == Family::ipv4;
    static constexpr std::size_t headers = is_v4 ? 20 : 48;  ///< of a piece

    static Frame uncut(const Frame& data) {
        return network_part(start<F>().ip_id(is_v4 ? id16 : 0).payload(data).build());
    }
};
struct FamilyNames {
    template <class F>
    static std::string GetName(int /*position*/) {
        return F::family == Family::ipv4 ? "Ipv4" : "Ipv6";
    }
};
using Families = ::testing::Types<Ipv4, Ipv6>;
TYPED_TEST_SUITE(CutFamilyTest, Families, FamilyNames);

TYPED_TEST(CutFamilyTest, PiecesAreAsLargeAsMultiplesOfEightAllow) {
    const Frame data = numbers(3000);
    const std::size_t room = 1300 - this->headers;  // 1280 or 1252
    const std::size_t step = room / 8 * 8;
    const auto pieces = this->template cut_packet<TypeParam>(this->uncut(data), 1300);
    ASSERT_EQ(pieces.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i)
        EXPECT_EQ(pieces[i], piece(start<TypeParam>(), data, i * step, step)) << i;
}

TYPED_TEST(CutFamilyTest, PiecesStayAsTheSenderHadCutThem) {
    const std::size_t header = this->is_v4 ? 20 : 40;
    const Frame data = numbers(48 + 208 + 104 + 147);
    const auto lengths = [&](std::uint16_t mtu, std::size_t second) {
        Bytes lengths;
        for (const Frame& piece : this->template cut_packet<TypeParam>(
                 this->uncut(data), mtu, {header + 48, second, 104}, Pieces::as_they_came))
            lengths.push_back(piece.size() - this->headers);
        return lengths;
    };
    const auto mtu = static_cast<std::uint16_t>(this->headers + 208);
    EXPECT_EQ(lengths(mtu, 208), (Bytes{48, 208, 104, 147}));
    EXPECT_EQ(lengths(mtu, 207), (Bytes{208, 208, 91})) << "no multiple of eight";
    const auto narrow = static_cast<std::uint16_t>(this->headers + 200);
    EXPECT_EQ(lengths(narrow, 208), (Bytes{200, 200, 107})) << "too large to go again";
}

TYPED_TEST(CutFamilyTest, TheLastPieceMayFillTheMtu) {
    // 1307 leaves room for 1287 or 1259 bytes, of which others take 1280 or 1256.
    const std::size_t room = 1307 - this->headers;
    const std::size_t step = room / 8 * 8;
    ASSERT_NE(room, step);
    for (const std::size_t more : {std::size_t{0}, std::size_t{1}}) {
        const Frame data = numbers(step + room + more);
        const auto pieces = this->template cut_packet<TypeParam>(this->uncut(data), 1307);
        ASSERT_EQ(pieces.size(), 2 + more);
        EXPECT_EQ(pieces[1], piece(start<TypeParam>(), data, step, more == 0 ? room : step));
    }
}

TYPED_TEST(CutFamilyTest, APacketThatFitsIsThePieceItself) {
    const Frame packet = this->uncut(numbers(1000));
    for (const std::size_t mtu : {packet.size(), packet.size() + 1}) {
        rte_mbuf* m = packet_of(this->large.get(), packet, {100});
        int sent = 0;
        EXPECT_EQ(cut<TypeParam>(m, static_cast<std::uint16_t>(mtu), this->large.get(), id,
                                 [&](rte_mbuf* same) noexcept {
                                     EXPECT_EQ(same, m);
                                     ++sent;
                                 }),
                  1);
        EXPECT_EQ(sent, 1);
        EXPECT_EQ(bytes_in(m), packet);
        rte_pktmbuf_free(m);
    }
    EXPECT_EQ(
        this->template cut_packet<TypeParam>(packet, static_cast<std::uint16_t>(packet.size() - 1))
            .size(),
        2U);
}

TYPED_TEST(CutFamilyTest, WithoutBuffersNothingIsSentAndThePacketStays) {
    const Frame packet = this->uncut(numbers(5000));
    std::vector<rte_mbuf*> taken(2040);
    ASSERT_EQ(rte_pktmbuf_alloc_bulk(this->small.get(), taken.data(), 2040), 0);
    rte_mbuf* m = packet_of(this->large.get(), packet);
    const auto sent = [](rte_mbuf*) noexcept { FAIL(); };
    EXPECT_EQ(cut<TypeParam>(m, 1300, this->small.get(), id, sent), 0);
    EXPECT_EQ(bytes_in(m), packet);
    EXPECT_EQ(rte_mempool_avail_count(this->small.get()), 7U);
    rte_pktmbuf_free(m);
    rte_pktmbuf_free_bulk(taken.data(), 2040);
}

TYPED_TEST(CutFamilyTest, AnMtuWithoutRoomForDataIsRefused) {
    const Frame data = numbers(100);
    const auto most = static_cast<std::uint16_t>(this->headers + 7);
    EXPECT_TRUE(this->template cut_packet<TypeParam>(this->uncut(data), most).empty());
    EXPECT_TRUE(this->template cut_packet<TypeParam>(this->uncut(data), 0).empty());
    const auto pieces = this->template cut_packet<TypeParam>(this->uncut(data),
                                                             static_cast<std::uint16_t>(most + 1));
    ASSERT_EQ(pieces.size(), 13U);
    EXPECT_EQ(pieces[11], piece(start<TypeParam>(), data, 88, 8));
    EXPECT_EQ(pieces[12], piece(start<TypeParam>(), data, 96, 4));
}

TYPED_TEST(CutFamilyTest, CutAndPutTogetherAgainIsTheSame) {
    WorkerCounters counters;
    Reassembler<TypeParam> fragments({.datagrams = 4, .buffers = 2047, .buffers_per_source = 2047},
                                     counters, 1);
    std::mt19937 random(11);
    const auto pick = [&](std::size_t least, std::size_t most) {
        return std::uniform_int_distribution(least, most)(random);
    };
    for (int round = 0; round < 300; ++round) {
        const std::size_t length = round % 20 == 0 ? pick(60000, 65000) : pick(200, 9000);
        const auto mtu = static_cast<std::uint16_t>(
            pick(length > 20000 ? 1280 : 68, std::min<std::size_t>(length, 9000)));
        auto builder = start<TypeParam>();
        if (round % 3 == 0) builder.ip_options(bytes_of({0x94, 4, 0, 0})).extension(0);
        const Frame packet =
            network_part(builder.ip_id(this->is_v4 ? id16 : 0).payload(numbers(length)).build());
        Bytes sizes;
        if (pick(0, 1) == 0) sizes = {pick(80, 200), pick(0, 100), pick(1, 500)};
        this->pieces_from = pick(0, 1) == 0 ? this->small.get() : this->large.get();
        auto pieces = this->template cut_packet<TypeParam>(packet, mtu, sizes);
        ASSERT_GT(pieces.size(), 1U);
        if (pieces.size() > Reassembler<TypeParam>::most_fragments) continue;
        for (const Frame& p : pieces) {
            EXPECT_LE(p.size(), mtu);
            EXPECT_GT(p.size() + 8, pieces[0].size() == p.size() ? mtu : 0U);
        }
        counters.received.add();
        counters.split.add(pieces.size() - 1);
        std::ranges::shuffle(pieces, random);
        Frame out;
        for (const Frame& p : pieces) {
            Frame frame(ethernet);
            test::poke(frame, 12, {this->is_v4 ? 0x08 : 0x86, this->is_v4 ? 0x00 : 0xDD});
            frame.insert(frame.end(), p.begin(), p.end());
            EXPECT_TRUE(test::checksums_ok(frame));
            PacketMeta meta;
            ASSERT_EQ(parse(PacketReader(frame), static_cast<std::uint32_t>(frame.size()), meta),
                      std::nullopt);
            const auto whole = fragments.add(packet_of(this->large.get(), frame), meta, TickTime());
            if (!whole) continue;
            ASSERT_TRUE(out.empty());
            out = part(bytes_in(whole->packet), ethernet, packet.size());
            EXPECT_LE(whole->largest, mtu);
            counters.forwarded.add();
            rte_pktmbuf_free(whole->packet);
        }
        EXPECT_TRUE(fragments.empty());
        EXPECT_TRUE(counters.conserved());
        ASSERT_EQ(out, packet) << "round " << round << ", mtu " << mtu;
    }
}

TEST_F(CutTest, PiecesAreChainsWhenTheyAreLargerThanABuffer) {
    const Frame packet = network_part(v4().payload(numbers(3000)).build());
    rte_mbuf* m = packet_of(large.get(), packet, {21, 0, 700});
    std::vector<std::uint16_t> buffers;
    EXPECT_EQ(cut<Ipv4>(m, 1500, small.get(), id,
                        [&](rte_mbuf* p) noexcept {
                            buffers.push_back(p->nb_segs);
                            bytes_in(p);
                            rte_pktmbuf_free(p);
                        }),
              3);
    EXPECT_EQ(buffers, (std::vector<std::uint16_t>{8, 8, 1}));
}

TEST_F(CutTest, DontFragmentStays) {
    const Frame data = numbers(100);
    const auto pieces =
        cut_packet<Ipv4>(network_part(v4().ip_id(id16).dont_fragment().payload(data).build()), 84);
    ASSERT_EQ(pieces.size(), 2U);
    EXPECT_EQ(pieces[0], piece(v4(), data, 0, 64, true));
    EXPECT_EQ(pieces[1], piece(v4(), data, 64, 64, true));
}

TEST_F(CutTest, FragmentsAreCutAgain) {
    const Frame data = numbers(4000);
    for (const bool last : {false, true}) {
        const std::size_t begin = 800;
        const std::size_t length = last ? data.size() - begin : 2000;
        const auto pieces = cut_packet<Ipv4>(piece(v4(), data, begin, length), 1220);
        ASSERT_EQ(pieces.size(), last ? 3U : 2U);
        EXPECT_EQ(pieces[0], piece(v4(), data, begin, 1200));
        EXPECT_EQ(pieces[1], piece(v4(), data, begin + 1200, last ? 1200U : 800U));
        if (!last) continue;
        EXPECT_EQ(pieces[2], piece(v4(), data, begin + 2400, 800));
    }
    const auto pieces = cut_packet<Ipv4>(piece(v4(), data, 0, 1600), 1220);
    ASSERT_EQ(pieces.size(), 2U);
    EXPECT_EQ(pieces[0], piece(v4(), data, 0, 1200));
    EXPECT_EQ(pieces[1], piece(v4(), data, 1200, 400));
}

TEST_F(CutTest, LaterPiecesHaveNoOptionsButThoseToBeCopied) {
    struct Row {
        Frame options;
        Frame later;
    };
    const std::vector<Row> rows{
        // Record route, router alert (copied), an end and what is behind it.
        {bytes_of({7, 7, 4, 1, 2, 3, 4, 0x94, 4, 0, 0, 0, 3, 4, 5, 0}),
         bytes_of({1, 1, 1, 1, 1, 1, 1, 0x94, 4, 0, 0, 0, 3, 4, 5, 0})},
        {bytes_of({1, 68, 4, 5, 0, 1, 0x83, 3, 4, 7, 2, 1}),
         bytes_of({1, 1, 1, 1, 1, 1, 0x83, 3, 4, 1, 1, 1})},
        // Lengths that cannot be: what is behind them stays.
        {bytes_of({7, 3, 9, 7, 1, 0, 0, 0}), bytes_of({1, 1, 1, 7, 1, 0, 0, 0})},
        {bytes_of({7, 0, 9, 7}), bytes_of({7, 0, 9, 7})},
        {bytes_of({68, 3, 9, 7, 6, 9, 9, 9}), bytes_of({1, 1, 1, 7, 6, 9, 9, 9})},
        {bytes_of({7, 3, 9, 7}), bytes_of({1, 1, 1, 7})},
    };
    const Frame data = numbers(100);
    for (const Row& row : rows) {
        const auto mtu = static_cast<std::uint16_t>(20 + row.options.size() + 40);
        const auto with = [&](const Frame& options) { return v4().ip_options(options); };
        const auto pieces = cut_packet<Ipv4>(
            network_part(with(row.options).ip_id(id16).payload(data).build()), mtu);
        ASSERT_EQ(pieces.size(), 3U);
        EXPECT_EQ(pieces[0], piece(with(row.options), data, 0, 40));
        EXPECT_EQ(pieces[1], piece(with(row.later), data, 40, 40));
        EXPECT_EQ(pieces[2], piece(with(row.later), data, 80, 40));
        // A later fragment has them right already.
        const auto again = cut_packet<Ipv4>(piece(with(row.options), data, 16, 84), mtu);
        ASSERT_EQ(again.size(), 3U);
        EXPECT_EQ(again[2], piece(with(row.options), data, 96, 40));
    }
}

TEST_F(CutTest, TheFragmentHeaderComesBehindWhatRoutersRead) {
    constexpr std::uint8_t hop_by_hop = 0, routing = 43, options = 60;
    const Frame data = numbers(100);
    struct Row {
        std::vector<std::uint8_t> before;
        std::vector<std::uint8_t> behind;
    };
    for (const Row& row : std::vector<Row>{{{}, {}},
                                           {{hop_by_hop}, {}},
                                           {{routing}, {}},
                                           {{options, routing}, {}},
                                           {{hop_by_hop, options, routing}, {options}},
                                           {{hop_by_hop}, {options}},
                                           {{}, {options}}}) {
        const auto extended = [](PacketBuilder builder, const std::vector<std::uint8_t>& types) {
            for (const std::uint8_t type : types)
                builder.extension(type, Frame(type == 0 ? 6 : 14));
            return builder;
        };
        auto whole = extended(extended(v6(), row.before), row.behind).payload(data).build();
        // The last of them names what the fragments' data begin with.
        const std::size_t headers =
            40 + row.before.size() * 16 - (row.before.empty() || row.before[0] != 0 ? 0 : 8);
        const Frame packet = network_part(whole);
        const Frame fragmentable = part(packet, headers, packet.size());
        const auto mtu = static_cast<std::uint16_t>(headers + 8 + 64);
        const auto pieces = cut_packet<Ipv6>(packet, mtu);
        ASSERT_EQ(pieces.size(), (fragmentable.size() + 63) / 64);
        for (std::size_t i = 0; i < pieces.size(); ++i)
            EXPECT_EQ(pieces[i],
                      piece(extended(v6(), row.before)
                                .ip_protocol(row.behind.empty() ? experimental : row.behind[0]),
                            fragmentable, i * 64, 64))
                << i << " of " << row.before.size();
    }
}

TEST_F(CutTest, HeadersThatAreNotInTheFirstBufferAreNotCut) {
    const Frame packet = network_part(v4().ip_options(Frame(8)).payload(numbers(1000)).build());
    rte_mbuf* m = packet_of(large.get(), packet, {24});
    EXPECT_EQ(cut<Ipv4>(m, 500, large.get(), id, [](rte_mbuf*) noexcept { FAIL(); }), 0);
    EXPECT_EQ(bytes_in(m), packet);
    rte_pktmbuf_free(m);
    // Nor headers that do not fit a buffer of a piece.
    const Frame long_headers =
        network_part(v6().extension(0, Frame(166)).payload(numbers(1000)).build());
    pieces_from = small.get();
    EXPECT_TRUE(cut_packet<Ipv6>(long_headers, 1000).empty());
}

}  // namespace
}  // namespace shunt
