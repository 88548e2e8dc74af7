// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/table.h"

#include <gtest/gtest.h>

namespace shunt::cli {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
    Table table({{"A"}, {"NUMBER", Align::right}, {"END"}});
    table.add({"long cell", "1", ""});
    table.add({"", "1234567", "x"});
    EXPECT_EQ(table.text(),
              "A           NUMBER  END\n"
              "long cell        1\n"
              "           1234567  x\n");
}

TEST(Table, WithoutRowsItIsTheTitles) {
    EXPECT_EQ(Table({{"A"}, {"B"}}).text(), "A  B\n");
}

TEST(ShortNumber, FiveCharactersAtMost) {
    struct Row {
        double value;
        const char* text;
    };
    for (const auto& [value, text] : std::vector<Row>{{0, "0"},
                                                      {-3, "0"},
                                                      {0.4, "0"},
                                                      {1.5, "2"},
                                                      {99999, "99999"},
                                                      {99999.6, "100K"},
                                                      {123456, "123K"},
                                                      {999499, "999K"},
                                                      {999999, "1.00M"},
                                                      {1234567, "1.23M"},
                                                      {9996000, "10.0M"},
                                                      {99960000, "100M"},
                                                      {1e12, "1.00T"},
                                                      {1.8446744073709552e19, "18.4E"}})
        EXPECT_EQ(short_number(value), text) << value;
}

}  // namespace
}  // namespace shunt::cli
