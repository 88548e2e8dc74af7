// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/command_tree.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "shuntctl/command_help.h"
#include "shuntctl/nearest_word.h"

namespace shunt::cli {

namespace {

/// What a validator says of itself, in words: "INT in [1 - 9]" is "1 to 9", and "{a|b}" are
/// choices.
void describe(ArgumentInfo& argument, std::string text) {
    const auto open = text.find('[');
    const auto dash = text.find(" - ", open);
    if (open != std::string::npos && dash != std::string::npos && text.back() == ']') {
        text = text.substr(open + 1, dash - open - 1) + " to " +
               text.substr(dash + 3, text.size() - dash - 4);
    }
    if (text.starts_with('{') && text.ends_with('}')) {
        std::string word;
        for (const char c : text.substr(1)) {
            if (c != '|' && c != '}') {
                word += c;
                continue;
            }
            argument.choices.push_back(word);
            word.clear();
        }
        text = or_list(argument.choices);
    }
    if (text == "NONNEGATIVE") text = "0 or more";
    argument.range = text;
}

ArgumentInfo info_of(const CLI::Option& option) {
    ArgumentInfo argument;
    argument.name = option.get_positional() ? option.get_name(true) : option.get_name();
    argument.what = option.get_description();
    argument.required = option.get_required();
    if (option.get_items_expected_max() == 0) return argument;
    argument.value = option.get_type_name();
    const auto colon = argument.value.rfind(':');
    // The library appends what its validators say.
    CLI::Option& open = const_cast<CLI::Option&>(option);
    try {
        const auto text = open.get_validator(0)->get_description();
        if (colon != std::string::npos && !text.empty()) {
            argument.value.erase(argument.value.size() - text.size() - 1);
            describe(argument, text);
        }
    } catch (const CLI::OptionNotFound&) {
    }
    if (option.get_positional()) argument.value.clear();
    return argument;
}

std::vector<ArgumentInfo> arguments_of(const CLI::App& app) {
    std::vector<ArgumentInfo> arguments;
    for (const auto* option : app.get_options())
        if (option != app.get_help_ptr() && !option->get_group().empty())
            arguments.push_back(info_of(*option));
    return arguments;
}

std::vector<std::string> names_of(const std::vector<const CLI::App*>& apps) {
    std::vector<std::string> names;
    for (const auto* app : apps) names.push_back(app->get_name());
    return names;
}

/// Without the value that "--weight=3" carries.
std::string option_name(const std::string& word) {
    return word.substr(0, word.find('='));
}

}  // namespace

CommandTree::CommandTree() {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.set_help_flag("-h,--help", "explain the command so far");
}

CLI::App* CommandTree::noun(const std::string& name, const std::string& what, Do alone,
                            const std::string& example) {
    auto* const app = app_.add_subcommand(name, what);
    app->require_subcommand(alone ? 0 : 1, 1);
    nouns_.push_back(app);
    nodes_[app] = {example, std::move(alone)};
    return app;
}

CLI::App* CommandTree::verb(CLI::App* noun, const std::string& name, const std::string& what,
                            Do action, const std::string& example) {
    auto* const app = noun->add_subcommand(name, what);
    nodes_[app] = {example, std::move(action)};
    return app;
}

CommandTree::Choice CommandTree::parse(const std::vector<std::string>& words) {
    check_names(words);
    try {
        app_.parse(std::vector<std::string>(words.rbegin(), words.rend()));
        const CLI::App& noun = *app_.get_subcommands().front();
        const auto verbs = noun.get_subcommands();
        const CLI::App* const verb = verbs.empty() ? nullptr : verbs.front();
        const auto& action = nodes_.at(verb != nullptr ? verb : &noun).action;
        return {action, where(), shows(noun, verb)};
    } catch (const CLI::CallForHelp&) {
        throw AskedForText{help()};
    } catch (const CLI::CallForVersion& version) {
        throw AskedForText{std::string(version.what()) + '\n'};
    } catch (const CLI::ExtrasError&) {
        throw UsageError(where(), unexpected(words));
    } catch (const CLI::ParseError& error) {
        throw UsageError(where(), error.what());
    }
}

/// Noun and verb are looked at before the parser, which cannot say what was meant.
void CommandTree::check_names(const std::vector<std::string>& words) const {
    std::vector<std::string> names;
    bool helps = false;
    for (std::size_t i = 0; i < words.size() && names.size() < 2; ++i) {
        helps = helps || words[i] == "-h" || words[i] == "--help" || words[i] == "--version";
        if (words[i] == "--socket")
            ++i;
        else if (!words[i].starts_with('-'))
            names.push_back(words[i]);
    }
    if (names.empty()) {
        if (helps) return;
        throw UsageError("shuntctl", "a noun is missing: " + or_list(names_of(nouns_)));
    }
    const auto* const noun = find(app_, names[0]);
    if (noun == nullptr)
        throw UsageError("shuntctl", '"' + names[0] + "\" is no noun" +
                                         did_you_mean(names[0], names_of(nouns_)));
    const auto verbs = names_of(verbs_of(*noun));
    if (verbs.empty() || (names.size() < 2 && (nodes_.at(noun).action || helps))) return;
    const auto missing = "shuntctl " + names[0];
    if (names.size() < 2) throw UsageError(missing, "a verb is missing: " + or_list(verbs));
    if (std::find(verbs.begin(), verbs.end(), names[1]) == verbs.end()) {
        auto meant = did_you_mean(names[1], verbs);
        if (meant.empty()) meant = "; there are " + or_list(verbs);
        throw UsageError(missing, '"' + names[1] + "\" is no verb of " + names[0] + meant);
    }
}

std::string CommandTree::unexpected(const std::vector<std::string>& words) const {
    const CLI::App* app = &app_;
    std::vector<std::string> known;
    for (;;) {
        for (const auto* option : app->get_options())
            if (!option->get_positional()) known.push_back(option->get_name());
        const auto parsed = app->get_subcommands();
        if (parsed.empty()) break;
        app = parsed.front();
    }
    const auto left = app_.remaining(true);
    for (const auto& word : words) {
        if (std::find(left.begin(), left.end(), word) == left.end()) continue;
        if (!word.starts_with('-')) return '"' + word + "\" is not expected here";
        const auto name = option_name(word);
        return '"' + name + "\" is no option of this command" + did_you_mean(name, known);
    }
    return "too many words";
}

std::string CommandTree::where() const {
    std::string text = "shuntctl";
    for (const CLI::App* app = &app_; !app->get_subcommands().empty();) {
        app = app->get_subcommands().front();
        text += ' ' + app->get_name();
    }
    return text;
}

std::string CommandTree::help() const {
    const auto parsed = app_.get_subcommands();
    if (parsed.empty()) return help_text(nouns(), common_options());
    const CLI::App& noun = *parsed.front();
    const auto verbs = noun.get_subcommands();
    const auto all = verbs_of(noun);
    if (!verbs.empty() || all.empty())
        return help_text(info(noun, verbs.empty() ? nullptr : verbs.front()), common_options());
    std::vector<CommandInfo> commands;
    for (const auto* verb : all) commands.push_back(info(noun, verb));
    const bool shows = static_cast<bool>(nodes_.at(&noun).action);
    return help_text({noun.get_name(), noun.get_description(), shows}, commands);
}

const CLI::App* CommandTree::find(const CLI::App& parent, const std::string& name) const {
    const auto all = parent.get_subcommands([](const CLI::App*) { return true; });
    const auto at = std::find_if(all.begin(), all.end(),
                                 [&](const CLI::App* app) { return app->get_name() == name; });
    return at == all.end() ? nullptr : *at;
}

std::vector<const CLI::App*> CommandTree::verbs_of(const CLI::App& noun) const {
    return noun.get_subcommands([](const CLI::App*) { return true; });
}

CommandInfo CommandTree::info(const CLI::App& noun, const CLI::App* verb) const {
    const CLI::App& app = verb != nullptr ? *verb : noun;
    return {noun.get_name(),       verb != nullptr ? verb->get_name() : "",
            app.get_description(), nodes_.at(&app).example,
            arguments_of(app),     shows(noun, verb)};
}

bool CommandTree::shows(const CLI::App& noun, const CLI::App* verb) const {
    static const std::vector<std::string> that_show{"list", "show", "get", "find", "count"};
    const auto is_one = [](const CLI::App* app) {
        return std::find(that_show.begin(), that_show.end(), app->get_name()) != that_show.end();
    };
    if (verb != nullptr) return is_one(verb);
    const auto verbs = verbs_of(noun);
    return noun.get_name() == "status" || std::any_of(verbs.begin(), verbs.end(), is_one);
}

std::vector<NounInfo> CommandTree::nouns() const {
    std::vector<NounInfo> all;
    for (const auto* noun : nouns_)
        all.push_back({noun->get_name(), noun->get_description(),
                       nodes_.at(noun).action && !verbs_of(*noun).empty()});
    return all;
}

std::vector<CommandInfo> CommandTree::commands() const {
    std::vector<CommandInfo> all;
    for (const auto* noun : nouns_) {
        const auto verbs = verbs_of(*noun);
        if (verbs.empty()) all.push_back(info(*noun, nullptr));
        for (const auto* verb : verbs) all.push_back(info(*noun, verb));
    }
    return all;
}

std::vector<ArgumentInfo> CommandTree::common_options() const {
    auto all = arguments_of(app_);
    all.push_back(info_of(*app_.get_help_ptr()));
    return all;
}

}  // namespace shunt::cli
