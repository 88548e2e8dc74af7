// SPDX-License-Identifier: BSD-3-Clause
// docs/counters.md against the code: what is counted has to be explained there.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "base/drop_reason.h"

namespace shunt {
namespace {

std::string read_file(const std::string& path) {
    std::ifstream in(SHUNT_SOURCE_DIR "/" + path);
    EXPECT_TRUE(in) << path;
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Every match of the first group.
std::vector<std::string> matches(const std::string& text, const std::string& pattern) {
    const std::regex expression(pattern);
    std::vector<std::string> found;
    for (std::sregex_iterator i(text.begin(), text.end(), expression), end; i != end; ++i)
        found.push_back((*i)[1]);
    return found;
}

/// The text below a "## " heading, up to the next one.
std::string section(const std::string& page, const std::string& heading) {
    const auto start = page.find("\n## " + heading + "\n");
    if (start == std::string::npos) return {};
    return page.substr(start + 1, page.find("\n## ", start + 1) - start);
}

/// The rows of the tables in a section: each name in code in the first cell, with the second cell.
std::map<std::string, std::string> rows(const std::string& text) {
    std::map<std::string, std::string> out;
    const std::regex row(R"(\n\| (`[^|]*`) \| ([^|]*) \|)");
    for (std::sregex_iterator i(text.begin(), text.end(), row), end; i != end; ++i)
        for (const auto& name : matches((*i)[1], "`([a-z0-9_]+)`"))
            EXPECT_TRUE(out.emplace(name, (*i)[2]).second) << name << " is explained twice";
    return out;
}

class CountersPage : public ::testing::Test {
  protected:
    void expect_explained(const std::string& heading, const std::vector<std::string>& names) {
        const auto known = rows(section(page, heading));
        EXPECT_FALSE(names.empty()) << heading;
        for (const auto& name : names)
            EXPECT_TRUE(known.contains(name)) << name << " is missing under \"" << heading << '"';
    }
    /// The names of the members of type `type` in a struct of a header.
    static std::vector<std::string> members(const std::string& path, const std::string& type) {
        return matches(read_file(path), "\\n    " + type + " (\\w+)[;{ ]");
    }

    const std::string page = read_file("docs/counters.md");
};

TEST_F(CountersPage, HasEachDropReasonWithItsMeaningAndNoOther) {
    const auto explained = rows(section(page, "Drop reasons"));
    std::set<std::string> known;
    for (const auto& reason : drop_reason_texts) {
        known.emplace(reason.name);
        const auto row = explained.find(std::string(reason.name));
        ASSERT_NE(row, explained.end()) << reason.name << " is missing";
        EXPECT_GT(row->second.size(), 10U) << reason.name << " has no meaning";
    }
    for (const auto& [name, meaning] : explained)
        EXPECT_TRUE(known.contains(name)) << name << " is no drop reason any more";
}

TEST_F(CountersPage, HasEachCounterOfAWorker) {
    auto names = members("src/dataplane/counters.h", "Counter");
    EXPECT_EQ(names.size(), 19U) << "the members are not found, or the page needs another look";
    names.emplace_back("dropped");
    expect_explained("Packets of a worker", names);
}

TEST_F(CountersPage, HasEachCounterOfAServer) {
    auto names = members("src/service/dest_counters.h", "Counter");
    EXPECT_EQ(names.size(), 5U);
    names.insert(names.end(), {"active", "inactive", "rates"});
    expect_explained("Services and real servers", names);
}

/// Field names in the JSON that the protocol page shows after `title`, up to the next blank line
/// that ends the example.
std::vector<std::string> example_fields(const std::string& protocol, const std::string& title) {
    const auto start = protocol.find("\n" + title);
    EXPECT_NE(start, std::string::npos) << title;
    if (start == std::string::npos) return {};
    const auto brace = protocol.find("\n    {", start);
    return matches(protocol.substr(brace, protocol.find("\n\n", brace) - brace), "\"(\\w+)\": ");
}

TEST_F(CountersPage, HasEachFieldThatTheProtocolShows) {
    const auto protocol = read_file("docs/protocol.md");
    expect_explained("Packets of a worker", example_fields(protocol, "WORKER ("));
    expect_explained("Ports", example_fields(protocol, "PORT ("));
    expect_explained("The daemon", example_fields(protocol, "`status.get`:"));
    expect_explained("Services and real servers", example_fields(protocol, "STATS ("));
}

}  // namespace
}  // namespace shunt
