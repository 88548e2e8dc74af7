// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/command_help.h"

#include <algorithm>

namespace shunt::cli {

namespace {

constexpr const char* examples = R"(Examples:
  shuntctl status
  shuntctl service add tcp 192.0.2.10:80 --scheduler wrr
  shuntctl dest add tcp 192.0.2.10:80 10.1.0.11:80 --weight 3
  shuntctl dest edit tcp 192.0.2.10:80 10.1.0.11:80 --weight 0    # no new connections
  shuntctl service list
  shuntctl mark add --mark 7 --destination 192.0.2.0/24 --protocol tcp --destination-ports 80
  shuntctl service add --mark 7 --scheduler wlc
  shuntctl dest add --mark 7 10.1.0.12:80 --forward tunnel --tunnel-type gue --tunnel-port 6080
  shuntctl conn list tcp 192.0.2.10:80 --client 198.51.100.0/24 --state ESTABLISHED
  shuntctl conn flush --server 10.1.0.11:80 --idle 60
  shuntctl stats show --json | jq .total
  shuntctl ipvsadm -Ln

`shuntctl NOUN --help` lists the verbs of a noun, `shuntctl NOUN VERB --help` tells what a verb
takes. A noun alone shows: `shuntctl worker` is `shuntctl worker list`. Exit status: 0 done, 1
refused by the daemon, 2 wrong usage, 3 daemon not reachable.
)";

constexpr std::size_t page_width = 100;

using Lines = std::vector<std::pair<std::string, std::string>>;

/// Names left, explanations right, broken between words before the page's end.
std::string two_columns(const Lines& lines) {
    std::size_t left = 0;
    for (const auto& [name, what] : lines) left = std::max(left, name.size());
    std::string text;
    for (const auto& [name, what] : lines) {
        std::string line = "  " + name + std::string(left - name.size() + 2, ' ');
        const std::string margin(line.size(), ' ');
        for (std::size_t at = 0; at < what.size();) {
            const auto end = std::min(what.find(' ', at), what.size());
            if (line.size() + end - at > page_width && line.size() > margin.size()) {
                text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
                line = margin;
            }
            line += what.substr(at, end - at) + ' ';
            at = end + 1;
        }
        text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
    }
    return text;
}

std::string heading(const ArgumentInfo& argument) {
    return argument.name + (argument.value.empty() ? "" : ' ' + argument.value);
}

/// A range that the explanation does not tell already goes in front of it.
std::string explanation(const ArgumentInfo& argument) {
    const bool told =
        argument.range.empty() || argument.what.find(argument.range) != std::string::npos;
    return (told ? "" : argument.range + ": ") + argument.what;
}

std::string list(const std::vector<ArgumentInfo>& arguments, bool options) {
    Lines lines;
    for (const auto& argument : arguments)
        if (argument.is_option() == options)
            lines.emplace_back(heading(argument), explanation(argument));
    return two_columns(lines);
}

/// "shuntctl dest add PROTOCOL SERVICE SERVER [OPTION...]".
std::string synopsis(const CommandInfo& command) {
    std::string text = "shuntctl " + command.name();
    bool has_options = false;
    for (const auto& argument : command.arguments) {
        if (argument.is_option() && argument.required) text += ' ' + heading(argument);
        if (argument.is_option()) {
            has_options = has_options || !argument.required;
            continue;
        }
        text += argument.required ? ' ' + argument.name : " [" + argument.name + ']';
    }
    return text + (has_options ? " [OPTION...]" : "");
}

}  // namespace

std::string help_text(const std::vector<NounInfo>& nouns, const std::vector<ArgumentInfo>& common) {
    Lines lines;
    for (const auto& noun : nouns) lines.emplace_back(noun.name, noun.what);
    return "shuntctl: operates shuntd, the Shunt load balancer\n\n"
           "Usage: shuntctl NOUN [VERB] [ARGUMENT...]\n\nNouns:\n" +
           two_columns(lines) + "\nOptions, anywhere:\n" + list(common, true) + '\n' + examples;
}

std::string help_text(const NounInfo& noun, const std::vector<CommandInfo>& commands) {
    Lines lines;
    std::string shown;
    std::string lines_to_try;
    for (const auto& command : commands) {
        lines.emplace_back(command.verb, command.what);
        if (command.verb == "list" || command.verb == "show") shown = command.name();
        if (!command.example.empty()) lines_to_try += "  " + command.example + '\n';
    }
    auto text = "shuntctl " + noun.name + ": " + noun.what + "\n\nUsage: shuntctl " + noun.name +
                (noun.shows_alone ? " [VERB]" : " VERB") + " [ARGUMENT...]\n\nVerbs:\n" +
                two_columns(lines);
    if (!lines_to_try.empty()) text += "\nExamples:\n" + lines_to_try;
    text += "\n`shuntctl " + noun.name + " VERB --help` tells what a verb takes.";
    if (noun.shows_alone && !shown.empty()) text += " Without a verb: `shuntctl " + shown + "`.";
    return text + '\n';
}

std::string help_text(const CommandInfo& command, const std::vector<ArgumentInfo>& common) {
    auto text = "shuntctl " + command.name() + ": " + command.what +
                "\n\nUsage: " + synopsis(command) + '\n';
    const auto places = list(command.arguments, false);
    const auto options = list(command.arguments, true);
    if (!places.empty()) text += "\nArguments:\n" + places;
    if (!options.empty()) text += "\nOptions:\n" + options;
    auto everywhere = common;
    if (!command.shows)
        std::erase_if(everywhere, [](const auto& option) { return option.name == "--watch"; });
    text += "\nOptions of every command:\n" + list(everywhere, true);
    if (!command.example.empty()) text += "\nExample:\n  " + command.example + '\n';
    return text;
}

}  // namespace shunt::cli
