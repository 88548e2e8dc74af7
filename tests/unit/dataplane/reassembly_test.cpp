// SPDX-License-Identifier: BSD-3-Clause
// Fragments of both families, by hand and at random. The end of each test is a test of its own: the
// counters agree, and no packet buffer is missing.
#include "dataplane/reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "support/mbufs.h"

namespace shunt {
namespace {

using test::bytes_in;
using test::bytes_of;
using test::describe;
using test::Frame;
using test::get16;
using test::make_pool;
using test::packet_of;
using test::PacketBuilder;
using test::Pool;

constexpr std::uint8_t experimental = 253;  // a protocol whose header nobody looks for
constexpr std::size_t ethernet = 14;

TickTime at(std::uint32_t tick) {
    return TickTime(Ticks(tick));
}

/// A fragment as its sender makes it. Its data is [begin, begin + length) of its datagram's.
struct Sent {
    std::uint32_t begin = 0;
    std::uint32_t length = 0;
    bool more = true;
    std::uint32_t id = 7;
    std::uint32_t source = 1;
    std::uint32_t destination = 2;
    std::uint8_t protocol = experimental;
    std::uint8_t tos = 0;
    bool dont_fragment = false;
};

/// Says where it stands, and in which datagram.
Frame data_of(std::uint32_t begin, std::uint32_t length, std::uint32_t id) {
    Frame bytes(length);
    for (std::uint32_t i = 0; i < length; ++i) {
        const std::uint32_t place = begin + i;
        bytes[i] = static_cast<std::byte>(place ^ (place >> 8) * 31 ^ id * 5);
    }
    return bytes;
}

::testing::AssertionResult same_frame(const Frame& actual, const Frame& expected) {
    if (actual == expected) return ::testing::AssertionSuccess();
    const auto first = std::ranges::mismatch(actual, expected).in1 - actual.begin();
    return ::testing::AssertionFailure()
           << actual.size() << " bytes instead of " << expected.size() << ", differs at " << first
           << "\nis       " << describe(actual) << "\nexpected " << describe(expected);
}

template <class F>
class ReassemblerTest : public ::testing::Test {
  protected:
    using Whole = typename Reassembler<F>::Whole;
    static constexpr bool is_v4 = F::family == Family::ipv4;
    static constexpr std::uint32_t header = sizeof(typename F::Header);
    /// What a fragment has before its data.
    static constexpr std::uint32_t headers = is_v4 ? 20 : 48;
    static constexpr std::size_t all_headers = ethernet + headers;
    static constexpr std::uint32_t most_data = is_v4 ? 0xFFFF - 20 : 0xFFFF;
    static constexpr std::uint32_t patience = Reassembler<F>::patience.count();
    static constexpr unsigned pool_size = 4095;

    ReassemblerTest() { limit({.datagrams = 64, .buffers = 2048, .buffers_per_source = 1024}); }
    ~ReassemblerTest() override {
        fragments->release_all();
        EXPECT_TRUE(fragments->empty());
        EXPECT_EQ(fragments->buffers(), 0U);
        EXPECT_EQ(counters.held.value(), counters.resumed.value());
        EXPECT_TRUE(counters.conserved());
        EXPECT_EQ(rte_mempool_avail_count(pool.get()), pool_size) << "packet buffers are missing";
    }

    /// Anew, with other limits.
    void limit(const ReassemblyLimits& limits) {
        fragments = std::make_unique<Reassembler<F>>(limits, counters, 0x5EED);
    }

    static std::string host(std::uint32_t n) {
        if (is_v4) return to_string(IpAddress(Ipv4Address{Be32(0x0A000000U + n)}));
        Ipv6Address a{{0x20, 0x01, 0x0d, 0xb8}};
        const Be32 word(n);
        std::memcpy(a.bytes.data() + 12, &word, sizeof(word));
        return to_string(IpAddress(a));
    }
    static PacketBuilder builder(const Sent& sent) {
        return PacketBuilder()
            .ip(host(sent.source), host(sent.destination))
            .ip_protocol(sent.protocol)
            .tos(sent.tos)
            .payload(data_of(sent.begin, sent.length, sent.id));
    }
    static Frame frame(const Sent& sent) {
        return builder(sent)
            .fragment(static_cast<std::uint16_t>(sent.begin), sent.more, sent.id)
            .dont_fragment(sent.dont_fragment)
            .build();
    }
    /// The datagram that has `length` bytes of data, as if it had never been cut.
    static PacketBuilder uncut(std::uint32_t length, const Sent& of = {}) {
        return builder({.length = length,
                        .id = of.id,
                        .source = of.source,
                        .destination = of.destination,
                        .protocol = of.protocol,
                        .tos = of.tos})
            .ip_id(is_v4 ? static_cast<std::uint16_t>(of.id) : 0);
    }

