// SPDX-License-Identifier: BSD-3-Clause
// docs/man/shuntctl.8 against the code: each command and each option stands there.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "shuntctl/commands.h"

namespace shunt::cli {
namespace {

std::string read_page() {
    std::ifstream in(SHUNT_SOURCE_DIR "/docs/man/shuntctl.8");
    EXPECT_TRUE(in);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<CommandInfo> all_commands() {
    std::ostringstream nowhere;
    return shuntctl_commands({"", {}, nowhere, nowhere});
}

TEST(ManPage, HasEachCommandWithItsOptions) {
    const auto page = read_page();
    const auto commands = all_commands();
    EXPECT_GT(commands.size(), 20U);
    for (const auto& command : commands) {
        if (command.noun == "ipvsadm") continue;  // a section of its own
        const auto item = page.find("\n.It Cm " + command.name());
        EXPECT_NE(item, std::string::npos) << command.name();
        for (const auto& argument : command.arguments)
            if (argument.is_option()) {
                EXPECT_NE(page.find("Fl " + argument.name.substr(1)), std::string::npos)
                    << command.name() << ' ' << argument.name;
            }
    }
}

TEST(ManPage, NamesNoCommandThatIsNot) {
    std::istringstream page(read_page());
    const auto commands = all_commands();
    constexpr std::string_view item = ".It Cm ";
    for (std::string line; std::getline(page, line);) {
        if (!line.starts_with(item)) continue;
        std::istringstream words(line.substr(item.size()));
        std::string noun;
        std::string verb;
        words >> noun >> verb;
        const bool known = std::any_of(commands.begin(), commands.end(), [&](const auto& c) {
            return c.noun == noun && (c.verb.empty() || c.verb == verb);
        });
        EXPECT_TRUE(known) << line;
    }
}

}  // namespace
}  // namespace shunt::cli
