// SPDX-License-Identifier: BSD-3-Clause
// docs/performance.md says what the results beside it say.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "bench/report_folder.h"
#include "bench/result_tables.h"

namespace shunt::bench {
namespace {

const std::filesystem::path docs = SHUNT_SOURCE_DIR "/docs";
const std::filesystem::path folder = docs / "performance";

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(PerformancePage, HasTheTablesOfItsResults) {
    const auto results = ResultSet::load(folder / "raw");
    const std::string page = text_of(docs / "performance.md");
    EXPECT_EQ(fill_page(page, results), page) << "scripts/bench --page docs/performance";
    for (const ResultTable& table : result_tables)
        EXPECT_NE(page.find("<!-- table " + std::string(table.name) + " -->"), std::string::npos)
            << table.name;
}

TEST(PerformancePage, ShowsThePlotsOfItsResults) {
    const auto results = ResultSet::load(folder / "raw");
    const std::string page = text_of(docs / "performance.md");
    for (const ResultPlot& plot : result_plots) {
        EXPECT_EQ(text_of(folder / plot.file), to_svg(plot.make(results))) << plot.file;
        EXPECT_NE(page.find("(performance/" + std::string(plot.file) + ")"), std::string::npos);
    }
}

}  // namespace
}  // namespace shunt::bench