    std::optional<Whole> add(rte_mbuf* packet, TickTime now = at(0)) {
        counters.received.add();
        const auto bytes = std::span(rte_pktmbuf_mtod(packet, const std::byte*), packet->data_len);
        PacketMeta meta;
        const auto refused = parse(PacketReader(bytes), packet->pkt_len, meta);
        EXPECT_EQ(refused, std::nullopt);
        const auto whole = fragments->add(packet, meta, now);
        if (whole) counters.forwarded.add();
        EXPECT_TRUE(counters.conserved());
        EXPECT_EQ(fragments->empty(), fragments->buffers() == 0);
        EXPECT_EQ(rte_mempool_in_use_count(pool.get()),
                  fragments->buffers() + (whole ? whole->packet->nb_segs : 0U));
        return whole;
    }
    std::optional<Whole> add(const Frame& frame, TickTime now = at(0)) {
        return add(packet_of(pool.get(), frame), now);
    }
    std::optional<Whole> add(const Sent& sent, TickTime now = at(0)) {
        return add(frame(sent), now);
    }
    /// What must not complete anything.
    void hold(const Sent& sent, TickTime now = at(0)) {
        const auto whole = add(sent, now);
        EXPECT_FALSE(whole.has_value()) << "at " << sent.begin;
        if (whole) rte_pktmbuf_free(whole->packet);
    }
    /// The frame that came out; empty when there is none.
    static Frame taken(const std::optional<Whole>& whole) {
        EXPECT_TRUE(whole.has_value());
        if (!whole) return {};
        Frame bytes = bytes_in(whole->packet);
        rte_pktmbuf_free(whole->packet);
        return bytes;
    }
    /// The first `done` bytes are there and nothing else: the rest completes the datagram.
    void expect_waiting(std::uint32_t done, std::uint32_t length, const Sent& of = {}) {
        Sent rest = of;
        rest.begin = done;
        rest.length = length - done;
        rest.more = false;
        EXPECT_TRUE(same_frame(taken(add(rest)), uncut(length, of).build()));
    }
    [[nodiscard]] std::uint64_t dropped(DropReason reason) const {
        return counters.dropped[static_cast<std::size_t>(reason)].value();
    }
    /// So many fragments were dropped for this reason, and none for another.
    void expect_dropped(DropReason reason, std::uint64_t count) const {
        EXPECT_EQ(dropped(reason), count) << name(reason);
        EXPECT_EQ(counters.all_dropped(), count);
    }
    void expire(TickTime now) {
        fragments->expire(now, 1000, [](rte_mbuf*) noexcept {});
    }

