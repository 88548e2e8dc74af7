// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/nearest_word.h"

#include <gtest/gtest.h>

namespace shunt::cli {
namespace {

const std::vector<std::string> words{"service", "dest", "stats", "status", "config"};

TEST(NearestWord, OneSlipIsForgiven) {
    for (const auto& [given, meant] :
         std::vector<std::pair<std::string, std::string>>{{"servce", "service"},
                                                          {"sevrice", "service"},
                                                          {"servicee", "service"},
                                                          {"dset", "dest"},
                                                          {"stat", "stats"},
                                                          {"statu", "status"},
                                                          {"conf", "config"},
                                                          {"xyzzy", ""},
                                                          {"", ""},
                                                          {"q", ""}})
        EXPECT_EQ(nearest_word(given, words), meant) << given;
    EXPECT_EQ(nearest_word("dest", {}), "");
}

TEST(NearestWord, AsksOnlyWhenOneIsNear) {
    EXPECT_EQ(did_you_mean("dset", words), "; did you mean \"dest\"?");
    EXPECT_EQ(did_you_mean("xyzzy", words), "");
}

TEST(NearestWord, ListsReadAsASentence) {
    EXPECT_EQ(or_list({}), "");
    EXPECT_EQ(or_list({"a"}), "a");
    EXPECT_EQ(or_list({"a", "b"}), "a or b");
    EXPECT_EQ(or_list({"a", "b", "c"}), "a, b or c");
}

}  // namespace
}  // namespace shunt::cli
