// SPDX-License-Identifier: BSD-3-Clause
#include "bench/account_report.h"

#include <gtest/gtest.h>

namespace shunt::bench {
namespace {

Results three_runs() {
    Results results;
    for (const double cycles : {30.0, 10.0, 20.0}) {
        Run& run = results.runs.emplace_back();
        run.account.cycles.fill(cycles);
        run.account.cycles[0] = 100 - cycles;
        run.account.straight_share = 0.75;
        run.account.stamp_cycles = cycles / 10;
    }
    return results;
}

TEST(AccountObject, HasEveryPartWithItsShareOfTheSum) {
    const auto account = account_object(three_runs(), 250);
    const auto& parts = account.at("parts").as_object();
    ASSERT_EQ(parts.size(), Account::part_count);
    // Medians: 80 for the first part, 20 for the eight others.
    EXPECT_EQ(account.at("sum_cycles").to_number<double>(), 240);
    EXPECT_EQ(account.at("whole_cycles").to_number<double>(), 250);
    EXPECT_EQ(account.at("stamp_cycles").to_number<double>(), 2);
    EXPECT_EQ(account.at("straight_share").to_number<double>(), 0.75);
    EXPECT_EQ(parts.at("receive").at("cycles").to_number<double>(), 80);
    EXPECT_NEAR(parts.at("receive").at("share").to_number<double>(), 80.0 / 240, 1e-4);
    EXPECT_EQ(parts.at("forward").at("cycles").to_number<double>(), 20);
}

TEST(AccountLines, ShowPartsSumAndWhole) {
    const std::string lines = account_lines(three_runs(), 250);
    for (const std::string_view title : Account::titles)
        EXPECT_NE(lines.find(title), std::string::npos) << title;
    EXPECT_NE(lines.find("240.0"), std::string::npos) << lines;
    EXPECT_NE(lines.find("250.0   +4.2%"), std::string::npos) << lines;
    EXPECT_NE(lines.find("75 % of the packets go the straight way"), std::string::npos) << lines;
}

}  // namespace
}  // namespace shunt::bench
