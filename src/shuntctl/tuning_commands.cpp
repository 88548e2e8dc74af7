// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/tuning_commands.h"

#include <CLI/CLI.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <tuple>

#include "shuntctl/command_tables.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

/// What is no whole number is a text.
json::value number_or_text(const std::string& given) {
    std::int64_t number = 0;
    const char* const end = given.data() + given.size();
    const auto [read_to, error] = std::from_chars(given.data(), end, number);
    return error == std::errc{} && read_to == end ? json::value(number) : json::value(given);
}

}  // namespace

void TuningCommands::add_to(CommandTree& tree) {
    add_timeouts(tree);
    add_tunables(tree);
    add_log(tree);
}

void TuningCommands::add_timeouts(CommandTree& tree) {
    const auto show = context_.ask("timeout.get", timeout_text);
    auto* const timeout = tree.noun("timeout", "how long a silent connection is kept", show);
    tree.verb(timeout, "show", "print them", show, "shuntctl timeout show");
    auto* const set =
        tree.verb(timeout, "set", "change those that are given",
                  context_.ask("timeout.set", timeout_text, [this] { return timeouts_; }),
                  "shuntctl timeout set --tcp 3600 --udp 60");
    for (const auto& [option, name, help] :
         {std::tuple{"--tcp", "tcp", "seconds, established TCP"},
          std::tuple{"--tcp-fin", "tcp_fin", "seconds, TCP after a FIN"},
          std::tuple{"--udp", "udp", "seconds, UDP"}})
        set->add_option_function<std::int64_t>(
               option, [this, key = name](const std::int64_t& n) { timeouts_[key] = n; }, help)
            ->check(CLI::Range(std::int64_t{0}, std::int64_t{2678400}))
            ->type_name("SECONDS");
    set->require_option(1, 3);
}

void TuningCommands::add_tunables(CommandTree& tree) {
    const auto list = context_.ask("tunable.list", tunables_text);
    auto* const tunable = tree.noun("tunable", "what can be tuned while packets flow", list);
    tree.verb(tunable, "list", "show all of them with their meaning", list,
              "shuntctl tunable list");
    const auto take_name = [this](CLI::App* app) {
        app->add_option("NAME", tunable_, "one of the names of the list")
            ->required()
            ->type_name("");
    };
    take_name(tree.verb(tunable, "get", "show one",
                        context_.ask("tunable.get", tunable_text,
                                     [this] {
                                         return json::object{{"name", tunable_}};
                                     }),
                        "shuntctl tunable get conn_reuse_mode"));
    auto* const set = tree.verb(
        tunable, "set", "change one",
        context_.ask("tunable.set", tunable_text,
                     [this] {
                         return json::object{{"name", tunable_}, {"value", number_or_text(value_)}};
                     }),
        "shuntctl tunable set conn_reuse_mode 0");
    take_name(set);
    set->add_option("VALUE", value_, "a whole number in its range, or a text")
        ->required()
        ->type_name("");
}

void TuningCommands::add_log(CommandTree& tree) {
    const auto show = context_.ask("log.get", log_text);
    auto* const log = tree.noun("log", "which messages the daemon writes", show);
    tree.verb(log, "show", "print the level", show, "shuntctl log show");
    tree.verb(log, "set", "change the level, until the next reload or restart",
              context_.ask("log.set", log_text,
                           [this] {
                               return json::object{{"level", level_}};
                           }),
              "shuntctl log set debug")
        ->add_option("LEVEL", level_, "the least important messages that are written")
        ->required()
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
        ->type_name("");
}

}  // namespace shunt::cli
