// SPDX-License-Identifier: BSD-3-Clause
#include "app/stream_edits.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "support/stream_model.h"

namespace shunt {
namespace {

using Block = StreamEdits::Block;

/// The sequence number of the first byte: the stream wraps soon after.
constexpr std::uint32_t start = 0xFFFFFFF0U;

/// What goes out for `data` at `place` of the stream, as "place:bytes"; "!" for a FIN, "?" a probe.
std::string sent(const StreamEdits& edits, std::uint32_t place, std::string_view data,
                 bool fin = false) {
    const auto out = edits.translate(
        {.seq = start + place, .size = static_cast<std::uint32_t>(data.size()), .fin = fin});
    std::string text =
        std::to_string(static_cast<std::int32_t>(out.seq - start)) + (out.probe ? "?" : ":");
    std::uint32_t size = 0;
    for (const auto& piece : out.data()) {
        text += piece.text != nullptr ? std::string_view(piece.text, piece.size)
                                      : data.substr(piece.offset, piece.size);
        size += piece.size;
    }
    EXPECT_EQ(out.size, size);
    return text + (out.fin ? "!" : "");
}

std::uint32_t ack(const StreamEdits& edits, std::uint32_t place) {
    return edits.original_ack(start + place) - start;
}

std::string block(const StreamEdits& edits, std::uint32_t left, std::uint32_t right) {
    const auto b = edits.original_block({start + left, start + right});
    return b ? std::to_string(b->left - start) + "-" + std::to_string(b->right - start) : "none";
}

void advance(StreamEdits& edits, std::uint32_t next, std::uint32_t held) {
    edits.advance(start + next, start + held);
}

/// "abcdefghij" with "def" replaced by "LONGER": 10 bytes become 13.
StreamEdits longer() {
    StreamEdits edits(start);
    EXPECT_TRUE(edits.replace(start + 3, start + 5, "LONGER"));
    advance(edits, 10, 10);
    return edits;
}

TEST(StreamEdits, WithoutEditsNothingIsChanged) {
    StreamEdits edits(start);
    EXPECT_TRUE(edits.untouched());
    advance(edits, 30, 30);
    const auto out = edits.translate({.seq = start + 5, .size = 20, .fin = false});
    EXPECT_TRUE(out.same_data);
    EXPECT_EQ(out.seq, start + 5);
    EXPECT_EQ(ack(edits, 17), 17U);
    EXPECT_EQ(block(edits, 3, 30), "3-30");
    EXPECT_TRUE(edits.untouched());
    EXPECT_EQ(edits.next(), start + 30);
}

TEST(StreamEdits, ATextStandsForTheLastByteOfItsRange) {
    const StreamEdits edits = longer();
    EXPECT_FALSE(edits.untouched());
    EXPECT_EQ(sent(edits, 0, "abcdefghij"), "0:abcLONGERghij");
    EXPECT_EQ(sent(edits, 0, "abc"), "0:abc");
    EXPECT_EQ(sent(edits, 0, "abcde"), "0:abc");
    EXPECT_EQ(sent(edits, 0, "abcdef"), "0:abcLONGER");
    EXPECT_EQ(sent(edits, 3, "de"), "3:");
    EXPECT_EQ(sent(edits, 3, "def"), "3:LONGER");
    EXPECT_EQ(sent(edits, 4, "efg"), "3:LONGERg");
    EXPECT_EQ(sent(edits, 5, "f"), "3:LONGER");
    EXPECT_EQ(sent(edits, 6, "ghij"), "9:ghij");
    EXPECT_EQ(sent(edits, 5, ""), "3:");
    EXPECT_EQ(sent(edits, 6, ""), "9:");
}

TEST(StreamEdits, WhatIsTheSameIsSaid) {
    const StreamEdits edits = longer();
    const auto same = [&](std::uint32_t place, std::uint32_t size) {
        return edits.translate({.seq = start + place, .size = size}).same_data;
    };
    EXPECT_TRUE(same(0, 3));
    EXPECT_TRUE(same(6, 4));
    EXPECT_TRUE(same(8, 0));
    EXPECT_FALSE(same(0, 4));
    EXPECT_FALSE(same(5, 1));
    EXPECT_FALSE(same(6, 5)) << "the last byte was not seen yet";
    EXPECT_FALSE(edits.translate({.seq = start + 6, .size = 4, .fin = true}).same_data);
}

TEST(StreamEdits, AcknowledgementsOfATextAreNoneBeforeItsEnd) {
    const StreamEdits edits = longer();
    EXPECT_EQ(ack(edits, 2), 2U);
    for (std::uint32_t inside = 3; inside < 9; ++inside) EXPECT_EQ(ack(edits, inside), 5U);
    EXPECT_EQ(ack(edits, 9), 6U);
    EXPECT_EQ(ack(edits, 13), 10U);
}

TEST(StreamEdits, BlocksClaimNoTextInPart) {
    const StreamEdits edits = longer();
    EXPECT_EQ(block(edits, 1, 3), "1-3");
    EXPECT_EQ(block(edits, 1, 4), "1-5");
    EXPECT_EQ(block(edits, 1, 8), "1-5");
    EXPECT_EQ(block(edits, 1, 9), "1-6");
    EXPECT_EQ(block(edits, 3, 9), "3-6");
    EXPECT_EQ(block(edits, 4, 9), "none");
    EXPECT_EQ(block(edits, 4, 8), "none");
    EXPECT_EQ(block(edits, 4, 11), "6-8");
    EXPECT_EQ(block(edits, 9, 13), "6-10");
    EXPECT_EQ(block(edits, 9, 9), "none");
    EXPECT_EQ(block(edits, 11, 9), "none");
}

TEST(StreamEdits, WhatIsHeldBackStaysAndCountsOnceAllBeforeItHasArrived) {
    StreamEdits edits(start);
    advance(edits, 8, 3);
    EXPECT_FALSE(edits.untouched());
    EXPECT_EQ(sent(edits, 0, "abcdefgh"), "0:abc");
    EXPECT_EQ(sent(edits, 3, "defgh"), "3:");
    EXPECT_EQ(sent(edits, 6, "gh"), "3:");
    EXPECT_EQ(sent(edits, 8, ""), "3:") << "a bare acknowledgement";
    EXPECT_EQ(sent(edits, 20, "later"), "3:") << "behind a gap";
    EXPECT_EQ(edits.own_ack(), start);
    EXPECT_EQ(ack(edits, 2), 2U);
    EXPECT_EQ(ack(edits, 3), 8U);
    edits.acknowledged(start + 2);
    EXPECT_EQ(edits.own_ack(), start + 2);
    edits.acknowledged(start + 3);
    EXPECT_EQ(edits.own_ack(), start + 8);
    EXPECT_TRUE(edits.replace(start + 3, start + 8, "NEW"));
    advance(edits, 9, 9);
    EXPECT_EQ(edits.own_ack(), start + 8);
    EXPECT_EQ(sent(edits, 8, "i"), "3:NEW");
    EXPECT_EQ(ack(edits, 5), 8U);
    EXPECT_EQ(ack(edits, 6), 9U);
}

TEST(StreamEdits, WhatWasHeldBackIsReleasedAsItWas) {
    StreamEdits whole(start);
    EXPECT_TRUE(whole.release(start + 3, start + 5, "def"));
    EXPECT_EQ(whole.edits(), 0U) << "the sender still has all of it";
    StreamEdits edits(start);
    advance(edits, 5, 3);
    EXPECT_TRUE(edits.release(start + 3, start + 5, "def"));
    EXPECT_EQ(edits.edits(), 1U);
    advance(edits, 7, 7);
    EXPECT_EQ(sent(edits, 5, "fg"), "3:defg");
    edits.acknowledged(start + 6);
    EXPECT_TRUE(edits.untouched());
}

TEST(StreamEdits, WhatIsTakenAwayIsAcknowledgedWithWhatIsBeforeIt) {
    StreamEdits edits(start);
    advance(edits, 8, 3);
    EXPECT_TRUE(edits.replace(start + 3, start + 7, ""));
    advance(edits, 9, 9);
    EXPECT_EQ(sent(edits, 8, "", true), "3:!");
    EXPECT_EQ(sent(edits, 0, "abcdefgh", true), "0:abc!");
    EXPECT_EQ(ack(edits, 2), 2U);
    EXPECT_EQ(ack(edits, 3), 8U);
    EXPECT_EQ(ack(edits, 4), 9U);
}

TEST(StreamEdits, WhatIsTakenAwayWaitsForNoAcknowledgementOfItsOwn) {
    StreamEdits edits(start);
    for (std::uint32_t i = 0; i < StreamEdits::most_edits; ++i)
        EXPECT_TRUE(edits.replace(start + 2 * i, start + 2 * i + 1, ""));
    EXPECT_FALSE(edits.room());
    advance(edits, 16, 16);
    EXPECT_TRUE(edits.room()) << "the receiver, who is sent nothing, will say nothing";
    EXPECT_EQ(edits.own_ack(), start + 16);
    advance(edits, 17, 17);
    EXPECT_EQ(sent(edits, 16, "x"), "0:x");
}

TEST(StreamEdits, SynAndFinCountAsOne) {
    StreamEdits edits(start);
    const auto syn = edits.translate({.seq = start - 1, .size = 0, .syn = true});
    EXPECT_EQ(syn.seq, start - 1);
    EXPECT_TRUE(syn.same_data);
    const auto with_data = edits.translate({.seq = start - 1, .size = 9, .syn = true});
    EXPECT_EQ(with_data.seq, start - 1);
    EXPECT_EQ(with_data.size, 0U) << "nobody has judged it";
    EXPECT_TRUE(edits.replace(start + 3, start + 5, "X"));
    advance(edits, 10, 10);
    EXPECT_EQ(sent(edits, 6, "ghij", true), "4:ghij") << "the end was not judged";
    advance(edits, 11, 11);
    EXPECT_EQ(sent(edits, 6, "ghij", true), "4:ghij!");
    EXPECT_EQ(sent(edits, 10, "", true), "8:!");
    EXPECT_EQ(sent(edits, 11, ""), "9:");
    EXPECT_EQ(ack(edits, 9), 11U);
}

TEST(StreamEdits, WhatTheReceiverHasHadIsNotSentAgain) {
    StreamEdits edits = longer();
    edits.acknowledged(start + 8);
    EXPECT_EQ(edits.edits(), 1U);
    edits.acknowledged(start + 9);
    EXPECT_EQ(edits.edits(), 0U);
    EXPECT_EQ(sent(edits, 0, "abcdef"), "8?");
    EXPECT_EQ(sent(edits, 2, "c"), "8?");
    EXPECT_EQ(sent(edits, 5, ""), "8?") << "the sender asks whether the receiver lives";
    EXPECT_EQ(sent(edits, 2, "cdefgh"), "9:gh");
    EXPECT_EQ(sent(edits, 6, "gh"), "9:gh");
    EXPECT_EQ(ack(edits, 11), 8U);
    EXPECT_EQ(ack(edits, 7), 4U) << "of the past: before what the sender knows";
}

TEST(StreamEdits, AnAcknowledgementOfWhatWasNeverSentIsNotBelieved) {
    StreamEdits edits = longer();
    edits.acknowledged(start + 14);
    EXPECT_EQ(edits.edits(), 1U);
    EXPECT_EQ(edits.own_ack(), start);
    edits.acknowledged(start + 13);
    EXPECT_EQ(edits.edits(), 0U);
    edits.acknowledged(start + 2);
    EXPECT_EQ(edits.own_ack(), start + 10);
}

TEST(StreamEdits, EditsThatDoNotFitAreRefused) {
    StreamEdits edits(start);
    EXPECT_FALSE(edits.replace(start, start, std::string(56, 'x')));
    EXPECT_FALSE(edits.replace(start + 1, start, "x"));
    EXPECT_FALSE(edits.replace(start - 1, start, "x"));
    EXPECT_TRUE(edits.replace(start + 4, start + 6, std::string(55, 'x')));
    EXPECT_FALSE(edits.replace(start + 6, start + 7, "x"));
    for (std::uint32_t i = 1; i < StreamEdits::most_edits; ++i) {
        EXPECT_TRUE(edits.room());
        EXPECT_TRUE(edits.replace(start + 10 * i, start + 10 * i, "yy"));
    }
    EXPECT_FALSE(edits.room());
    EXPECT_FALSE(edits.replace(start + 200, start + 200, "x"));
    EXPECT_EQ(edits.edits(), StreamEdits::most_edits);
    advance(edits, 100, 100);
    EXPECT_EQ(sent(edits, 0, std::string(100, '.')).size(), 2 + 100U + 52 + 7);
    edits.acknowledged(start + 4 + 55);
    EXPECT_TRUE(edits.room());
}

TEST(StreamEdits, DifferencesAddUp) {
    StreamEdits edits(start);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        const std::uint32_t at = 10 * i;
        ASSERT_TRUE(edits.replace(start + at, start + at + 4,
                                  i % 3 == 0   ? "seven77"
                                  : i % 3 == 1 ? "five5"
                                               : "two"));
        advance(edits, at + 10, at + 10);
        ASSERT_EQ(
            sent(edits, at + 5, "edits"),
            std::to_string(static_cast<std::int32_t>(edits.place_of(start + at + 5) - start)) +
                ":edits");
        edits.acknowledged(edits.place_of(start + at + 10));
        ASSERT_EQ(edits.own_ack(), start + at + 10);
        ASSERT_EQ(edits.edits(), 0U);
    }
    EXPECT_EQ(edits.place_of(edits.next()) - edits.next(), 334U * 2 - 333U * 2);
}

TEST(StreamEdits, LongStreamsWrapManyTimes) {
    StreamEdits edits = longer();
    std::uint32_t at = 10;
    edits.acknowledged(start + at + 3);
    for (unsigned i = 0; i < 100; ++i) {
        const std::uint32_t before = at;
        at += 1U << 28;
        advance(edits, at, at);
        ASSERT_EQ(edits.place_of(start + at), start + at + 3);
        ASSERT_EQ(edits.translate({.seq = start + before, .size = 100}).seq, start + before + 3);
        edits.acknowledged(start + at + 3);
        ASSERT_EQ(edits.own_ack(), start + at);
    }
    ASSERT_TRUE(edits.replace(start + at, start + at + 1, "abc"));
    advance(edits, at + 2, at + 2);
    EXPECT_EQ(edits.place_of(start + at + 2), start + at + 6);
    EXPECT_TRUE(edits.plausible());
}

TEST(StreamEdits, ACopyOfItsBytesIsItsState) {
    const StreamEdits edits = longer();
    std::array<std::byte, sizeof(edits)> bytes{};
    std::memcpy(bytes.data(), &edits, sizeof(edits));
    StreamEdits again;
    std::memcpy(&again, bytes.data(), sizeof(again));
    EXPECT_TRUE(again.plausible());
    EXPECT_EQ(sent(again, 0, "abcdefghij"), "0:abcLONGERghij");
    EXPECT_EQ(ack(again, 9), 6U);
    const auto broken = [&](std::size_t at, std::uint8_t value) {
        auto changed = bytes;
        changed[at] = std::byte{value};
        std::memcpy(&again, changed.data(), sizeof(again));
        return !again.plausible();
    };
    EXPECT_TRUE(broken(20, 9)) << "more edits than there are places for";
    EXPECT_TRUE(broken(24 + 8, 56)) << "a text that is too long";
    EXPECT_TRUE(broken(24 + 4, 0)) << "an empty range";
    EXPECT_TRUE(broken(24 + 7, 1)) << "a range beyond what was sent";
    EXPECT_TRUE(broken(3, 1)) << "a base beyond what was sent";
    EXPECT_TRUE(broken(8, 0xF1)) << "taken before released";
    EXPECT_TRUE(broken(19, 0x10)) << "an acknowledgement of what was never sent";
}

class Random {
  public:
    explicit Random(unsigned seed) : engine_(seed) {}
    unsigned next(unsigned below) {
        return below < 2 ? 0 : static_cast<unsigned>(engine_() % below);
    }

