// SPDX-License-Identifier: BSD-3-Clause
#include "sync/message_writer.h"

#include <gtest/gtest.h>

#include "support/hex.h"
#include "sync/message_reader.h"

namespace shunt {
namespace {

using Added = SyncMessageWriter::Added;

SyncRecord record4() {
    return {.client = parse_endpoint("192.0.2.100:40000").value(),
            .virtual_service = parse_endpoint("198.51.100.10:80").value(),
            .server = parse_endpoint("10.1.0.11:8080").value(),
            .protocol = Protocol::tcp,
            .state = 1,
            .flags = sync_flag::no_output | sync_flag::synced,
            .mark = Mark(0x01020304),
            .timeout = 900};
}

SyncRecord record6() {
    return {.client = parse_endpoint("[2001:db8::64]:40001").value(),
            .virtual_service = parse_endpoint("[2001:db8::10]:5353").value(),
            .server = parse_endpoint("[2001:db8:1::b]:53").value(),
            .protocol = Protocol::udp,
            .flags = 3,
            .timeout = 300};
}

TEST(SyncMessageWriter, WritesVersion1AsTheTableHasIt) {
    SyncMessageWriter writer(SyncVersion::v1, 7, 1472);
    ASSERT_EQ(writer.add(record4()), Added::yes);
    EXPECT_EQ(to_hex(writer.take()),
              "00 07 00 2c 01 01 00 00 "
              "00 06 00 24 00 00 00 a0 00 01 9c 40 00 50 1f 90 01 02 03 04 00 00 03 84 "
              "c0 00 02 64 c6 33 64 0a 0a 01 00 0b");
    EXPECT_TRUE(writer.empty());
    ASSERT_EQ(writer.add(record6()), Added::yes);
    EXPECT_EQ(to_hex(writer.take()),
              "00 07 00 50 01 01 00 00 "
              "01 11 00 48 00 00 00 03 00 00 9c 41 14 e9 00 35 00 00 00 00 00 00 01 2c "
              "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 64 "
              "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 10 "
              "20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 0b");
}

TEST(SyncMessageWriter, PadsBetweenEntriesAndNotBehindTheLast) {
    SyncMessageWriter writer(SyncVersion::v1, 7, 1472);
    SyncRecord moved = record4();
    moved.flags = sync_flag::in_seq;
    moved.sequence = {SyncSequence{0x1000, 5, 2}, SyncSequence{}};
    ASSERT_EQ(writer.add(moved), Added::yes);
    ASSERT_EQ(writer.add(moved), Added::yes);
    const std::string entry =
        "00 06 00 3e 00 00 04 00 00 01 9c 40 00 50 1f 90 01 02 03 04 00 00 03 84 "
        "c0 00 02 64 c6 33 64 0a 0a 01 00 0b "
        "01 18 00 00 10 00 00 00 00 05 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00 00";
    EXPECT_EQ(to_hex(writer.take()), "00 07 00 86 02 01 00 00 " + entry + " 00 00 " + entry);
}

TEST(SyncMessageWriter, WritesTheDataAndTheNameOfAnEngine) {
    SyncMessageWriter writer(SyncVersion::v1, 0, 1472);
    const auto data = from_hex("61 40 62");
    SyncRecord call = record4();
    call.flags = sync_flag::is_template;
    call.engine = "sip";
    call.engine_data = data;
    ASSERT_EQ(writer.add(call), Added::yes);
    const std::string text = to_hex(writer.take());
    EXPECT_EQ(text.substr(12, 11), "01 01 00 00");
    EXPECT_EQ(text.substr(24, 11), "00 06 00 2e");
    EXPECT_EQ(text.substr(text.size() - 29), "02 03 61 40 62 03 03 73 69 70");
}

TEST(SyncMessageWriter, WritesVersion0) {
    SyncMessageWriter writer(SyncVersion::v0, 9, 1472);
    SyncRecord moved = record4();
    moved.flags = sync_flag::out_seq;
    moved.sequence[1] = {1, 2, 3};
    ASSERT_EQ(writer.add(moved), Added::yes);
    EXPECT_EQ(writer.add(record6()), Added::never);
    EXPECT_EQ(writer.count(), 1U);
    EXPECT_EQ(to_hex(writer.take()),
              "01 09 00 34 00 06 9c 40 00 50 1f 90 c0 00 02 64 c6 33 64 0a 0a 01 00 0b 02 00 00 01 "
              "00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 02 00 00 00 03 00 00 00");
}

TEST(SyncMessageWriter, FillsADatagramAndNoMore) {
    SyncMessageWriter writer(SyncVersion::v1, 7, 8 + 2 * 36 + 35);
    EXPECT_EQ(writer.add(record4()), Added::yes);
    EXPECT_EQ(writer.add(record4()), Added::yes);
    EXPECT_EQ(writer.add(record4()), Added::no_room);
    EXPECT_EQ(writer.count(), 2U);
    EXPECT_EQ(writer.take().size(), 8U + 2 * 36);
    SyncMessageWriter small(SyncVersion::v1, 7, 43);
    EXPECT_EQ(small.add(record4()), Added::never);
}

TEST(SyncMessageWriter, CountsNoFurtherThanAByteGoes) {
    SyncMessageWriter writer(SyncVersion::v1, 7, 65535);
    for (int i = 0; i < 255; ++i) ASSERT_EQ(writer.add(record4()), Added::yes);
    EXPECT_EQ(writer.add(record4()), Added::no_room);
    const auto message = writer.take(SyncVersion::v0);
    SyncFaults faults{};
    SyncMessageReader reader(message, 7, faults);
    int records = 0;
    while (reader.next()) ++records;
    EXPECT_EQ(records, 255);
    EXPECT_EQ(faults, SyncFaults{});
    ASSERT_EQ(writer.add(record4()), Added::yes);
    EXPECT_EQ(writer.take().size(), 4U + 24);
}

}  // namespace
}  // namespace shunt