    Pool pool = make_pool(pool_size);
    WorkerCounters counters;
    std::unique_ptr<Reassembler<F>> fragments;
};

struct FamilyNames {
    template <class F>
    static std::string GetName(int /*position*/) {
        return F::family == Family::ipv4 ? "Ipv4" : "Ipv6";
    }
};
using Families = ::testing::Types<Ipv4, Ipv6>;
TYPED_TEST_SUITE(ReassemblerTest, Families, FamilyNames);
using Ipv4Reassembler = ReassemblerTest<Ipv4>;
using Ipv6Reassembler = ReassemblerTest<Ipv6>;

// ------------------------------------------------------------------------ what comes out

TYPED_TEST(ReassemblerTest, EveryOrderGivesTheSameDatagram) {
    const std::vector<Sent> sent{{.begin = 0, .length = 1400},
                                 {.begin = 1400, .length = 8},
                                 {.begin = 1408, .length = 800},
                                 {.begin = 2208, .length = 333, .more = false}};
    std::vector<std::size_t> order{0, 1, 2, 3};
    int orders = 0;
    do {
        for (std::size_t i = 0; i < 3; ++i) this->hold(sent[order[i]]);
        const auto whole = this->add(sent[order[3]]);
        ASSERT_TRUE(whole.has_value());
        EXPECT_EQ(whole->largest, this->headers + 1400);
        EXPECT_TRUE(same_frame(this->taken(whole), this->uncut(2541).build()));
        EXPECT_TRUE(this->fragments->empty());
        ++orders;
    } while (std::ranges::next_permutation(order).found);
    EXPECT_EQ(orders, 24);
    EXPECT_EQ(this->counters.held.value(), 24U * 4);
    EXPECT_EQ(this->counters.joined.value(), 24U * 3);
    EXPECT_EQ(this->counters.all_dropped(), 0U);
}

TYPED_TEST(ReassemblerTest, RandomCutsOrdersDuplicatesAndChainsGiveTheSameBytes) {
    std::mt19937 random(20240611);
    const auto pick = [&](std::uint32_t least, std::uint32_t most) {
        return std::uniform_int_distribution(least, most)(random);
    };
    for (std::uint32_t round = 0; round < 400; ++round) {
        const std::uint32_t length = round % 20 == 0 ? pick(60000, this->most_data) : pick(9, 9000);
        const std::uint32_t most_piece = std::max(length / 200, pick(1, 400)) * 8;
        std::vector<Sent> sent;
        for (std::uint32_t begin = 0; begin < length;) {
            const std::uint32_t piece =
                std::min({pick(1, most_piece / 8) * 8, length - begin, (length - 1) / 8 * 8});
            sent.push_back({begin, piece, begin + piece < length, round});
            begin += piece;
        }
        const std::size_t fragments = sent.size();
        for (std::uint32_t n = pick(0, 4); n > 0; --n)
            sent.push_back(sent[pick(0, static_cast<std::uint32_t>(fragments) - 1)]);
        std::ranges::shuffle(sent, random);
        std::uint32_t largest = 0;
        Frame out;
        for (const Sent& s : sent) {
            largest = std::max(largest, this->headers + s.length);
            Frame bytes = this->frame(s);
            if (pick(0, 3) == 0) bytes.resize(bytes.size() + pick(1, 40), std::byte{0xEE});
            std::vector<std::size_t> sizes;
            if (pick(0, 2) == 0)
                sizes = {this->all_headers + pick(0, 30), pick(0, 300), pick(1, 9)};
            const auto now = this->add(packet_of(this->pool.get(), bytes, sizes));
            if (!now) continue;
            EXPECT_EQ(now->largest, largest);
            out = this->taken(now);
        }
        ASSERT_TRUE(same_frame(out, this->uncut(length, {.id = round}).build()))
            << "round " << round;
        // Duplicates that came too late wait for others that never come.
        this->expire(at(this->patience));
        ASSERT_TRUE(this->fragments->empty());
    }
}

TYPED_TEST(ReassemblerTest, DatagramsDoNotMix) {
    const Sent first{.length = 16};
    std::vector<Sent> others(4, first);
    others[0].id = 8;
    others[1].source = 3;
    others[2].destination = 3;
    // The lower half of the identification is the same.
    others[3].id = this->is_v4 ? 9 : 0x10007;
    this->hold(first);
    for (const Sent& other : others) this->hold(other);
    for (const Sent& other : others) this->expect_waiting(16, 40, other);
    this->expect_waiting(16, 40, first);
    this->expect_dropped(DropReason::fragment_duplicate, 0);
}

TYPED_TEST(ReassemblerTest, PaddingStaysBehind) {
    for (const std::uint32_t length : {1U, 5U, 8U}) {
        Frame first = this->frame({.length = 8});
        Frame last = this->frame({.begin = 8, .length = length, .more = false});
        first.resize(first.size() + 18, std::byte{0xEE});
        last.resize(last.size() + 18, std::byte{0xEE});
        for (const bool reverse : {false, true}) {
            EXPECT_FALSE(this->add(reverse ? last : first).has_value());
            EXPECT_TRUE(same_frame(this->taken(this->add(reverse ? first : last)),
                                   this->uncut(8 + length).build()));
        }
    }
    // A buffer of its own for the padding.
    Frame first = this->frame({.length = 8});
    const std::size_t packet = first.size();
    first.resize(packet + 20, std::byte{0xEE});
    EXPECT_FALSE(this->add(packet_of(this->pool.get(), first, {packet, 10})).has_value());
    this->expect_waiting(8, 16);
}

TYPED_TEST(ReassemblerTest, TheFirstFragmentsLinkHeaderStays) {
    const auto tagged = [&](std::uint16_t tag, const Sent& sent) {
        return this->builder(sent)
            .mac("02:00:00:00:00:0a", "02:00:00:00:00:0b")
            .vlan(tag)
            .fragment(static_cast<std::uint16_t>(sent.begin), sent.more, sent.id)
            .build();
    };
    EXPECT_FALSE(this->add(this->frame({.begin = 24, .length = 8, .more = false})).has_value());
    EXPECT_FALSE(this->add(tagged(9, {.begin = 16, .length = 8})).has_value());
    EXPECT_TRUE(same_frame(
        this->taken(this->add(tagged(0x2005, {.length = 16}))),
        this->uncut(32).mac("02:00:00:00:00:0a", "02:00:00:00:00:0b").vlan(0x2005).build()));
}

TYPED_TEST(ReassemblerTest, TheFirstFragmentsNetworkHeaderStays) {
    const auto with_ttl = [&](std::uint8_t ttl, const Sent& sent) {
        return this->builder(sent)
            .ttl(ttl)
            .fragment(static_cast<std::uint16_t>(sent.begin), sent.more, sent.id)
            .build();
    };
    EXPECT_FALSE(this->add(with_ttl(9, {.begin = 16, .length = 8, .more = false})).has_value());
    EXPECT_TRUE(same_frame(this->taken(this->add(with_ttl(44, {.length = 16}))),
                           this->uncut(24).ttl(44).build()));
}

TYPED_TEST(ReassemblerTest, TheLongestDatagramIsPutTogether) {
    std::uint32_t begin = 0;
    for (; begin + 1480 < this->most_data; begin += 1480)
        this->hold({.begin = begin, .length = 1480});
    this->expect_waiting(begin, this->most_data);
    EXPECT_EQ(this->counters.all_dropped(), 0U);
}

TYPED_TEST(ReassemblerTest, WholePacketsComeOutAtOnce) {
    // IPv4 knows no such fragments; IPv6 does: with a fragment header that needs no other.
    const auto whole = this->add(Sent{.length = 100, .more = false});
    ASSERT_TRUE(whole.has_value());
    EXPECT_EQ(whole->largest, this->headers + 100);
    EXPECT_TRUE(same_frame(this->taken(whole), this->uncut(100).build()));
    EXPECT_EQ(this->counters.held.value(), 0U);
    EXPECT_EQ(this->counters.joined.value(), 0U);
    // Fragments of the same key wait on (RFC 6946).
    this->hold({.length = 16});
    EXPECT_TRUE(same_frame(this->taken(this->add(Sent{.length = 50, .more = false})),
                           this->uncut(50).build()));
    this->expect_waiting(16, 40);
}

TYPED_TEST(ReassemblerTest, CongestionThatAnyFragmentMetIsKept) {
    constexpr std::uint8_t ect1 = 1, ect0 = 2, ce = 3;
    struct Row {
        std::uint8_t first, second, third, result;
    };
    for (const Row& row : std::initializer_list<Row>{{0, 0, 0, 0},
                                                     {ect0, ect0, ect0, ect0},
                                                     {ect1, ect1, ect1, ect1},
                                                     {ect0, ect1, ect0, ect0},
                                                     {ect1, ect0, ect0, ect1},
                                                     {ect0, ce, ect0, ce},
                                                     {ect0, ect0, ce, ce},
                                                     {ce, ect0, ect1, ce},
                                                     {ce, ce, ce, ce}}) {
        const auto tos = [](std::uint8_t ecn) { return static_cast<std::uint8_t>(0xB8 | ecn); };
        this->hold({.length = 8, .tos = tos(row.first)});
        this->hold({.begin = 8, .length = 8, .tos = tos(row.second)});
        EXPECT_TRUE(same_frame(
            this->taken(
                this->add(Sent{.begin = 16, .length = 8, .more = false, .tos = tos(row.third)})),
            this->uncut(24, {.tos = tos(row.result)}).build()));
    }
    EXPECT_EQ(this->counters.all_dropped(), 0U);
    // Some fragments say that they take part, others not (RFC 3168 5.3).
    for (const std::uint8_t other : {ect1, ect0, ce}) {
        const std::uint64_t before = this->counters.all_dropped();
        this->hold({.length = 8, .tos = 0});
        this->hold({.begin = 8, .length = 8, .more = false, .tos = other});
        this->expect_dropped(DropReason::fragment_bad, before + 2);
        EXPECT_TRUE(this->fragments->empty());
    }
}

TEST_F(Ipv4Reassembler, DontFragmentStaysOnlyIfTheLongestHadIt) {
    struct Row {
        std::uint32_t first, last;
        bool first_has, last_has, result;
    };
    for (const Row& row : std::initializer_list<Row>{{80, 40, false, false, false},
                                                     {80, 40, true, true, true},
                                                     {80, 40, true, false, true},
                                                     {80, 40, false, true, false},
                                                     {40, 80, true, false, false},
                                                     {40, 80, false, true, true},
                                                     {40, 40, false, true, true},
                                                     {40, 40, true, false, true}}) {
        hold({.length = row.first, .dont_fragment = row.first_has});
        EXPECT_TRUE(same_frame(taken(add(Sent{.begin = row.first,
                                              .length = row.last,
                                              .more = false,
                                              .dont_fragment = row.last_has})),
                               uncut(row.first + row.last).dont_fragment(row.result).build()));
    }
}

TEST_F(Ipv4Reassembler, TheFirstFragmentsOptionsStay) {
    const Frame options = bytes_of({0x94, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0});
    const auto later = frame({.begin = 16, .length = 16, .more = false});
    const auto first = builder({.length = 16}).ip_options(options).fragment(0, true, 7).build();
    for (const bool reverse : {false, true}) {
        EXPECT_FALSE(add(reverse ? later : first).has_value());
        const auto whole = add(reverse ? first : later);
        ASSERT_TRUE(whole.has_value());
        EXPECT_EQ(whole->largest, 20 + 12 + 16);
        EXPECT_TRUE(same_frame(taken(whole), uncut(32).ip_options(options).build()));
    }
    // Those of others go.
    hold({.length = 16});
    EXPECT_TRUE(same_frame(taken(add(builder({.begin = 16, .length = 16})
                                         .ip_options(options)
                                         .fragment(16, false, 7)
                                         .build())),
                           uncut(32).build()));
}

TEST_F(Ipv4Reassembler, AHeaderWithOptionsAndTheLongestDataAreTooMuch) {
    const Frame options = bytes_of({7, 7, 4, 0, 0, 0, 0});
    EXPECT_FALSE(
        add(builder({.length = 8}).ip_options(options).fragment(0, true, 7).build()).has_value());
    std::uint32_t begin = 8;
    for (; begin + 1480 < most_data; begin += 1480) hold({.begin = begin, .length = 1480});
    const std::uint64_t fragments_before = counters.held.value();
    hold({.begin = begin, .length = most_data - begin, .more = false});
    expect_dropped(DropReason::fragment_bad, fragments_before + 1);
    EXPECT_TRUE(fragments->empty());
}

TEST_F(Ipv6Reassembler, HeadersBeforeTheFragmentHeaderStay) {
    const auto extended = [&](const Sent& sent) {
        return builder(sent).extension(0).extension(60, Frame(14)).extension(43, Frame(6));
    };
    const auto first = extended({.length = 16}).fragment(0, true, 7).build();
    const auto later = extended({.begin = 16, .length = 20}).fragment(16, false, 7).build();
    for (const bool reverse : {false, true}) {
        EXPECT_FALSE(add(reverse ? later : first).has_value());
        EXPECT_TRUE(
            same_frame(taken(add(reverse ? first : later)), extended({.length = 36}).build()));
    }
    // Atomic ones too, and what stands behind the fragment header.
    EXPECT_TRUE(same_frame(
        taken(add(extended({.length = 16}).fragment(0, false, 7).extension(60, Frame(6)).build())),
        extended({.length = 16}).extension(60, Frame(6)).build()));
}

TEST_F(Ipv6Reassembler, AHeaderChainAndTheLongestDataAreTooMuch) {
    EXPECT_FALSE(
        add(builder({.length = 8}).extension(60).fragment(0, true, 7).build()).has_value());
    std::uint32_t begin = 8;
    for (; begin + 1480 < most_data; begin += 1480) hold({.begin = begin, .length = 1480});
    const std::uint64_t fragments_before = counters.held.value();
    hold({.begin = begin, .length = most_data - begin, .more = false});
    expect_dropped(DropReason::fragment_bad, fragments_before + 1);
}

TEST_F(Ipv6Reassembler, TheFirstFragmentSaysWhatFollows) {
    hold({.begin = 16, .length = 16, .more = false, .protocol = 17});
    EXPECT_TRUE(same_frame(taken(add(Sent{.length = 16})), uncut(32).build()));
}

// ------------------------------------------------------------------------ what is refused

TYPED_TEST(ReassemblerTest, WhatIsThereAlreadyIsDroppedAlone) {
    this->hold({.begin = 0, .length = 32});
    this->hold({.begin = 32, .length = 32});
    this->hold({.begin = 80, .length = 16, .more = false});
    std::uint64_t count = 0;
    for (const Sent& again :
         std::initializer_list<Sent>{{.begin = 0, .length = 32},
                                     {.begin = 32, .length = 32},
                                     {.begin = 80, .length = 16, .more = false},
                                     {.begin = 8, .length = 8},
                                     {.begin = 24, .length = 40},
                                     {.begin = 0, .length = 64},
                                     {.begin = 80, .length = 8},
                                     {.begin = 88, .length = 8, .more = false}}) {
        this->hold(again);
        this->expect_dropped(DropReason::fragment_duplicate, ++count);
    }
    EXPECT_TRUE(same_frame(this->taken(this->add(Sent{.begin = 64, .length = 16})),
                           this->uncut(96).build()));
}

TYPED_TEST(ReassemblerTest, APartThatIsNewGivesTheDatagramUp) {
    std::uint64_t count = 0;
    for (const Sent& overlapping :
         std::initializer_list<Sent>{{.begin = 0, .length = 24},
                                     {.begin = 8, .length = 16},
                                     {.begin = 24, .length = 32},
                                     {.begin = 16, .length = 48},
                                     {.begin = 8, .length = 80},
                                     {.begin = 16, .length = 8 + 32},
                                     {.begin = 40, .length = 24},
                                     {.begin = 56, .length = 24},
                                     {.begin = 72, .length = 24},
                                     {.begin = 72, .length = 21, .more = false}}) {
        this->hold({.begin = 16, .length = 16});
        this->hold({.begin = 32, .length = 16});
        this->hold({.begin = 64, .length = 16});
        this->hold(overlapping);
        this->expect_dropped(DropReason::fragment_overlap, count += 4);
        EXPECT_TRUE(this->fragments->empty());
    }
}

TEST_F(Ipv6Reassembler, WhatLiesBeyondTheEndIsIgnored) {
    hold({.begin = 64, .length = 16, .more = false});
    hold({.begin = 80, .length = 8});
    hold({.begin = 64, .length = 24, .more = false});
    expect_dropped(DropReason::fragment_bad, 2);
    EXPECT_TRUE(same_frame(taken(add(Sent{.length = 64})), uncut(80).build()));
}

TEST_F(Ipv4Reassembler, TwoEndsGiveTheDatagramUp) {
    const Sent last{.begin = 64, .length = 16, .more = false};
    std::uint64_t count = 0;
    for (const Sent& other : std::initializer_list<Sent>{{.begin = 64, .length = 24, .more = false},
                                                         {.begin = 64, .length = 8, .more = false},
                                                         {.begin = 80, .length = 8, .more = false},
                                                         {.begin = 16, .length = 8, .more = false},
                                                         {.begin = 80, .length = 8},
                                                         {.begin = 64, .length = 24},
                                                         {.begin = 800, .length = 24}}) {
        this->hold(last);
        this->hold(other);
        this->expect_dropped(DropReason::fragment_bad, count += 2);
        EXPECT_TRUE(this->fragments->empty());
    }
    // Data beyond the end is there first.
    this->hold({.begin = 80, .length = 8});
    this->hold(last);
    this->expect_dropped(DropReason::fragment_bad, count + 2);
}

TYPED_TEST(ReassemblerTest, WithoutDataTheDatagramIsGivenUp) {
    this->hold({.begin = 8, .length = 0});
    this->expect_dropped(DropReason::fragment_bad, 1);
    EXPECT_TRUE(this->fragments->empty());
    this->hold({.begin = 16, .length = 16});
    this->hold({.begin = 8, .length = 0});
    this->expect_dropped(DropReason::fragment_bad, 3);
    this->hold({.begin = 16, .length = 16});
    this->hold({.begin = 32, .length = 0, .more = false});
    this->expect_dropped(DropReason::fragment_bad, 5);
    EXPECT_TRUE(this->fragments->empty());
}

TEST_F(Ipv4Reassembler, ALengthThatIsNoMultipleOfEightIsCutDown) {
    const auto odd = [&](const Sent& sent) {
        return builder(sent).fragment(static_cast<std::uint16_t>(sent.begin), true, 7).build();
    };
    EXPECT_FALSE(add(odd({.length = 23})).has_value());
    EXPECT_FALSE(add(odd({.begin = 16, .length = 31})).has_value());
    const auto whole = add(Sent{.begin = 40, .length = 3, .more = false});
    ASSERT_TRUE(whole.has_value());
    EXPECT_EQ(whole->largest, 20 + 24);
    EXPECT_TRUE(same_frame(taken(whole), uncut(43).build()));
    // Nothing of it is left.
    hold({.begin = 16, .length = 16});
    EXPECT_FALSE(add(odd({.begin = 8, .length = 7})).has_value());
    expect_dropped(DropReason::fragment_bad, 2);
}

TEST_F(Ipv6Reassembler, ALengthThatIsNoMultipleOfEightIsDroppedAlone) {
    hold({.length = 16});
    for (const std::uint32_t length : {1U, 7U, 9U, 23U}) hold({.begin = 16, .length = length});
    expect_dropped(DropReason::fragment_bad, 4);
    expect_waiting(16, 40);
}

TEST_F(Ipv6Reassembler, AFirstFragmentHasTheWholeUpperHeader) {
    hold({.begin = 24, .length = 8, .more = false, .protocol = 6});
    hold({.length = 16, .protocol = 6});
    expect_dropped(DropReason::fragment_bad, 1);
    EXPECT_TRUE(same_frame(taken(add(Sent{.length = 24, .protocol = 6})),
                           uncut(32, {.protocol = 6}).build()));
    // Of other protocols eight bytes are enough.
    const auto with_options = [&](std::uint32_t length) {
        return builder({.length = length, .protocol = 17})
            .fragment(0, true, 8)
            .extension(60, Frame(6))
            .build();
    };
    EXPECT_FALSE(add(with_options(0)).has_value());
    expect_dropped(DropReason::fragment_bad, 2);
    EXPECT_FALSE(add(with_options(8)).has_value());
    expect_dropped(DropReason::fragment_bad, 2);
    EXPECT_EQ(fragments->buffers(), 1U);
    // A packet without data needs no header.
    EXPECT_TRUE(same_frame(taken(add(Sent{.more = false, .protocol = 59})),
                           uncut(0, {.protocol = 59}).build()));
}

TEST_F(Ipv6Reassembler, OfTwoFragmentHeadersTheOneOfAFragmentCounts) {
    const auto two = [&](bool outer_first) {
        auto b = builder({.length = 16});
        return (outer_first ? b.fragment(0, true, 7).fragment(0, false, 8)
                            : b.fragment(0, false, 8).fragment(0, true, 7))
            .build();
    };
    const auto one_left = builder({.length = 32}).fragment(0, false, 8).build();
    EXPECT_FALSE(add(two(false)).has_value());
    EXPECT_TRUE(same_frame(taken(add(Sent{.begin = 16, .length = 16, .more = false})), one_left));
    EXPECT_FALSE(add(two(true)).has_value());
    // The other one is data here.
    EXPECT_TRUE(same_frame(
        taken(add(builder({.begin = 16, .length = 16}).fragment(24, false, 7).build())), one_left));
}

TEST_F(Ipv6Reassembler, APacketWithoutFragmentHeaderIsRefused) {
    EXPECT_FALSE(add(builder({.length = 16}).build()).has_value());
    expect_dropped(DropReason::fragment_bad, 1);
}

// ------------------------------------------------------------------------ time

TYPED_TEST(ReassemblerTest, AnIncompleteDatagramIsDroppedInTime) {
    EXPECT_EQ(this->patience, this->is_v4 ? 300U : 600U);
    const Frame first = this->frame({.length = 16});
    EXPECT_FALSE(this->add(this->frame({.begin = 16, .length = 8}), at(1000)).has_value());
    EXPECT_FALSE(
        this->add(packet_of(this->pool.get(), first, {this->all_headers}), at(1200)).has_value());
    std::vector<Frame> told;
    const auto tell = [&](rte_mbuf* packet) noexcept { told.push_back(bytes_in(packet)); };
    this->fragments->expire(at(1000 + this->patience - 1), 1000, tell);
    EXPECT_FALSE(this->fragments->empty());
    EXPECT_TRUE(told.empty());
    this->fragments->expire(at(1000 + this->patience), 1000, tell);
    EXPECT_TRUE(this->fragments->empty());
    ASSERT_EQ(told.size(), 1U);
    EXPECT_TRUE(same_frame(told[0], first));
    this->expect_dropped(DropReason::fragment_timeout, 2);
    EXPECT_EQ(this->counters.resumed.value(), 2U);
    EXPECT_EQ(this->counters.joined.value(), 0U);
}

TYPED_TEST(ReassemblerTest, NobodyIsToldWithoutTheFirstFragment) {
    this->hold({.begin = 16, .length = 8});
    this->hold({.begin = 24, .length = 8, .more = false});
    int told = 0;
    this->fragments->expire(at(this->patience), 1000, [&](rte_mbuf*) noexcept { ++told; });
    EXPECT_EQ(told, 0);
    this->expect_dropped(DropReason::fragment_timeout, 2);
}

TYPED_TEST(ReassemblerTest, ExpiresTheOldestAtMostSoManyAtOnce) {
    for (std::uint32_t id = 1; id <= 5; ++id) this->hold({.length = 8, .id = id}, at(id));
    std::vector<Frame> told;
    const auto tell = [&](rte_mbuf* packet) noexcept { told.push_back(bytes_in(packet)); };
    this->fragments->expire(at(this->patience + 4), 3, tell);
    ASSERT_EQ(told.size(), 3U);
    this->fragments->expire(at(this->patience + 4), 3, tell);
    ASSERT_EQ(told.size(), 4U);
    for (std::uint32_t id = 1; id <= 4; ++id)
        EXPECT_TRUE(same_frame(told[id - 1], this->frame({.length = 8, .id = id})));
    EXPECT_EQ(this->fragments->buffers(), 1U);
    this->expect_waiting(8, 16, {.id = 5});
}

TEST_F(Ipv4Reassembler, ManyOthersOfTheSourceInBetweenEndADatagram) {
    const auto others = [&](std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i)
            hold({.begin = 8, .length = 8, .id = 0x100 + i % 50});
        // Of other sources any number may come.
        for (std::uint32_t i = 0; i < 100; ++i) hold({.begin = 8, .length = 8, .source = 5});
    };
    hold({.length = 16});
    others(63);
    hold({.begin = 16, .length = 16});
    others(63);
    expect_waiting(32, 48);
    hold({.length = 16});
    others(64);
    const std::uint64_t before = dropped(DropReason::fragment_timeout);
    hold({.begin = 16, .length = 16, .more = false});
    EXPECT_EQ(dropped(DropReason::fragment_timeout), before + 1);
    // That one is the first of another datagram now, with its own time.
    EXPECT_TRUE(same_frame(taken(add(Sent{.length = 16})), uncut(32).build()));
}

TEST_F(Ipv6Reassembler, AnyNumberOfOthersMayComeInBetween) {
    hold({.length = 16});
    for (std::uint32_t i = 0; i < 500; ++i) hold({.begin = 8, .length = 8, .id = 0x100 + i % 50});
    expect_waiting(16, 48);
}

// ------------------------------------------------------------------------ limits

TYPED_TEST(ReassemblerTest, TheOldestDatagramGoesWhenThereAreTooMany) {
    this->limit({.datagrams = 3, .buffers = 100, .buffers_per_source = 100});
    for (std::uint32_t id = 1; id <= 3; ++id) this->hold({.length = 16, .id = id});
    this->hold({.begin = 16, .length = 16, .id = 1});
    this->expect_dropped(DropReason::fragment_overflow, 0);
    this->hold({.length = 16, .id = 4});
    this->expect_dropped(DropReason::fragment_overflow, 2);
    for (std::uint32_t id = 2; id <= 4; ++id) this->expect_waiting(16, 32, {.id = id});
    EXPECT_TRUE(this->fragments->empty());
}

TYPED_TEST(ReassemblerTest, TheOldestDatagramGoesWhenThereAreTooManyBuffers) {
    this->limit({.datagrams = 64, .buffers = 6, .buffers_per_source = 6});
    this->hold({.length = 16, .id = 1, .source = 11});
    this->hold({.begin = 16, .length = 16, .id = 1, .source = 11});
    this->hold({.length = 16, .id = 2, .source = 12});
    // Three buffers.
    EXPECT_FALSE(this->add(packet_of(this->pool.get(), this->frame({.length = 16, .id = 3}),
                                     {this->all_headers, 3}))
                     .has_value());
    this->expect_dropped(DropReason::fragment_overflow, 0);
    EXPECT_EQ(this->fragments->buffers(), 6U);
    this->hold({.begin = 16, .length = 16, .id = 3});
    this->expect_dropped(DropReason::fragment_overflow, 2);
    EXPECT_EQ(this->fragments->buffers(), 5U);
    this->expect_waiting(16, 32, {.id = 2, .source = 12});
    this->expect_waiting(32, 48, {.id = 3});
}

TYPED_TEST(ReassemblerTest, ADatagramDoesNotMakeRoomForItself) {
    this->limit({.datagrams = 64, .buffers = 3, .buffers_per_source = 3});
    this->hold({.length = 16, .id = 1});
    this->hold({.length = 16, .id = 2});
    this->hold({.begin = 16, .length = 16, .id = 1});
    this->hold({.begin = 32, .length = 16, .id = 1});  // the other one goes, though it is younger
    this->expect_dropped(DropReason::fragment_overflow, 1);
    // It is too long when it needs all by itself.
    this->hold({.begin = 48, .length = 16, .id = 1});
    this->expect_dropped(DropReason::fragment_overflow, 5);
    EXPECT_TRUE(this->fragments->empty());
}

TYPED_TEST(ReassemblerTest, WhatCompletesNeedsNoRoom) {
    this->limit({.datagrams = 2, .buffers = 4, .buffers_per_source = 3});
    this->hold({.length = 16, .id = 1});
    this->hold({.begin = 16, .length = 16, .id = 1});
    this->hold({.length = 16, .id = 2, .source = 9});
    this->hold({.begin = 16, .length = 16, .id = 2, .source = 9});
    this->expect_waiting(32, 48, {.id = 2, .source = 9});
    this->expect_waiting(32, 48, {.id = 1});
    EXPECT_EQ(this->counters.all_dropped(), 0U);
}

TYPED_TEST(ReassemblerTest, TheOldestOfTheSameSourceGoesWhenItHasTooManyBuffers) {
    this->limit({.datagrams = 64, .buffers = 100, .buffers_per_source = 4});
    this->hold({.length = 16, .id = 1, .source = 9});
    for (std::uint32_t id = 1; id <= 4; ++id) this->hold({.length = 16, .id = id});
    this->hold({.length = 16, .id = 5});
    this->expect_dropped(DropReason::fragment_overflow, 1);
    this->hold({.length = 16, .id = 6});
    this->expect_dropped(DropReason::fragment_overflow, 2);
    this->expect_waiting(16, 32, {.id = 1, .source = 9});
    for (std::uint32_t id = 3; id <= 6; ++id) this->expect_waiting(16, 32, {.id = id});
    // One that needs the room of two.
    for (std::uint32_t id = 1; id <= 3; ++id) this->hold({.length = 16, .id = id});
    EXPECT_FALSE(this->add(packet_of(this->pool.get(), this->frame({.length = 16, .id = 7}),
                                     {this->all_headers, 3}))
                     .has_value());
    this->expect_dropped(DropReason::fragment_overflow, 4);
    this->expect_waiting(16, 32, {.id = 3});
    this->expect_waiting(16, 32, {.id = 7});
    // All that it had may have to go.
    for (std::uint32_t id = 1; id <= 2; ++id) this->hold({.length = 16, .id = id});
    EXPECT_FALSE(this->add(packet_of(this->pool.get(), this->frame({.length = 16, .id = 7}),
                                     {this->all_headers, 3, 3}))
                     .has_value());
    this->expect_dropped(DropReason::fragment_overflow, 6);
    EXPECT_EQ(this->fragments->buffers(), 4U);
}

TYPED_TEST(ReassemblerTest, AFragmentWithMoreBuffersThanTheLimitIsDropped) {
    this->limit({.datagrams = 64, .buffers = 2, .buffers_per_source = 100});
    this->hold({.length = 16, .id = 1});
    EXPECT_FALSE(this->add(packet_of(this->pool.get(), this->frame({.length = 16, .id = 6}),
                                     {this->all_headers, 3}))
                     .has_value());
    this->expect_dropped(DropReason::fragment_overflow, 1);
    this->expect_waiting(16, 32, {.id = 1});
}

TYPED_TEST(ReassemblerTest, ADatagramOfTooManyPiecesIsGivenUp) {
    constexpr std::uint32_t most = Reassembler<TypeParam>::most_fragments;
    std::uint32_t n = 0;
    for (; n < most - 1; ++n) this->hold({.begin = n * 8, .length = 8});
    this->expect_waiting(n * 8, most * 8);
    for (n = 0; n < most; ++n) this->hold({.begin = n * 8, .length = 8});
    this->hold({.begin = 64, .length = 8});
    this->expect_dropped(DropReason::fragment_duplicate, 1);
    this->hold({.begin = n * 8, .length = 8, .more = false});
    EXPECT_EQ(this->dropped(DropReason::fragment_overflow), most + 1);
    EXPECT_TRUE(this->fragments->empty());
}

TYPED_TEST(ReassemblerTest, AFloodOfFirstFragmentsIsBoundedAndTheNewestDatagramCompletes) {
    this->limit({.datagrams = 512, .buffers = 2048, .buffers_per_source = 64});
    constexpr std::uint32_t flood = 100'000;
    Frame bytes = this->frame({.length = 16});
    const std::size_t source = ethernet + (this->is_v4 ? 12 : 20);
    for (std::uint32_t n = 0; n < flood; ++n) {
        const Sent newest{.length = 16, .id = 0x8000 + n % 100, .source = 3};
        if (n % 1000 == 0) this->hold(newest);
        if (n % 1000 == 500) {
            // So many others have come since, but not too many.
            const Sent begun{.length = 16, .id = 0x8000 + (n - 500) % 100, .source = 3};
            this->expect_waiting(16, 40, begun);
        }
        test::poke(bytes, source,
                   {10, static_cast<int>(n >> 16 & 0xFF), static_cast<int>(n >> 8 & 0xFF),
                    static_cast<int>(n & 0xFF)});
        if (this->is_v4) {
            // The header checksum follows the source.
            test::poke(bytes, ethernet + 10, {0, 0});
            std::uint32_t sum = 0;
            for (std::size_t i = 0; i < 20; i += 2) sum += get16(bytes, ethernet + i);
            sum = (sum & 0xFFFF) + (sum >> 16);
            sum = ~((sum & 0xFFFF) + (sum >> 16));
            test::poke(bytes, ethernet + 10,
                       {static_cast<int>(sum >> 8 & 0xFF), static_cast<int>(sum & 0xFF)});
        }
        ASSERT_FALSE(this->add(bytes).has_value());
        ASSERT_LE(this->fragments->buffers(), 512U);
    }
    EXPECT_EQ(this->counters.joined.value(), 100U);
    EXPECT_EQ(this->fragments->buffers(), 512U);
    this->expect_dropped(DropReason::fragment_overflow, flood - 512);
}

TYPED_TEST(ReassemblerTest, RandomTrafficKeepsTheLimitsAndTheCounts) {
    this->limit({.datagrams = 20, .buffers = 60, .buffers_per_source = 16});
    std::mt19937 random(7);
    const auto below = [&](std::uint32_t end) {
        return std::uniform_int_distribution(0U, end - 1)(random);
    };
    std::uint32_t tick = 0;
    for (int i = 0; i < 50'000; ++i) {
        Sent sent{.length = 8, .id = below(6), .source = below(6)};
        sent.begin = below(4) * 8;
        sent.more = sent.begin < 24;
        if (below(40) == 0) {
            sent.begin = below(8) * 8;
            sent.length = below(6) * 8;
            sent.more = sent.begin == 0 || below(3) != 0;
        }
        if (below(100) == 0) sent.tos = 1;
        std::vector<std::size_t> sizes;
        if (below(4) == 0) sizes = {this->all_headers, below(3)};
        const auto whole =
            this->add(packet_of(this->pool.get(), this->frame(sent), sizes), at(tick));
        ASSERT_LE(this->fragments->buffers(), 60U);
        if (whole) {
            const Frame bytes = this->taken(whole);
            const auto length = static_cast<std::uint32_t>(bytes.size() - ethernet - this->header);
            Sent of = sent;
            of.tos = static_cast<std::uint8_t>(get16(bytes, ethernet) >> (this->is_v4 ? 0 : 4));
            ASSERT_TRUE(same_frame(bytes, this->uncut(length, of).build()));
        }
        if (below(10) == 0) this->expire(at(tick += this->patience / 10));
    }
    for (const auto reason :
         {DropReason::fragment_bad, DropReason::fragment_duplicate, DropReason::fragment_overlap,
          DropReason::fragment_timeout, DropReason::fragment_overflow})
        EXPECT_GT(this->dropped(reason), 100U) << name(reason);
    EXPECT_GT(this->counters.joined.value(), 1000U);
}

TYPED_TEST(ReassemblerTest, ReleaseAllDropsWhatStillWaits) {
    for (std::uint32_t id = 1; id <= 5; ++id) this->hold({.length = 8, .id = id});
    this->hold({.begin = 8, .length = 8, .id = 1});
    this->fragments->release_all();
    this->expect_dropped(DropReason::shutdown, 6);
    EXPECT_EQ(this->counters.resumed.value(), 6U);
    // It goes on working.
    this->hold({.length = 8});
    this->expect_waiting(8, 16);
}

// ------------------------------------------------- what rte_ip_frag of DPDK 22.11 does otherwise

class NotAsRteIpFrag4 : public Ipv4Reassembler {};
template <class F>
class NotAsRteIpFrag : public ReassemblerTest<F> {};
TYPED_TEST_SUITE(NotAsRteIpFrag, Families, FamilyNames);

TEST_F(NotAsRteIpFrag4, TheProtocolIsPartOfTheKey) {
    hold({.length = 16, .protocol = 17});
    hold({.length = 16, .protocol = 6});
    expect_waiting(16, 40, {.protocol = 17});
    expect_waiting(16, 32, {.protocol = 6});
    EXPECT_EQ(counters.all_dropped(), 0U);
}

TYPED_TEST(NotAsRteIpFrag, ADuplicateFirstOrLastFragmentDoesNoHarm) {
    const Sent first{.length = 16};
    const Sent last{.begin = 32, .length = 8, .more = false};
    for (const Sent& sent : {first, first, last, last, first, last}) this->hold(sent);
    EXPECT_TRUE(same_frame(this->taken(this->add(Sent{.begin = 16, .length = 16})),
                           this->uncut(40).build()));
    this->expect_dropped(DropReason::fragment_duplicate, 4);
}

TYPED_TEST(NotAsRteIpFrag, OverlapsAreSeen) {
    // Their lengths add up to that of the datagram, as if nothing overlapped or were missing.
    this->hold({.length = 24});
    this->hold({.begin = 16, .length = 16});
    this->hold({.begin = 40, .length = 8, .more = false});
    this->expect_dropped(DropReason::fragment_overlap, 2);
    EXPECT_EQ(this->counters.joined.value(), 0U);
}

TYPED_TEST(NotAsRteIpFrag, NoDatagramIsLongerThanItsLengthFieldCanSay) {
    this->hold({.begin = 0, .length = 16});
    this->hold({.begin = 65528, .length = 8});
    this->expect_dropped(DropReason::fragment_bad, 2);
    EXPECT_TRUE(this->fragments->empty());
    this->hold({.begin = 65528, .length = 1400, .more = false});
    this->expect_dropped(DropReason::fragment_bad, 3);
    // The longest that can be is in TheLongestDatagramIsPutTogether.
    const std::uint32_t begin = this->most_data / 8 * 8;
    this->hold({.begin = begin, .length = this->most_data - begin + 1, .more = false});
    this->expect_dropped(DropReason::fragment_bad, 4);
    this->hold({.begin = begin, .length = this->most_data - begin, .more = false});
    this->expect_dropped(DropReason::fragment_bad, 4);
}

TYPED_TEST(NotAsRteIpFrag, KeysThatCollideUnderOneSeedDoNotUnderAnother) {
    const ReassemblyLimits limits{.datagrams = 1024, .buffers = 1, .buffers_per_source = 1};
    const Reassembler<TypeParam> one(limits, this->counters, 1);
    const Reassembler<TypeParam> other(limits, this->counters, 2);
    FragmentKey<TypeParam> key{};
    key.id = Be32(0);
    const std::size_t here = one.bucket(key);
    const std::size_t there = other.bucket(key);
    int colliding = 0;
    int still = 0;
    for (std::uint32_t id = 1; id < 0x10000; ++id) {
        key.id = Be32(id);
        if (one.bucket(key) != here) continue;
        ++colliding;
        if (other.bucket(key) == there) ++still;
    }
    EXPECT_GT(colliding, 30);
    EXPECT_LT(still, 5);
}

}  // namespace
}  // namespace shunt
