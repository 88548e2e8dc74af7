// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/log/log_setup.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace shunt::ctl {
namespace {

TEST(LogSetup, TheJournalIsKnownByDeviceAndInode) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    struct stat there {};
    ASSERT_EQ(fstat(ends[1], &there), 0);
    const auto stream = std::to_string(there.st_dev) + ':' + std::to_string(there.st_ino);
    EXPECT_TRUE(is_journal(ends[1], stream));
    EXPECT_FALSE(is_journal(ends[1], ""));
    EXPECT_FALSE(is_journal(ends[1], stream + "0")) << "inherited, but it goes elsewhere";
    close(ends[0]);
    close(ends[1]);
    EXPECT_FALSE(is_journal(ends[1], stream)) << "closed";
}

TEST(LogSetup, VerboseIsLessImportant) {
    EXPECT_EQ(more_verbose("info", 0), "info");
    EXPECT_EQ(more_verbose("info", 1), "debug");
    EXPECT_EQ(more_verbose("error", 2), "info");
    EXPECT_EQ(more_verbose("info", 9), "trace");
}

}  // namespace
}  // namespace shunt::ctl
