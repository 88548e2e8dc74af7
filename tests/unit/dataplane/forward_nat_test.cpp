// SPDX-License-Identifier: BSD-3-Clause
// Stage 6: each byte of translated packets (ipvs-behaviour 1.12, 1.16).
#include <gtest/gtest.h>

#include <random>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;

class ForwardNat : public ::testing::TestWithParam<Addresses> {
  protected:
    ForwardNat() { bench.add_usual_services(); }
    /// Opens the connection of client port 40000.
    void open(Protocol protocol) {
        bench.put(wan, protocol == Protocol::tcp ? from_client(a).tcp(40000, 80, H::syn).build()
                                                 : from_client(a).udp(40000, 80).build());
        bench.settle();
        static_cast<void>(bench.sent(lan));
    }
    [[nodiscard]] Frame translated(PortId in, const Frame& frame,
                                   const std::vector<std::size_t>& sizes = {}) {
        bench.put_pieces(in, frame, sizes);
        bench.settle();
        return bench.one_sent(in == wan ? lan : wan);
    }
    const Addresses& a = GetParam();
    WorkerBench bench;
};
INSTANTIATE_TEST_SUITE_P(Families, ForwardNat, ::testing::ValuesIn(families), family_name);

/// Everything that a translation must leave alone has a value of its own.
PacketBuilder peculiar_tcp(PacketBuilder b) {
    return b.tos(0xB9)
        .flow_label(0xABCDE)
        .ip_id(0xBEEF)
        .dont_fragment()
        .sequence(0x12345678, 0x9ABCDEF0)
        .window(4321)
        .urgent(77)
        .tcp_options(bytes_of({2, 4, 5, 180, 3, 3, 7, 1}))
        .payload("the payload is not read");
}
constexpr std::uint8_t peculiar_flags = H::ack | H::psh | 0xE0;

TEST_P(ForwardNat, OfTcpTowardTheServerOnlyTheDestinationChanges) {
    open(Protocol::tcp);
    EXPECT_TRUE(same_frame(
        translated(wan, peculiar_tcp(from_client(a)).tcp(40000, 80, peculiar_flags).build()),
        peculiar_tcp(to_server(a)).tcp(40000, 8080, peculiar_flags).build()));
}

TEST_P(ForwardNat, OfTcpTowardTheClientOnlyTheSourceChanges) {
    open(Protocol::tcp);
    EXPECT_TRUE(same_frame(
        translated(lan, peculiar_tcp(from_server(a)).tcp(8080, 40000, peculiar_flags).build()),
        peculiar_tcp(to_client(a)).tcp(80, 40000, peculiar_flags).build()));
}

TEST_P(ForwardNat, OfUdpTheSame) {
    open(Protocol::udp);
    EXPECT_TRUE(same_frame(translated(wan, from_client(a).udp(40000, 80).payload("odd").build()),
                           to_server(a).udp(40000, 8080).payload("odd").build()));
    EXPECT_TRUE(same_frame(translated(lan, from_server(a).udp(8080, 40000).payload("even").build()),
                           to_client(a).udp(80, 40000).payload("even").build()));
}

TEST_P(ForwardNat, HeadersBetweenStay) {
    open(Protocol::tcp);
    const auto with_options = [&](PacketBuilder b) {
        return a.header == 20 ? b.ip_options(bytes_of({7, 7, 4, 0, 0, 0, 0, 0}))
                              : b.extension(0, bytes_of({1, 4, 0, 0, 0, 0}))
                                    .extension(60, bytes_of({1, 12, 1, 2, 3}));
    };
    EXPECT_TRUE(same_frame(translated(wan, with_options(from_client(a)).tcp(40000, 80).build()),
                           with_options(to_server(a)).tcp(40000, 8080).build()));
    EXPECT_TRUE(same_frame(translated(lan, with_options(from_server(a)).tcp(8080, 40000).build()),
                           with_options(to_client(a)).tcp(80, 40000).build()));
}

TEST_P(ForwardNat, UdpWithoutChecksumGetsOne) {
    open(Protocol::udp);
    EXPECT_TRUE(same_frame(
        translated(wan, from_client(a).udp(40000, 80).payload(33).l4_checksum(0).build()),
        to_server(a).udp(40000, 8080).payload(33).build()));
    EXPECT_TRUE(same_frame(
        translated(lan, from_server(a).udp(8080, 40000).payload(34).l4_checksum(0).build()),
        to_client(a).udp(80, 40000).payload(34).build()));
}

TEST_P(ForwardNat, UdpWithoutChecksumInPiecesGetsARightOne) {
    open(Protocol::udp);
    const auto frame = from_client(a).udp(40000, 80).payload(300).l4_checksum(0).build();
    const auto expected = to_server(a).udp(40000, 8080).payload(300).build();
    EXPECT_TRUE(same_frame(translated(wan, frame, {100}), expected));
    EXPECT_TRUE(same_frame(translated(wan, frame, {101}), expected));
    EXPECT_TRUE(same_frame(translated(wan, frame, {101, 50, 33, 1}), expected));
}

