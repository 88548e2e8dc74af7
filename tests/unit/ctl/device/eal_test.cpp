// SPDX-License-Identifier: BSD-3-Clause
// What can be told without a second EAL.
#include "ctl/device/eal.h"

#include <gtest/gtest.h>
#include <rte_log.h>

#include <fstream>
#include <string>

namespace shunt::ctl {
namespace {

std::uint64_t meminfo(const std::string& wanted) {
    std::ifstream file("/proc/meminfo");
    std::string key;
    std::uint64_t value = 0;
    std::string unit;
    while (file >> key >> value && std::getline(file, unit))
        if (key == wanted) return value;
    return 0;
}

TEST(FreeHugeMemory, HasAtLeastThePagesOfTheDefaultSize) {
    const std::uint64_t kilobytes = meminfo("HugePages_Free:") * meminfo("Hugepagesize:");
    EXPECT_GE(free_huge_memory_mb(), kilobytes / 1024);
    EXPECT_LE(free_huge_memory_mb(), meminfo("MemTotal:") / 1024);
}

TEST(ChooseMemoryMode, FollowsTheConfigurationAndWhatThereIs) {
    const std::uint32_t there = free_huge_memory_mb();
    EXPECT_EQ(choose_memory_mode(HugePages::off, 0), MemoryMode::ordinary_pages);
    EXPECT_EQ(choose_memory_mode(HugePages::automatic, there), MemoryMode::huge_pages);
    EXPECT_EQ(choose_memory_mode(HugePages::automatic, there + 64), MemoryMode::ordinary_pages);
    EXPECT_EQ(choose_memory_mode(HugePages::on, there), MemoryMode::huge_pages);
}

TEST(ChooseMemoryMode, DemandedPagesThatAreMissingAreNamed) {
    const std::uint32_t there = free_huge_memory_mb();
    const std::uint32_t needed = there + 1000;
    try {
        choose_memory_mode(HugePages::on, needed);
        FAIL() << "no error";
    } catch (const StartError& error) {
        const std::string text = error.what();
        EXPECT_EQ(text.find("memory: " + std::to_string(needed) + " MB of huge pages needed, " +
                            std::to_string(there) + " MB free; "),
                  0U)
            << text;
        // The advice is enough: pages of 2 MB.
        const std::string setting = "vm.nr_hugepages=";
        const auto at = text.find(setting);
        ASSERT_NE(at, std::string::npos) << text;
        EXPECT_GE(std::stoul(text.substr(at + setting.size())) * 2, needed);
        EXPECT_NE(text.find("memory.huge_pages"), std::string::npos) << text;
    }
}

TEST(LcoreOf, LeavesTheFirstOneToTheControlThread) {
    EXPECT_EQ(lcore_of(WorkerId(0)), 1U);
    EXPECT_EQ(lcore_of(WorkerId(63)), 64U);
}

TEST(LastDpdkError, IsTheLastLineThatTellsOfAFailureAndIsTakenOnce) {
    last_dpdk_error();
    RTE_LOG(ERR, USER1, "cannot do the first thing\n");
    RTE_LOG(ERR, USER1, "failed at the second thing\n");
    RTE_LOG(ERR, USER1, "all is well\n");
    EXPECT_EQ(last_dpdk_error(), "USER1: failed at the second thing");
    EXPECT_EQ(last_dpdk_error(), "");
}

}  // namespace
}  // namespace shunt::ctl
