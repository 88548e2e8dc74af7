// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/log/log_line.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace shunt::ctl {
namespace {

TEST(LogLine, IsKeysAndValues) {
    EXPECT_EQ(log_line("stopping", {}), "event=stopping");
    EXPECT_EQ(log_line("ready", {{"version", "0.1.0"},
                                 {"pid", 47},
                                 {"packets", std::uint64_t{1} << 63},
                                 {"short", true},
                                 {"left", -1}}),
              "event=ready version=0.1.0 pid=47 packets=9223372036854775808 short=true left=-1");
}

TEST(LogLine, TextStaysInItsPlace) {
    EXPECT_EQ(log_value("/etc/shunt/shunt.conf:12:"), "/etc/shunt/shunt.conf:12:");
    EXPECT_EQ(log_value("[2001:db8::1]:80"), "[2001:db8::1]:80");
    EXPECT_EQ(log_value(""), R"("")");
    EXPECT_EQ(log_value("two words"), R"("two words")");
    EXPECT_EQ(log_value("a=b"), R"("a=b")") << "might be taken for another key";
    EXPECT_EQ(log_value("say \"yes\"\\"), R"("say \"yes\"\\")");
    EXPECT_EQ(log_line("x", {{"text", std::string("a\nevent=fake \x1b[31m\xc3\xa4")}}),
              R"(event=x text="a\x0aevent=fake \x1b[31m\xc3\xa4")");
}

/// Whoever writes to the log does it by write_log(), or with a line that log_line() made.
TEST(LogLine, IsTheFormOfEveryMessage) {
    const std::filesystem::path sources = std::filesystem::path(SHUNT_SOURCE_DIR) / "src";
    const std::regex direct(R"(spdlog::(trace|debug|info|warn|error|critical|log)\()");
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(sources)) {
        const auto extension = entry.path().extension();
        if (extension != ".cpp" && extension != ".h") continue;
        ++files;
        const auto name = entry.path().lexically_relative(sources).string();
        if (name == "ctl/log/log_line.cpp" || name == "ctl/rpc/log_limit.h") continue;
        std::stringstream text;
        text << std::ifstream(entry.path()).rdbuf();
        EXPECT_FALSE(std::regex_search(text.str(), direct))
            << name << " writes a message that has not the form of log_line()";
    }
    EXPECT_GT(files, 100U);
}

}  // namespace
}  // namespace shunt::ctl
