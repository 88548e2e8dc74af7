// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/mark_commands.h"

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "shuntctl/command_tables.h"
#include "shuntctl/rows.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

constexpr std::int64_t most_rules = 65535;

/// The rules of a file as `mark list --json` prints them.
json::array rules_in(const std::string& path) {
    const auto fail = [&path](const std::string& why) {
        throw CLI::ValidationError("FILE", path + ' ' + why);
    };
    const std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file.is_open() || text.bad()) fail("cannot be read");
    boost::system::error_code error;
    const auto content = json::parse(text.str(), error);
    if (error) fail("is no JSON: " + error.message());
    const auto* const members = content.if_object();
    const auto* const rules = members != nullptr ? members->if_contains("rules") : nullptr;
    if (rules == nullptr || !rules->is_array())
        fail("is not as `shuntctl --json mark list` prints");
    return rules->get_array();
}

[[noreturn]] void fail_rule(const char* argument, std::size_t count) {
    throw CLI::ValidationError(argument, "there are " + std::to_string(count) + " rules");
}

}  // namespace

void MarkCommands::add_to(CommandTree& tree) {
    const auto list = context_.ask("mark.list", marks_text);
    auto* const mark =
        tree.noun("mark", "rules that give packets marks; the first that matches decides", list);
    tree.verb(mark, "list", "show the rules", list, "shuntctl mark list");
    auto* const add = tree.verb(
        mark, "add", "add a rule, behind all others; what it does not name is any",
        [this] { insert_rule(); },
        "shuntctl mark add --mark 7 --destination 192.0.2.0/24 --protocol tcp "
        "--destination-ports 80");
    rule_.add_to(*add);
    add->add_option("--at", at_, "its place among the rules, 1 is the first")
        ->check(CLI::Range(std::int64_t{1}, most_rules))
        ->type_name("RULE");
    auto* const remove = tree.verb(
        mark, "delete", "delete one rule", [this] { delete_rule(); }, "shuntctl mark delete 2");
    remove->add_option("RULE", at_, "its number in the list")
        ->check(CLI::Range(std::int64_t{1}, most_rules))
        ->required()
        ->type_name("");
    tree.verb(
        mark, "clear", "delete every rule", [this] { set_rules({}); }, "shuntctl mark clear");
    tree.verb(
            mark, "load", "replace all rules by those of a file",
            [this] { set_rules(rules_in(context_.file())); }, "shuntctl mark load rules.json")
        ->add_option("FILE", context_.file(), "rules as `shuntctl --json mark list` prints them")
        ->required()
        ->type_name("");
}

json::array MarkCommands::rules() {
    const auto result = context_.call("mark.list", {});
    return member_rows(result, "rules");
}

void MarkCommands::set_rules(json::array rules) {
    context_.ask("mark.set", nullptr, [&rules] {
        return json::object{{"rules", std::move(rules)}};
    })();
}

void MarkCommands::insert_rule() {
    auto all = rules();
    const auto place = at_ != 0 ? at_ - 1 : all.size();
    if (place > all.size()) fail_rule("--at", all.size());
    all.insert(all.begin() + place, rule_.rule());
    set_rules(std::move(all));
}

void MarkCommands::delete_rule() {
    auto all = rules();
    if (at_ > all.size()) fail_rule("RULE", all.size());
    all.erase(all.begin() + (at_ - 1));
    set_rules(std::move(all));
}

}  // namespace shunt::cli
