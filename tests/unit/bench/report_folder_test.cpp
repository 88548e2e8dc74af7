// SPDX-License-Identifier: BSD-3-Clause
#include "bench/report_folder.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "bench/result_tables.h"

namespace shunt::bench {
namespace {

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string measured(double ratio) {
    return R"({"command":"forward","forward":"dr","family":4,"direction":"in","flows":1000000,)"
           R"("runs":[],"ratio_to_limit":)" +
           std::to_string(ratio) + "}";
}

class ReportFolder : public ::testing::Test {
  protected:
    ReportFolder() { std::filesystem::remove_all(folder_); }
    ~ReportFolder() override { std::filesystem::remove_all(folder_); }
    const std::filesystem::path folder_ = ::testing::TempDir() + "report_folder_test/below";
};

TEST_F(ReportFolder, HoldsResultsTablesAndPlots) {
    add_to_report(folder_, measured(0.7));
    EXPECT_EQ(text_of(folder_ / "raw/forward-dr-ipv4-in-1000000.json"), measured(0.7));
    EXPECT_NE(text_of(folder_ / "README.md").find("| DR IPv4, 1 M, of L | >= 0.65 | 0.700 |"),
              std::string::npos);
    for (const ResultPlot& plot : result_plots)
        EXPECT_EQ(text_of(folder_ / plot.file).find("<svg "), 0U) << plot.file;
}

TEST_F(ReportFolder, KeepsTheLatestOfTheSameMeasurement) {
    add_to_report(folder_, measured(0.7));
    add_to_report(folder_, measured(0.5));
    const std::string readme = text_of(folder_ / "README.md");
    EXPECT_NE(readme.find("| 0.500 | **missed** |"), std::string::npos);
    EXPECT_EQ(readme.find("0.700"), std::string::npos);
}

TEST_F(ReportFolder, SaysWhatIsNotThere) {
    EXPECT_THROW(write_report(folder_), std::runtime_error);
    EXPECT_THROW(add_to_report("/proc/none", measured(1)), std::runtime_error);
    EXPECT_THROW(fill_page_file(folder_ / "none.md", folder_), std::runtime_error);
}

TEST(Page, GetsItsTablesFromTheResults) {
    const ResultSet results({boost::json::parse(measured(0.7)).as_object()});
    const std::string page =
        "text\n<!-- table targets -->\nold\n<!-- end -->\nmore\n"
        "<!-- table peers -->\n<!-- end -->\n";
    const std::string filled = fill_page(page, results);
    EXPECT_EQ(filled,
              "text\n<!-- table targets -->\n" + targets_table(results) +
                  "<!-- end -->\nmore\n<!-- table peers -->\nNot measured.\n<!-- end -->\n");
    EXPECT_EQ(fill_page(filled, results), filled);
}

TEST(Page, IsRefusedWhenItAsksForWhatIsNot) {
    EXPECT_THROW(fill_page("<!-- table nothing -->\n<!-- end -->\n", {}), std::runtime_error);
    EXPECT_THROW(fill_page("<!-- table targets -->\n", {}), std::runtime_error);
}

}  // namespace
}  // namespace shunt::bench