  private:
    std::mt19937 engine_;
};

TEST(StreamEdits, OneThatIsMetInItsMiddleGoesOnWhereItWas) {
    StreamEdits first(1000);
    ASSERT_TRUE(first.replace(1010, 1014, "nine more!"));
    first.advance(1100, 1100);
    EXPECT_EQ(first.shift().start, 1014U);
    EXPECT_EQ(first.shift().behind, 5U);
    EXPECT_EQ(first.shift().before, 0U);
    first.acknowledged(first.place_of(1100));
    EXPECT_EQ(first.shift().behind, 5U);
    EXPECT_EQ(first.shift().before, 5U);
    const StreamEdits met = StreamEdits::met_at(1100, first.shift().behind);
    EXPECT_TRUE(met.plausible());
    for (const std::uint32_t seq : {1020U, 1099U, 1100U})
        EXPECT_EQ(met.place_of(seq), seq + 5) << seq;
    EXPECT_EQ(met.original_ack(1105), 1100U);
    EXPECT_EQ(met.next(), 1100U);
    const auto repeated = met.translate({.seq = 1050, .size = 50});
    EXPECT_EQ(repeated.seq, 1055U);
    EXPECT_TRUE(repeated.same_data);
    EXPECT_FALSE(repeated.probe);
}

TEST(StreamEdits, OfAnyStreamOverAnyNetworkTheEditedOneArrives) {
    unsigned full = 0;
    unsigned unfinished = 0;
    constexpr unsigned streams = 4000;
    constexpr unsigned steps = 500;  // two millions in all
    for (unsigned seed = 0; seed < streams; ++seed) {
        Random random(seed);
        test::StreamModel<Random> model(random, 1200);
        ASSERT_NO_THROW({
            for (unsigned i = 0; i < steps; ++i) model.step();
            unfinished += model.finished() ? 0 : 1;
            model.finish();
        }) << "seed "
           << seed;
        full += model.full();
    }
    EXPECT_GT(full, 100U) << "the limit of edits was met";
    EXPECT_GT(unfinished, streams / 4);
    EXPECT_LT(unfinished, streams);
}

}  // namespace
}  // namespace shunt
