// SPDX-License-Identifier: BSD-3-Clause
// docs/schedulers.md against the code: each scheduler stands there, with what it costs.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "sched/registry.h"

namespace shunt {
namespace {

/// The cells of the rows that begin with a scheduler's name, in the section of this title.
std::vector<std::vector<std::string>> rows_of(const std::string& title) {
    std::ifstream page(SHUNT_SOURCE_DIR "/docs/schedulers.md");
    EXPECT_TRUE(page);
    std::vector<std::vector<std::string>> rows;
    bool inside = false;
    for (std::string line; std::getline(page, line);) {
        if (line.starts_with("## ")) inside = line == "## " + title;
        if (!inside || !line.starts_with("| `")) continue;
        std::istringstream cells(line.substr(2));
        rows.emplace_back();
        for (std::string cell; std::getline(cells, cell, '|');)
            rows.back().push_back(cell.substr(cell.starts_with(' ') ? 1 : 0));
    }
    return rows;
}

std::vector<std::string> names_in(const std::string& title) {
    std::vector<std::string> names;
    for (const auto& row : rows_of(title)) names.push_back(row[0].substr(1, row[0].size() - 3));
    std::ranges::sort(names);
    return names;
}

TEST(SchedulersPage, HasEachSchedulerOnce) {
    EXPECT_EQ(names_in("Which one"), scheduler_names());
    for (const auto& row : rows_of("Which one")) EXPECT_EQ(row.size(), 4U) << row[0];
}

TEST(SchedulersPage, SaysWhatEachCosts) {
    EXPECT_EQ(names_in("What a choice costs"), scheduler_names());
    for (const auto& row : rows_of("What a choice costs")) {
        ASSERT_EQ(row.size(), 4U) << row[0];
        for (std::size_t i = 1; i < row.size(); ++i)
            EXPECT_TRUE(!row[i].empty() && std::isdigit(static_cast<unsigned char>(row[i][0])) != 0)
                << row[0] << row[i];
    }
}

}  // namespace
}  // namespace shunt
