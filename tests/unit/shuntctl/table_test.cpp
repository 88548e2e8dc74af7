// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/table.h"

#include <gtest/gtest.h>

#include <sstream>

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

Table narrow_table() {
    Table table({{"NAME"}, {"STATE"}, {"COUNT", Align::right}, {"OPTIONS"}});
    table.add({"[2001:db8::10]:53", "ESTABLISHED", "12345", "persistent 360"});
    return table;
}

TEST(Table, WordsBecomeShorterTheLastColumnFirst) {
    EXPECT_EQ(narrow_table().text(0), narrow_table().text(53));
    EXPECT_EQ(narrow_table().text(50),
              "NAME               STATE        COUNT  OPTIONS\n"
              "[2001:db8::10]:53  ESTABLISHED  12345  persistent~\n");
    EXPECT_EQ(narrow_table().text(45),
              "NAME               STATE      COUNT  OPTIONS\n"
              "[2001:db8::10]:53  ESTABLIS~  12345  persist~\n");
}

TEST(Table, ThenColumnsAreLeftOutAndNamed) {
    EXPECT_EQ(narrow_table().text(35),
              "NAME               STATE     COUNT\n"
              "[2001:db8::10]:53  ESTABLI~  12345\n"
              "No room for: OPTIONS\n");
    EXPECT_EQ(narrow_table().text(12),
              "NAME\n"
              "[2001:db8::~\n"
              "No room for:\n"
              "    STATE\n"
              "    COUNT\n"
              "    OPTIONS\n");
}

TEST(Table, NoLineIsLongerThanTheWidth) {
    for (std::size_t width = 12; width < 60; ++width) {
        std::istringstream lines(narrow_table().text(width));
        for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), width) << line;
    }
}

TEST(Fold, BreaksBetweenWords) {
    EXPECT_EQ(fold("one two three four\nfive\n", 9), "one two\n    three\n    four\nfive\n");
    EXPECT_EQ(fold("unbreakable word\n", 4), "unbreakable\n    word\n");
    EXPECT_EQ(fold("a  b\n", 0), "a  b\n");
    EXPECT_EQ(fold("", 10), "");
    EXPECT_EQ(fold("no end", 10), "no end");
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
