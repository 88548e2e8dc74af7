// SPDX-License-Identifier: BSD-3-Clause
#include "bench/capture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace shunt::bench {
namespace {

constexpr PortId first_port{0};
constexpr PortId second_port{1};
constexpr MacAddress here{{0x02, 0, 0, 0, 0, 1}};
constexpr MacAddress elsewhere{{0x02, 0, 0, 0, 0, 2}};

class CaptureTest : public ::testing::Test {
  protected:
    CaptureTest() { std::filesystem::create_directories(folder_); }
    ~CaptureTest() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }

    static std::vector<std::byte> frame(const MacAddress& to, std::size_t length, int mark = 0) {
        std::vector<std::byte> bytes(length, std::byte(mark));
        std::memcpy(bytes.data(), &to, std::min(length, sizeof(to)));
        return bytes;
    }
    /// A pcap file with these 32-bit words, and then as they are.
    void write_raw(const std::string& name, std::uint32_t link_type,
                   const std::vector<std::uint32_t>& words) {
        std::ofstream file(path(name), std::ios::binary);
        const std::array<std::uint32_t, 6> header{0xA1B2C3D4, 0x00040002, 0, 0, 65535, link_type};
        file.write(reinterpret_cast<const char*>(header.data()), sizeof(header));
        file.write(reinterpret_cast<const char*>(words.data()),
                   static_cast<std::streamsize>(words.size() * sizeof(words[0])));
    }
    std::string refusal(const std::string& name) {
        try {
            Capture().add(path(name), first_port);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "";
    }

    std::string folder_ = ::testing::TempDir() + "capture-" + std::to_string(getpid());
};

TEST_F(CaptureTest, ReadsWhatWasWritten) {
    {
        CaptureWriter writer(path("x.pcap"));
        writer.write(1'700'000'000'123'456'789, frame(here, 60, 1));
        writer.write(1'700'000'001'000'000'001, frame(here, 1514, 2));
        EXPECT_EQ(writer.packets(), 2U);
        writer.finish();
    }
    Capture capture;
    capture.add(path("x.pcap"), second_port);
    ASSERT_EQ(capture.packets().size(), 2U);
    EXPECT_EQ(capture.packets()[0].time, 1'700'000'000'123'456'789U);
    EXPECT_EQ(capture.packets()[1].time, 1'700'000'001'000'000'001U);
    EXPECT_EQ(capture.packets()[1].port, second_port);
    EXPECT_TRUE(std::ranges::equal(capture.bytes(capture.packets()[0]), frame(here, 60, 1)));
    EXPECT_TRUE(std::ranges::equal(capture.bytes(capture.packets()[1]), frame(here, 1514, 2)));
    EXPECT_EQ(capture.longest_packet(), 1514U);
    EXPECT_EQ(capture.size(), 1574U);
}

TEST_F(CaptureTest, PacketsOfAllPortsAreInTheOrderOfTheirTimes) {
    for (const auto& [name, times] :
         {std::pair{"a.pcap", std::vector<std::uint64_t>{10, 30, 20, 50}},
          std::pair{"b.pcap", std::vector<std::uint64_t>{15, 25, 50}}}) {
        CaptureWriter writer(path(name));
        for (const auto time : times) writer.write(time, frame(here, 60));
        writer.finish();
    }
    Capture capture;
    capture.add(path("a.pcap"), first_port);
    capture.add(path("b.pcap"), second_port);
    capture.sort();
    std::vector<std::pair<std::uint64_t, int>> order;
    for (const auto& packet : capture.packets())
        order.emplace_back(packet.time, packet.port.value());
    // What came too late in its file came with the one before it.
    EXPECT_EQ(order, (std::vector<std::pair<std::uint64_t, int>>{
                         {10, 0}, {15, 1}, {25, 1}, {30, 0}, {30, 0}, {50, 0}, {50, 1}}));
}

TEST_F(CaptureTest, KnowsForWhomPacketsAre) {
    {
        CaptureWriter writer(path("x.pcap"));
        for (const auto& to : {here, elsewhere, here, MacAddress{{0xFF, 1, 1, 1, 1, 1}}})
            writer.write(0, frame(to, 60));
        writer.write(0, frame(here, 3));
        writer.finish();
    }
    Capture capture;
    capture.add(path("x.pcap"), first_port);
    EXPECT_EQ(capture.usual_target(first_port), here);
    EXPECT_EQ(capture.usual_target(second_port), std::nullopt);
    EXPECT_EQ(capture.targets(first_port, here).packets, 5U);
    EXPECT_EQ(capture.targets(first_port, here).own, 4U);
    EXPECT_EQ(capture.targets(first_port, elsewhere).own, 3U);
    capture.readdress(first_port, elsewhere);
    EXPECT_EQ(capture.targets(first_port, elsewhere).own, 5U);
    EXPECT_TRUE(std::ranges::equal(capture.bytes(capture.packets()[4]), frame(here, 3)));
}

TEST_F(CaptureTest, SaysWhichFileCannotBeUsedAndWhy) {
    EXPECT_NE(refusal("missing").find(path("missing")), std::string::npos) << refusal("missing");
    EXPECT_NE(refusal("missing").find("No such file"), std::string::npos) << refusal("missing");
    std::ofstream(path("text")) << "this is not a capture, but some text of a certain length\n";
    EXPECT_EQ(refusal("text").find(path("text")), 0U) << refusal("text");
    write_raw("cooked", 113, {});
    EXPECT_NE(refusal("cooked").find("link type LINUX_SLL, and only Ethernet"), std::string::npos)
        << refusal("cooked");
}

TEST_F(CaptureTest, SaysWhichPacketCannotBeUsedAndWhy) {
    const std::vector<std::uint32_t> whole{1, 2, 16, 16, 0, 0, 0, 0};
    auto words = whole;
    words.insert(words.end(), {1, 2, 16, 1514, 0, 0, 0, 0});
    write_raw("cut", 1, words);
    EXPECT_EQ(refusal("cut"), path("cut") +
                                  ": packet 2: only the first 16 of its 1514 bytes were captured: "
                                  "capture whole packets (tcpdump -s 0)");
    words = whole;
    words.insert(words.end(), {1, 2, 16, 16, 0});
    write_raw("ends", 1, words);
    EXPECT_EQ(refusal("ends").find(path("ends") + ": packet 2: "), 0U) << refusal("ends");
    words = {1, 2, 12000, 12000};
    words.resize(4 + 12000 / 4);
    write_raw("joined", 1, words);
    EXPECT_EQ(refusal("joined").find(path("joined") + ": packet 1: it has 12000 bytes"), 0U)
        << refusal("joined");
    EXPECT_NE(refusal("joined").find("gro off"), std::string::npos);
}

TEST_F(CaptureTest, SaysWhereItCannotWrite) {
    try {
        CaptureWriter writer(path("missing/x.pcap"));
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("missing/x.pcap"), std::string::npos)
            << error.what();
    }
}

}  // namespace
}  // namespace shunt::bench
