// SPDX-License-Identifier: BSD-3-Clause
#include "bench/result_set.h"

#include <gtest/gtest.h>

#include <fstream>

namespace shunt::bench {
namespace {

Result parsed(std::string_view text) {
    return boost::json::parse(text).as_object();
}

const ResultSet& some() {
    static const ResultSet results({
        parsed(R"({"command":"forward","forward":"nat","family":4,"flows":1000,"direction":"in"})"),
        parsed(R"({"command":"forward","forward":"nat","family":4,"flows":1000,"direction":"both",
                   "app":"ftp"})"),
        parsed(R"({"command":"forward","forward":"tun","tunnel":"gre","family":6,"flows":1000})"),
        parsed(R"({"command":"connect","forward":"nat","family":4,"flows":2000})"),
    });
    return results;
}

TEST(ResultSet, FindsByWhatIsAsked) {
    EXPECT_EQ(some().all({.command = "forward"}).size(), 2U) << "none with an application";
    EXPECT_EQ(some().all({.command = "forward", .app = "ftp"}).size(), 1U);
    EXPECT_EQ(some().all({.command = "forward", .family = 6}).size(), 1U);
    EXPECT_EQ(some().all({.command = "forward", .tunnel = "gre"}).size(), 1U);
    EXPECT_EQ(some().find({.command = "forward", .direction = "both"}), nullptr);
    EXPECT_EQ(some().find({.command = "connect", .flows = 1000}), nullptr);
    ASSERT_NE(some().find({.command = "connect", .flows = 2000}), nullptr);
    EXPECT_EQ(some().find({.command = "churn"}), nullptr);
}

TEST(ResultSet, ReadsAFolderAndNamesAFileThatIsBroken) {
    const std::filesystem::path folder = ::testing::TempDir() + "result_set_test";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "b.json") << R"({"command":"b"})";
    std::ofstream(folder / "a.json") << R"({"command":"a"})";
    std::ofstream(folder / "notes.txt") << "no JSON";
    const auto results = ResultSet::load(folder);
    const auto all = results.all({.command = {}});
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(text_in(*all[0], "command"), "a");
    for (const char* broken : {"{", "[1]"}) {
        std::ofstream(folder / "c.json") << broken;
        try {
            ResultSet::load(folder);
            FAIL() << broken;
        } catch (const std::runtime_error& error) {
            EXPECT_NE(std::string(error.what()).find("c.json"), std::string::npos) << error.what();
        }
    }
    std::filesystem::remove_all(folder);
}

TEST(FileName, TellsWhatWasMeasured) {
    EXPECT_EQ(file_name_of(parsed(R"({"command":"forward","forward":"tun","tunnel":"gue",
        "family":6,"direction":"in","flows":1000,"packet_size":78,"scheduler":"rr","mpps":1})")),
              "forward-tun-gue-ipv6-in-1000-78B-rr.json");
    EXPECT_EQ(file_name_of(
                  parsed(R"({"command":"limit","forward":"limit","flows":1000,"packet_size":64})")),
              "limit-1000-64B.json");
    EXPECT_EQ(file_name_of(parsed(R"({"command":"forward","app":"ftp"})")), "forward-ftp.json");
    EXPECT_EQ(file_name_of(parsed(R"({"command":"churn","reuse_ports":true})")),
              "churn-reuse_ports.json");
    EXPECT_EQ(file_name_of(parsed(R"({"command":"churn","reuse_ports":false})")), "churn.json");
}

TEST(Members, AreThereOrNot) {
    const auto result = parsed(R"({"a":1.5,"b":{"c":2},"d":"text"})");
    EXPECT_EQ(number_in(result, "a"), 1.5);
    EXPECT_EQ(number_in(result, "b", "c"), 2);
    EXPECT_EQ(number_in(result, "b"), std::nullopt);
    EXPECT_EQ(number_in(result, "b", "x"), std::nullopt);
    EXPECT_EQ(number_in(result, "a", "c"), std::nullopt);
    EXPECT_EQ(number_in(result, "d"), std::nullopt);
    EXPECT_EQ(text_in(result, "d"), "text");
    EXPECT_EQ(text_in(result, "a"), "");
}

}  // namespace
}  // namespace shunt::bench
