// SPDX-License-Identifier: BSD-3-Clause
// The blocks of a capture file, read back by the draft.
#include "ctl/seeing/pcapng.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <vector>

#include "ctl/seeing/capture_file.h"

namespace shunt::ctl {
namespace {

struct Block {
    std::uint32_t type = 0;
    std::string body;
};

template <class T>
T number(std::string_view bytes, std::size_t at = 0) {
    T value{};
    if (at + sizeof(T) <= bytes.size()) std::memcpy(&value, bytes.data() + at, sizeof(T));
    return value;
}

/// Both lengths of each block have to agree.
std::vector<Block> blocks_of(std::string_view file) {
    std::vector<Block> blocks;
    while (!file.empty()) {
        const auto length = number<std::uint32_t>(file, 4);
        if (length < 12 || length % 4 != 0 || length > file.size()) {
            ADD_FAILURE() << "a block of " << length << " bytes";
            return blocks;
        }
        EXPECT_EQ(number<std::uint32_t>(file, length - 4), length);
        blocks.push_back({number<std::uint32_t>(file), std::string(file.substr(8, length - 12))});
        file.remove_prefix(length);
    }
    return blocks;
}

std::map<std::uint16_t, std::string> options_at(std::string_view body, std::size_t at) {
    std::map<std::uint16_t, std::string> options;
    body.remove_prefix(at);
    while (body.size() >= 4) {
        const auto code = number<std::uint16_t>(body);
        const auto size = number<std::uint16_t>(body, 2);
        if (code == 0) {
            EXPECT_EQ(body.size(), 4U) << "behind the end of options";
            return options;
        }
        options[code] = std::string(body.substr(4, size));
        body.remove_prefix(4 + (size + 3U) / 4 * 4);
    }
    ADD_FAILURE() << "the options have no end";
    return options;
}

std::vector<std::byte> bytes(std::size_t count) {
    std::vector<std::byte> all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<std::byte>(i + 1);
    return all;
}

TEST(Pcapng, ASectionWithItsInterfaces) {
    PcapngWriter writer("shuntd 1");
    writer.add_interface("wan0", "a port", 1600);
    const auto blocks = blocks_of(writer.take(1U << 20));
    ASSERT_EQ(blocks.size(), 2U);
    EXPECT_EQ(blocks[0].type, 0x0A0D0D0AU);
    EXPECT_EQ(number<std::uint32_t>(blocks[0].body), 0x1A2B3C4DU);
    EXPECT_EQ(number<std::uint16_t>(blocks[0].body, 4), 1);
    EXPECT_EQ(number<std::uint16_t>(blocks[0].body, 6), 0);
    EXPECT_EQ(number<std::uint64_t>(blocks[0].body, 8), ~std::uint64_t{0});
    EXPECT_EQ(options_at(blocks[0].body, 16).at(4), "shuntd 1");
    EXPECT_EQ(blocks[1].type, 1U);
    EXPECT_EQ(number<std::uint16_t>(blocks[1].body), 1);
    EXPECT_EQ(number<std::uint32_t>(blocks[1].body, 4), 1600U);
    const auto options = options_at(blocks[1].body, 8);
    EXPECT_EQ(options.at(2), "wan0");
    EXPECT_EQ(options.at(3), "a port");
    EXPECT_EQ(options.at(9), "\x09");
}

TEST(Pcapng, PacketsOfEveryLength) {
    for (std::size_t size = 60; size <= 64; ++size) {
        PcapngWriter writer("x");
        static_cast<void>(writer.take(1U << 20));
        const auto data = bytes(size);
        writer.add_packet({.interface = 3,
                           .time = 0x0123'4567'89AB'CDEF,
                           .length = 1500,
                           .bytes = data,
                           .direction = PacketDirection::outbound,
                           .queue = 7,
                           .number = 42,
                           .comment = "dropped: martian"});
        const auto blocks = blocks_of(writer.take(1U << 20));
        ASSERT_EQ(blocks.size(), 1U);
        const std::string& body = blocks[0].body;
        EXPECT_EQ(blocks[0].type, 6U);
        EXPECT_EQ(number<std::uint32_t>(body), 3U);
        EXPECT_EQ(number<std::uint32_t>(body, 4), 0x0123'4567U);
        EXPECT_EQ(number<std::uint32_t>(body, 8), 0x89AB'CDEFU);
        EXPECT_EQ(number<std::uint32_t>(body, 12), size);
        EXPECT_EQ(number<std::uint32_t>(body, 16), 1500U);
        EXPECT_EQ(std::memcmp(body.data() + 20, data.data(), size), 0);
        const auto options = options_at(body, 20 + (size + 3) / 4 * 4);
        EXPECT_EQ(options.at(1), "dropped: martian");
        EXPECT_EQ(number<std::uint32_t>(options.at(2)), 2U);
        EXPECT_EQ(number<std::uint64_t>(options.at(5)), 42U);
        EXPECT_EQ(number<std::uint32_t>(options.at(6)), 7U);
    }
}

TEST(Pcapng, IsTakenInParts) {
    PcapngWriter writer("x");
    writer.add_statistics(0, 5, 11);
    const std::size_t size = writer.size();
    std::string all = writer.take(10);
    EXPECT_EQ(all.size(), 10U);
    EXPECT_EQ(writer.size(), size - 10);
    all += writer.take(1U << 20);
    const auto blocks = blocks_of(all);
    ASSERT_EQ(blocks.size(), 2U);
    EXPECT_EQ(blocks[1].type, 5U);
    EXPECT_EQ(number<std::uint64_t>(options_at(blocks[1].body, 12).at(7)), 11U);
}

WatchedPacket watched(WatchEvent event, DeviceIndex device, std::size_t size) {
    WatchedPacket packet{.time = 1, .worker = WorkerId(2), .record = {}, .bytes = bytes(size)};
    packet.record.event = event;
    packet.record.device = device;
    packet.record.number = 1U << 24 | 5;
    packet.record.length = static_cast<std::uint32_t>(size);
    return packet;
}

TEST(CaptureFile, NamesInterfaceDirectionAndReason) {
    const auto twin = DeviceIndex::of_twin(PortId(1));
    CaptureFile file("x", {{DeviceIndex::of_port(PortId(1)), "lan0", ""}, {twin, "lan0 host", ""}},
                     100);
    static_cast<void>(file.read(1U << 20));
    auto dropped = watched(WatchEvent::arrived, twin, 60);
    dropped.record.reason = static_cast<std::uint8_t>(DropReason::no_route);
    file.take(dropped);
    file.take(watched(WatchEvent::left, DeviceIndex::of_port(PortId(1)), 60));
    file.take(watched(WatchEvent::handed, {}, 0));
    const auto blocks = blocks_of(file.read(1U << 20));
    ASSERT_EQ(blocks.size(), 2U);
    EXPECT_EQ(number<std::uint32_t>(blocks[0].body), 1U);
    auto options = options_at(blocks[0].body, 80);
    EXPECT_EQ(number<std::uint32_t>(options.at(2)), 1U);
    EXPECT_EQ(number<std::uint32_t>(options.at(6)), 2U);
    EXPECT_EQ(number<std::uint64_t>(options.at(5)), 5U);
    EXPECT_TRUE(options.at(1).starts_with("dropped: no_route ("));
    EXPECT_EQ(number<std::uint32_t>(blocks[1].body), 0U);
    options = options_at(blocks[1].body, 80);
    EXPECT_EQ(number<std::uint32_t>(options.at(2)), 2U);
    EXPECT_FALSE(options.contains(1));
    EXPECT_EQ(file.unread(), 0U);
    EXPECT_GT(file.bytes(), 160U);
}

TEST(CaptureFile, APacketWithoutLinkHeaderGetsOne) {
    CaptureFile file("x", {{DeviceIndex::of_port(PortId(0)), "wan0", ""}}, 100);
    static_cast<void>(file.read(1U << 20));
    auto packet = watched(WatchEvent::dropped, {}, 40);
    packet.bytes[0] = std::byte{0x60};
    packet.record.bare = true;
    packet.record.reason = static_cast<std::uint8_t>(DropReason::neighbour_unresolved);
    file.take(packet);
    const auto blocks = blocks_of(file.read(1U << 20));
    ASSERT_EQ(blocks.size(), 1U);
    const std::string& body = blocks[0].body;
    EXPECT_EQ(number<std::uint32_t>(body, 12), 54U);
    EXPECT_EQ(number<std::uint32_t>(body, 16), 54U);
    EXPECT_EQ(body.substr(32, 3), "\x86\xDD\x60");
}

}  // namespace
}  // namespace shunt::ctl
