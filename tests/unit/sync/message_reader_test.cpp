// SPDX-License-Identifier: BSD-3-Clause
#include "sync/message_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "support/hex.h"

namespace shunt {
namespace {

struct Reading {
    std::vector<SyncRecord> records;
    SyncFaults faults{};
    /// What the records' engine data are views of, in a buffer of just its size, so that a
    /// sanitizer sees what is read beyond it.
    std::shared_ptr<std::byte[]> bytes;

    [[nodiscard]] std::uint64_t fault(SyncFault f) const {
        return faults[static_cast<std::size_t>(f)];
    }
    [[nodiscard]] std::uint64_t all_faults() const {
        std::uint64_t sum = 0;
        for (const auto n : faults) sum += n;
        return sum;
    }
};

Reading read(const std::vector<std::byte>& message, std::uint8_t syncid = 0) {
    Reading out;
    out.bytes = std::make_unique<std::byte[]>(message.size());
    std::copy(message.begin(), message.end(), out.bytes.get());
    SyncMessageReader reader({out.bytes.get(), message.size()}, syncid, out.faults);
    while (const auto record = reader.next()) out.records.push_back(*record);
    return out;
}
Reading read(std::string_view hex, std::uint8_t syncid = 0) {
    return read(from_hex(hex), syncid);
}

/// A datagram of version 1 around these entries, with the right size.
std::vector<std::byte> version1(unsigned count, std::string_view entries) {
    auto message = from_hex("00 07 00 00 00 01 00 00");
    const auto rest = from_hex(entries);
    message.insert(message.end(), rest.begin(), rest.end());
    message[2] = static_cast<std::byte>(message.size() >> 8);
    message[3] = static_cast<std::byte>(message.size());
    message[4] = static_cast<std::byte>(count);
    return message;
}

// 192.0.2.100:40000 to 198.51.100.10:80, server 10.1.0.11:8080, TCP, established, NAT, 900 s.
constexpr std::string_view plain4 =
    "00 06 00 24  00 00 00 00  00 01 9c 40 00 50 1f 90  00 00 00 00  00 00 03 84"
    "c0 00 02 64  c6 33 64 0a  0a 01 00 0b";
// The same with other first bytes (type to flags), and without the rest.
constexpr std::string_view behind_flags4 =
    "00 01 9c 40 00 50 1f 90  00 00 00 00  00 00 03 84 c0 00 02 64  c6 33 64 0a  0a 01 00 0b";
constexpr std::string_view plain6 =
    "01 11 00 48  00 00 00 03  00 00 9c 41 14 e9 14 e9  00 00 00 07  00 00 01 2c"
    "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 64"
    "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 10"
    "20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 0b";

std::string with(std::string_view first, std::string_view more) {
    return std::string(first) + std::string(more);
}

TEST(SyncMessageReader, ReadsTheFieldsOfAnIpv4Entry) {
    const auto got = read(version1(1, plain4));
    ASSERT_EQ(got.records.size(), 1U);
    const SyncRecord& r = got.records[0];
    EXPECT_EQ(r.client, parse_endpoint("192.0.2.100:40000"));
    EXPECT_EQ(r.virtual_service, parse_endpoint("198.51.100.10:80"));
    EXPECT_EQ(r.server, parse_endpoint("10.1.0.11:8080"));
    EXPECT_EQ(r.protocol, Protocol::tcp);
    EXPECT_EQ(r.state, 1);
    EXPECT_EQ(r.flags, 0);
    EXPECT_EQ(r.mark, Mark{});
    EXPECT_EQ(r.timeout, 900U);
    EXPECT_EQ(got.all_faults(), 0U);
}

TEST(SyncMessageReader, ReadsTheFieldsOfAnIpv6Entry) {
    const auto got = read(version1(1, plain6));
    ASSERT_EQ(got.records.size(), 1U);
    const SyncRecord& r = got.records[0];
    EXPECT_EQ(r.client, parse_endpoint("[2001:db8::64]:40001"));
    EXPECT_EQ(r.virtual_service, parse_endpoint("[2001:db8::10]:5353"));
    EXPECT_EQ(r.server, parse_endpoint("[2001:db8:1::b]:5353"));
    EXPECT_EQ(r.protocol, Protocol::udp);
    EXPECT_EQ(r.flags, 3);
    EXPECT_EQ(r.mark, Mark(7));
    EXPECT_EQ(r.timeout, 300U);
}

// The option makes the first entry 62 bytes, so two of padding stand before the second.
TEST(SyncMessageReader, ReadsSequencesAndWhatStandsBehindThePadding) {
    const auto got =
        read(version1(2, with("00 06 00 3e  00 00 06 00",
                              std::string(behind_flags4) +
                                  "01 18  00 00 10 00  00 00 00 05  00 00 00 02"
                                  "       ff ff ff ff  ff ff ff fb  00 00 00 00  00 00" +
                                  std::string(plain6))));
    ASSERT_EQ(got.records.size(), 2U);
    EXPECT_TRUE(got.records[0].has(sync_flag::in_seq) && got.records[0].has(sync_flag::out_seq));
    EXPECT_EQ(got.records[0].sequence[0], (SyncSequence{0x1000, 5, 2}));
    EXPECT_EQ(got.records[0].sequence[1], (SyncSequence{0xFFFFFFFF, 0xFFFFFFFB, 0}));
    EXPECT_EQ(got.records[1].family(), Family::ipv6);
}

TEST(SyncMessageReader, FlagsOfSequencesThatAreNotThereDoNotCount) {
    const auto got = read(version1(1, with("00 06 00 24  00 00 06 80", behind_flags4)));
    ASSERT_EQ(got.records.size(), 1U);
    EXPECT_EQ(got.records[0].flags, sync_flag::no_output);
}

TEST(SyncMessageReader, ReadsTemplatesWithTheDataOfTheirEngine) {
    const auto got = read(version1(1,
                                   "00 11 00 2f  00 00 10 00  00 01 00 00 13 c4 13 c4"
                                   "00 00 00 00 00 00 01 68 c0 00 02 64 c6 33 64 0a 0a 01 00 0b"
                                   "02 04 61 40 62 2e  03 03 73 69 70"));
    ASSERT_EQ(got.records.size(), 1U);
    EXPECT_TRUE(got.records[0].is_template());
    EXPECT_EQ(got.records[0].engine, "sip");
    EXPECT_THAT(got.records[0].engine_data, testing::ElementsAre(std::byte{'a'}, std::byte{'@'},
                                                                 std::byte{'b'}, std::byte{'.'}));
    EXPECT_EQ(got.all_faults(), 0U);
}

TEST(SyncMessageReader, ATemplateOfAMarkHasNoProtocol) {
    const auto got = read(version1(1,
                                   "00 00 00 24  00 00 10 00  00 00 00 00 00 00 00 00"
                                   "00 00 00 07 00 00 01 68 c0 00 02 64 00 00 00 07 0a 01 00 0b"));
    ASSERT_EQ(got.records.size(), 1U);
    EXPECT_EQ(got.records[0].protocol, Protocol::none);
}

TEST(SyncMessageReader, HeedsOnlyTheFlagsOfItsRules) {
    const auto got = read(version1(1, with("00 06 00 24  ff ff c1 e3", behind_flags4)));
    ASSERT_EQ(got.records.size(), 1U);
    EXPECT_EQ(got.records[0].flags, 0x0183);
}

TEST(SyncMessageReader, PassesOverOptionsThatMayBe) {
    const auto got = read(version1(
        1, with("00 06 00 29  00 00 00 00", std::string(behind_flags4) + "45 03 01 02 03")));
    EXPECT_EQ(got.records.size(), 1U);
    EXPECT_EQ(got.all_faults(), 0U);
}

TEST(SyncMessageReader, IgnoresDatagramsOfAnotherSize) {
    for (const char* bytes : {"", "00", "00 07 00", "00 07 00 08 00 01 00",
                              "00 07 00 08 00 01 00 00 00", "00 07 00 03"}) {
        const auto got = read(bytes);
        EXPECT_TRUE(got.records.empty()) << bytes;
        EXPECT_EQ(got.fault(SyncFault::bad_size), 1U) << bytes;
        EXPECT_EQ(got.all_faults(), 1U) << bytes;
    }
    EXPECT_EQ(read("00 07 00 08 00 01 00 00").all_faults(), 0U);
    EXPECT_EQ(read("00 07 00 04").all_faults(), 0U);
}

TEST(SyncMessageReader, IgnoresOtherIds) {
    const auto message = version1(1, plain4);
    EXPECT_EQ(read(message, 7).records.size(), 1U);
    const auto got = read(message, 8);
    EXPECT_TRUE(got.records.empty());
    EXPECT_EQ(got.fault(SyncFault::other_id), 1U);
}

/// Entries after which the rest of the datagram is dropped.
TEST(SyncMessageReader, DropsTheRestBehindAnEntryThatCannotBe) {
    const std::string rest(behind_flags4);
    const struct {
        const char* what;
        std::string entry;
    } cases[]{
        {"entry version", "00 06 10 24  00 00 00 00" + rest},
        {"type", "02 06 00 24  00 00 00 00" + rest},
        {"length below the header", "00 06 00 23  00 00 00 00" + rest},
        {"length beyond the datagram", "00 06 0f ff  00 00 00 00" + rest},
        {"IPv6 too short", "01 06 00 24  00 00 00 00" + rest},
        {"option without length", "00 06 00 25  00 00 00 00" + rest + "45 00 00 00"},
        {"option of length 0", "00 06 00 26  00 00 00 00" + rest + "45 00 00 00"},
        {"option beyond the entry", "00 06 00 27  00 00 00 00" + rest + "45 02 00 00"},
        {"sequences of another length", "00 06 00 28  00 00 06 00" + rest + "01 02 00 00"},
        {"sequences twice", "00 06 00 58  00 00 06 00" + rest + "01 18" + std::string(48, '0') +
                                "01 18" + std::string(48, '0')},
        {"engine data twice", "00 06 00 2a  00 00 00 00" + rest + "02 01 61 02 01 61 00 00"},
        {"engine name twice", "00 06 00 2a  00 00 00 00" + rest + "03 01 61 03 01 61 00 00"},
        {"long engine name", "00 06 00 37  00 00 00 00" + rest + "03 11" + std::string(36, '0')},
    };
    for (const auto& [what, entry] : cases) {
        const auto got = read(version1(2, entry + std::string(plain4)));
        EXPECT_TRUE(got.records.empty()) << what;
        EXPECT_EQ(got.fault(SyncFault::bad_entry), 1U) << what;
        EXPECT_EQ(got.all_faults(), 1U) << what;
    }
}

TEST(SyncMessageReader, ReadsWhatIsThereOfTooManyEntries) {
    const auto got = read(version1(3, with(plain4, plain4)));
    EXPECT_EQ(got.records.size(), 2U);
    EXPECT_EQ(got.fault(SyncFault::bad_entry), 1U);
}

/// Entries that are passed over, and the next one is read.
TEST(SyncMessageReader, SkipsEntriesThatItHasNoUseFor) {
    const std::string rest(behind_flags4);
    const std::string ports =
        "9c 40 00 50 1f 90 00 00 00 00 00 00 03 84 c0 00 02 64 c6 33 64 0a "
        "0a 01 00 0b";
    const struct {
        SyncFault fault;
        std::string entry;
    } cases[]{
        {SyncFault::unknown_option, "00 06 00 28  00 00 00 00" + rest + "05 02 00 00"},
        {SyncFault::unknown_protocol, "00 2f 00 24  00 00 00 00" + rest},
        {SyncFault::unknown_protocol, "00 00 00 24  00 00 00 00" + rest},
        {SyncFault::bad_state, "00 06 00 24  00 00 00 00 00 0b" + ports},
        {SyncFault::bad_state, "00 84 00 24  00 00 00 00 00 0e" + ports},
        {SyncFault::bad_state, "00 11 00 24  00 00 00 00 00 01" + ports},
        {SyncFault::bad_state, "00 06 00 24  00 00 10 00 00 02" + ports},
        {SyncFault::bad_state, "00 06 00 24  00 00 00 00 01 01" + ports},
        {SyncFault::bad_flags, "00 06 00 24  00 00 20 00" + rest},
        {SyncFault::bad_flags, "00 06 00 24  00 00 18 00" + rest},
        {SyncFault::unknown_engine,
         "00 06 00 2d  00 00 00 00" + rest + "02 02 61 62 03 03 72 74 70 00 00 00"},
        {SyncFault::unknown_engine, "00 06 00 28  00 00 00 00" + rest + "02 02 61 62"},
    };
    for (const auto& [fault, entry] : cases) {
        const auto got = read(version1(2, entry + std::string(plain6)));
        EXPECT_EQ(got.fault(fault), 1U) << entry;
        EXPECT_EQ(got.all_faults(), 1U) << entry;
        ASSERT_EQ(got.records.size(), 1U) << entry;
        EXPECT_EQ(got.records[0].family(), Family::ipv6) << entry;
    }
    EXPECT_EQ(read(version1(1, "00 06 00 24 00 00 00 00 00 0a" + ports)).records.size(), 1U);
    EXPECT_EQ(read(version1(1, "00 84 00 24 00 00 00 00 00 0d" + ports)).records.size(), 1U);
}

constexpr std::string_view entry0 =
    "00 06 9c 40 00 50 1f 90 c0 00 02 64 c6 33 64 0a 0a 01 00 0b 01 00 00 05";

TEST(SyncMessageReader, ReadsVersion0) {
    const auto got = read(with("01 07 00 1c", entry0), 7);
    ASSERT_EQ(got.records.size(), 1U);
    const SyncRecord& r = got.records[0];
    EXPECT_EQ(r.client, parse_endpoint("192.0.2.100:40000"));
    EXPECT_EQ(r.virtual_service, parse_endpoint("198.51.100.10:80"));
    EXPECT_EQ(r.server, parse_endpoint("10.1.0.11:8080"));
    EXPECT_EQ(r.protocol, Protocol::tcp);
    EXPECT_EQ(r.state, 5);
    EXPECT_EQ(r.flags, sync_flag::inactive);
    EXPECT_EQ(r.timeout, 0U);
}

TEST(SyncMessageReader, ReadsSequencesOfVersion0InTheOrderOfThisProcessor) {
    const std::string entry =
        "00 06 9c 40 00 50 00 50 c0 00 02 64 c6 33 64 0a 0a 01 00 0b"
        "02 00 00 01  01 00 00 00  02 00 00 00  03 00 00 00"
        "04 00 00 00  05 00 00 00  06 00 00 00";
    const auto got = read("02 07 00 4c" + entry + std::string(entry0));
    ASSERT_EQ(got.records.size(), 2U);
    EXPECT_EQ(got.records[0].sequence[0], (SyncSequence{1, 2, 3}));
    EXPECT_EQ(got.records[0].sequence[1], (SyncSequence{4, 5, 6}));
    EXPECT_EQ(got.records[1].state, 5);
}

TEST(SyncMessageReader, DropsTheRestOfAShortDatagramOfVersion0) {
    for (const std::string& message :
         {with("02 07 00 1d", entry0) + "00",
          std::string("01 07 00 1c 00 06 9c 40 00 50 00 50 c0 00 02 64 c6 33 64 0a 0a 01 00 0b "
                      "02 00 00 01")}) {
        const auto got = read(message);
        EXPECT_EQ(got.fault(SyncFault::bad_entry), 1U) << message;
        EXPECT_EQ(got.all_faults(), 1U) << message;
    }
}

}  // namespace
}  // namespace shunt
