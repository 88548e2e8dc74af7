// SPDX-License-Identifier: BSD-3-Clause
// docs/tunables.md against the code: each tunable stands there with its numbers.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "service/tunables.h"

namespace shunt {
namespace {

std::string read_page() {
    std::ifstream in(SHUNT_SOURCE_DIR "/docs/tunables.md");
    EXPECT_TRUE(in);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// The page must hold exactly the rows that the list makes, in its order.
TEST(TunablesPage, HasTheTableOfThisList) {
    std::string expected;
    for (const auto& t : tunable_list)
        expected += "| `" + std::string(t.name) + "` | " + std::to_string(t.standard) + " | " +
                    std::to_string(t.least) + " to " + std::to_string(t.most) + " | " +
                    std::string(t.text) + " |\n";
    for (const auto& t : text_tunable_list)
        expected += "| `" + std::string(t.name) + "` | \"" + std::string(t.standard) +
                    "\" | text | " + std::string(t.text) + " |\n";
    std::istringstream page(read_page());
    std::string found;
    for (std::string line; std::getline(page, line);)
        if (line.starts_with("| `")) found += line + '\n';
    EXPECT_EQ(found, expected);
}

TEST(TunablesPage, SaysMoreAboutEachOne) {
    const auto page = read_page();
    const auto more = page.find("\n## ");
    ASSERT_NE(more, std::string::npos);
    for (const auto& t : tunable_list)
        EXPECT_NE(page.find("**`" + std::string(t.name) + "`**", more), std::string::npos)
            << t.name;
    for (const auto& t : text_tunable_list)
        EXPECT_NE(page.find("**`" + std::string(t.name) + "`**", more), std::string::npos)
            << t.name;
}

TEST(TunablesPage, TheDefaultsAreInRangeAndTheTextsFitATable) {
    for (const auto& t : tunable_list) {
        EXPECT_LE(t.least, t.standard) << t.name;
        EXPECT_LE(t.standard, t.most) << t.name;
        EXPECT_EQ(t.text.find('|'), std::string_view::npos) << t.name;
        EXPECT_EQ(Tunables{}.*t.value, t.standard) << t.name;
        EXPECT_EQ(find_tunable(t.name), &t);
    }
    EXPECT_EQ(find_tunable("conn_reuse_mod"), nullptr);
    for (const auto& t : text_tunable_list) {
        EXPECT_TRUE(t.fits(t.standard)) << t.name;
        EXPECT_EQ(find_text_tunable(t.name), &t);
    }
}

}  // namespace
}  // namespace shunt
