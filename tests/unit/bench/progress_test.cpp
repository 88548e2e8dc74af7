// SPDX-License-Identifier: BSD-3-Clause
#include "bench/progress.h"

#include <gtest/gtest.h>

#include <vector>

namespace shunt::bench {
namespace {

using namespace std::chrono_literals;

TEST(RunProgress, SaysWhatIsLeftOnceARunIsDone) {
    EXPECT_EQ(RunProgress::words(1, 5, 0s), "run 1 of 5");
    EXPECT_EQ(RunProgress::words(3, 5, 4s), "run 3 of 5, about 6 s left");
    EXPECT_EQ(RunProgress::words(5, 5, 12s), "run 5 of 5, about 3 s left");
}

TEST(RunProgress, CountsRuns) {
    std::vector<std::string> told;
    const Progress progress = [&](const std::string& text) { told.push_back(text); };
    RunProgress runs(progress, 2);
    runs.next();
    runs.next();
    EXPECT_EQ(told, (std::vector<std::string>{"run 1 of 2", "run 2 of 2, about 0 s left"}));
}

}  // namespace
}  // namespace shunt::bench