TEST_P(ForwardNat, AUdpChecksumThatComesOutAsZeroIsSentAsAllOnes) {
    open(Protocol::udp);
    // Of 65,536 payloads one gives zero, updated or computed afresh.
    const std::size_t checksum = 14 + a.header + 6;
    const std::size_t payload = checksum + 2;
    Frame base = to_server(a).udp(40000, 8080).payload(Frame(2)).build();
    const std::uint32_t word = get16(base, checksum);
    const Frame body = bytes_of({static_cast<int>(word >> 8), static_cast<int>(word & 0xFF)});
    for (const bool given : {true, false}) {
        auto builder = from_client(a).udp(40000, 80).payload(body);
        if (!given) builder.l4_checksum(0);
        const Frame sent = translated(wan, builder.build());
        ASSERT_GT(sent.size(), payload);
        EXPECT_EQ(get16(sent, checksum), 0xFFFF) << given;
        EXPECT_TRUE(checksums_ok(sent)) << checksum_problem(sent);
    }
}

TEST_P(ForwardNat, WrongChecksumsStayWrongByTheSameAmount) {
    open(Protocol::tcp);
    const std::size_t field = 14 + a.header + 16;
    const auto right = from_client(a).tcp(40000, 80).payload(9).build();
    const Frame expected = to_server(a).tcp(40000, 8080).payload(9).build();
    for (const std::uint32_t error : {1U, 0x0100U, 0x7FFFU}) {
        const auto wrong = static_cast<std::uint16_t>(get16(right, field) + error);
        Frame sent =
            translated(wan, from_client(a).tcp(40000, 80).payload(9).l4_checksum(wrong).build());
        EXPECT_FALSE(checksums_ok(sent));
        const auto difference =
            static_cast<std::uint16_t>(get16(sent, field) - get16(expected, field));
        EXPECT_TRUE(difference == error || difference == error + 1 || difference == error - 1)
            << error << " became " << difference;
    }
}

TEST_P(ForwardNat, PaddingBehindThePacketIsCut) {
    open(Protocol::tcp);
    EXPECT_TRUE(same_frame(translated(wan, from_client(a).tcp(40000, 80).pad_to(200).build()),
                           to_server(a).tcp(40000, 8080).build()));
    EXPECT_TRUE(
        same_frame(translated(wan, from_client(a).tcp(40000, 80).pad_to(400).build(), {120, 100}),
                   to_server(a).tcp(40000, 8080).build()));
    EXPECT_TRUE(
        same_frame(translated(wan, from_client(a).tcp(40000, 80).payload(200).pad_to(600).build(),
                              {60, 100, 200}),
                   to_server(a).tcp(40000, 8080).payload(200).build()));
}

TEST_P(ForwardNat, APacketInAnyPiecesArrivesWhole) {
    open(Protocol::tcp);
    const Frame frame = from_client(a).tcp(40000, 80).payload(1200).build();
    const Frame expected = to_server(a).tcp(40000, 8080).payload(1200).build();
    const std::size_t headers = 14 + a.header + 20;
    for (const std::vector<std::size_t>& sizes : std::vector<std::vector<std::size_t>>{
             {headers}, {headers + 1}, {headers, 1, 1}, {600}, {frame.size() - 1}})
        EXPECT_TRUE(same_frame(translated(wan, frame, sizes), expected)) << sizes[0];
}

TEST_P(ForwardNat, RandomPacketsHaveRightChecksums) {
    std::mt19937 random(7);
    open(Protocol::tcp);
    open(Protocol::udp);
    const auto any = [&](unsigned below) { return static_cast<std::size_t>(random() % below); };
    for (int i = 0; i < 500; ++i) {
        Frame payload(any(700));
        for (auto& b : payload) b = static_cast<std::byte>(any(4) == 0 ? 0xFF : any(256));
        const bool inbound = any(2) == 0;
        const auto number = static_cast<std::uint32_t>(random());
        const auto build = [&](PacketBuilder b, int source, int destination) {
            const auto from = static_cast<std::uint16_t>(source);
            const auto to = static_cast<std::uint16_t>(destination);
            if (i % 2 == 0)
                return b.tcp(from, to).sequence(number, ~number).payload(payload).build();
            return b.udp(from, to).payload(payload).build();
        };
        const Frame sent = inbound ? translated(wan, build(from_client(a), 40000, 80))
                                   : translated(lan, build(from_server(a), 8080, 40000));
        const Frame expected =
            inbound ? build(to_server(a), 40000, 8080) : build(to_client(a), 80, 40000);
        ASSERT_TRUE(same_frame(sent, expected)) << i;
    }
}

}  // namespace
}  // namespace shunt
