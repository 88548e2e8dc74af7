// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The commands of shuntctl, each told once: nouns with verbs, what they take and what they do. The
// parser, the help, the completion of the shell and the test of the man page all read this.
#include <CLI/App.hpp>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace shunt::cli {

/// One thing that a command takes.
struct ArgumentInfo {
    std::string name;   ///< "--weight"; "NAME" for what is known by its place
    std::string value;  ///< "NUMBER"; empty for a flag, and for what is known by its place
    std::string range;  ///< "0 to 65535"; empty when not told
    std::vector<std::string> choices;  ///< the only words allowed, when there are such
    std::string what;
    bool required = false;
    [[nodiscard]] bool is_option() const { return name.starts_with("-"); }
};

struct CommandInfo {
    std::string noun;
    std::string verb;  ///< empty: of a noun that needs none
    std::string what;
    std::string example;  ///< a whole command line; empty when not told
    std::vector<ArgumentInfo> arguments;
    bool shows = false;  ///< it changes nothing, and may be done again and again
    /// "dest add"; "status".
    [[nodiscard]] std::string name() const { return verb.empty() ? noun : noun + ' ' + verb; }
};

struct NounInfo {
    std::string name;
    std::string what;
    bool shows_alone = false;  ///< it has verbs and may do without
};

/// The command line is wrong. what() is what and where, and what was meant if that can be guessed.
class UsageError : public std::runtime_error {
  public:
    UsageError(std::string where, const std::string& what)
        : std::runtime_error(what), where_(std::move(where)) {}
    /// The command so far: "shuntctl dest add".
    [[nodiscard]] const std::string& where() const noexcept { return where_; }

  private:
    std::string where_;
};

/// Not an error: the command line asks for a text, which is `text`.
struct AskedForText {
    std::string text;
};

class CommandTree {
  public:
    using Do = std::function<void()>;

    CommandTree();
    CommandTree(const CommandTree&) = delete;
    CommandTree& operator=(const CommandTree&) = delete;

    /// Options that stand anywhere go here.
    [[nodiscard]] CLI::App& root() noexcept { return app_; }
    /// A noun; alone on the command line it does `alone`, or asks for a verb if that is empty.
    CLI::App* noun(const std::string& name, const std::string& what, Do alone,
                   const std::string& example = "");
    CLI::App* verb(CLI::App* noun, const std::string& name, const std::string& what, Do action,
                   const std::string& example = "");

    struct Choice {
        Do action;
        std::string where;  ///< "shuntctl service list"
        bool shows;         ///< it changes nothing, and may be done again and again
    };
    /// What the words after the program's name say is to be done. Throws UsageError, AskedForText.
    /// Once only.
    Choice parse(const std::vector<std::string>& words);

    [[nodiscard]] std::vector<NounInfo> nouns() const;
    [[nodiscard]] std::vector<CommandInfo> commands() const;
    /// Those that stand anywhere.
    [[nodiscard]] std::vector<ArgumentInfo> common_options() const;

  private:
    struct Node {
        std::string example;
        Do action;
    };

    [[nodiscard]] const CLI::App* find(const CLI::App& parent, const std::string& name) const;
    [[nodiscard]] std::vector<const CLI::App*> verbs_of(const CLI::App& noun) const;
    [[nodiscard]] CommandInfo info(const CLI::App& noun, const CLI::App* verb) const;
    void check_names(const std::vector<std::string>& words) const;
    [[nodiscard]] std::string where() const;
    [[nodiscard]] std::string unexpected(const std::vector<std::string>& words) const;
    [[nodiscard]] std::string help() const;
    [[nodiscard]] bool shows(const CLI::App& noun, const CLI::App* verb) const;

    CLI::App app_{"operates shuntd, the Shunt load balancer", "shuntctl"};
    std::vector<const CLI::App*> nouns_;  ///< in the order in which they came
    std::map<const CLI::App*, Node> nodes_;
};

}  // namespace shunt::cli
