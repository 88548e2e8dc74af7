// SPDX-License-Identifier: BSD-3-Clause
#include "service/tunables.h"

#include <gtest/gtest.h>

namespace shunt {
namespace {

TEST(Tunables, ACpuListIsNumbersAndRangesOfThem) {
    for (const char* good : {"", "0", "0,2", "0-3", "0-3,5,7-7", "1023"})
        EXPECT_TRUE(is_cpu_list(good)) << good;
    for (const char* bad : {",", "0,", ",0", "3-1", "-1", "0-", "0--1", "a", "0 1", "0x1",
                            "99999999999", "4294967295"})
        EXPECT_FALSE(is_cpu_list(bad)) << bad;
}

TEST(Tunables, TheFirstNumberOfTheSyncThresholdIsSmallerOrTheSecondZero) {
    for (const char* good : {"3 50", "0 1", "0 0", "9 0", "2147483646 2147483647"})
        EXPECT_TRUE(is_sync_threshold(good)) << good;
    for (const char* bad : {"", "3", "50 3", "3 3", "3  50", " 3 50", "3 50 ", "-1 3", "3 -1",
                            "3,50", "3 4294967295"})
        EXPECT_FALSE(is_sync_threshold(bad)) << bad;
}

}  // namespace
}  // namespace shunt
