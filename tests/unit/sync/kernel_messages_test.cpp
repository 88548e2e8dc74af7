// SPDX-License-Identifier: BSD-3-Clause
// What a Linux kernel sends is understood, and written in the same bytes.
#include "unit/sync/kernel_messages.h"

#include <gtest/gtest.h>

#include "support/hex.h"
#include "sync/message_reader.h"
#include "sync/message_writer.h"

namespace shunt {
namespace {

std::vector<SyncRecord> read(const std::vector<std::byte>& message) {
    SyncFaults faults{};
    SyncMessageReader reader(message, 7, faults);
    std::vector<SyncRecord> records;
    while (const auto record = reader.next()) records.push_back(*record);
    EXPECT_EQ(faults, SyncFaults{});
    return records;
}

std::string written(const std::vector<SyncRecord>& records, SyncVersion version) {
    SyncMessageWriter writer(version, 7, 1472);
    for (const auto& record : records) EXPECT_EQ(writer.add(record), SyncMessageWriter::Added::yes);
    return to_hex(writer.take());
}

TEST(KernelMessages, OfIpv6AreUnderstood) {
    const auto message = from_hex(kernel_tcp6);
    const auto records = read(message);
    ASSERT_EQ(records.size(), 4U);
    EXPECT_EQ(records[0].client, parse_endpoint("[2001:db8:c::7]:40000"));
    EXPECT_EQ(records[0].virtual_service, parse_endpoint("[2001:db8:1::10]:80"));
    EXPECT_EQ(records[0].server, parse_endpoint("[2001:db8:2::12]:8080"));
    EXPECT_EQ(records[0].state, 1);
    EXPECT_EQ(records[0].flags, 0);
    EXPECT_EQ(records[0].timeout, 900U);
    EXPECT_EQ(records[1].state, 7);
    EXPECT_EQ(records[1].flags, sync_flag::inactive);
    EXPECT_EQ(records[1].timeout, 60U);
    EXPECT_EQ(records[2].state, 5);
    EXPECT_EQ(records[3].client.port.value(), 40001);
    EXPECT_EQ(written(records, SyncVersion::v1), to_hex(message));
}

TEST(KernelMessages, OfTemplatesAreUnderstood) {
    const auto message = from_hex(kernel_templates);
    const auto records = read(message);
    ASSERT_EQ(records.size(), 24U);
    EXPECT_TRUE(records[0].is_template());
    EXPECT_EQ(records[0].client, parse_endpoint("198.51.100.10:0"));
    EXPECT_EQ(records[0].virtual_service, parse_endpoint("192.0.2.10:80"));
    EXPECT_EQ(records[0].server, parse_endpoint("10.1.0.14:80"));
    EXPECT_EQ(records[0].protocol, Protocol::tcp);
    EXPECT_EQ(records[0].timeout, 300U);
    EXPECT_EQ(records[0].state, 0);
    EXPECT_EQ(records[16].state, 1) << "assured";
    EXPECT_FALSE(records[17].is_template());
    EXPECT_EQ(written(records, SyncVersion::v1), to_hex(message));
}

TEST(KernelMessages, OfVersion0AreUnderstood) {
    const auto message = from_hex(kernel_version0);
    const auto records = read(message);
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[0].client, parse_endpoint("198.51.100.7:40000"));
    EXPECT_EQ(records[0].server, parse_endpoint("10.1.0.11:8080"));
    EXPECT_EQ(records[2].state, 5);
    EXPECT_TRUE(records[2].has(sync_flag::inactive));
    EXPECT_EQ(written(records, SyncVersion::v0), to_hex(message));
}

TEST(KernelMessages, WhatIsWrittenHereIsTakenThere) {
    const SyncRecord record{.client = parse_endpoint("198.51.100.7:40000").value(),
                            .virtual_service = parse_endpoint("192.0.2.10:80").value(),
                            .server = parse_endpoint("10.1.0.11:8080").value(),
                            .protocol = Protocol::tcp,
                            .state = 1,
                            .timeout = 900};
    EXPECT_EQ(written({record}, SyncVersion::v1), to_hex(from_hex(taken_by_kernel)));
}

}  // namespace
}  // namespace shunt
