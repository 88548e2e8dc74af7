// SPDX-License-Identifier: BSD-3-Clause
#include "sched/registry.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace shunt {
namespace {

TEST(Registry, FindsEverySchedulerByItsName) {
    const std::vector<std::string> names = scheduler_names();
    for (const std::string& name : names) {
        ASSERT_NE(find_scheduler(name), nullptr) << name;
        EXPECT_EQ(find_scheduler(name)->name(), name);
    }
    EXPECT_TRUE(std::ranges::is_sorted(names));
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
    for (const char* const name : {"lc", "rr", "wlc", "wrr"})
        EXPECT_TRUE(std::ranges::binary_search(names, name)) << name;
}

TEST(Registry, OtherNamesAreNone) {
    for (const char* const name : {"", "r", "rrr", "RR", "rr ", "none"})
        EXPECT_EQ(find_scheduler(name), nullptr) << name;
}

}  // namespace
}  // namespace shunt
