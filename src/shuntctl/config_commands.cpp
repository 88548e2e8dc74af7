// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/config_commands.h"

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include "shuntctl/command_args.h"
#include "shuntctl/config_text.h"
#include "shuntctl/rows.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

/// In the place of an old file there is either that or the whole new one.
void replace_file(const std::string& path, const std::string& text) {
    const std::string beside = path + ".new";
    std::ofstream file(beside, std::ios::trunc);
    file << text;
    file.close();
    if (!file || std::rename(beside.c_str(), path.c_str()) != 0)
        throw CLI::ValidationError("FILE", path + " cannot be written: " + std::strerror(errno));
}

}  // namespace

void ConfigCommands::add_to(CommandTree& tree) {
    auto* const config = tree.noun("config", "the configuration of the daemon", {});
    auto* const save = tree.verb(
        config, "save", "write a file that loads to the state of now", [this] { save_config(); },
        "shuntctl config save now.conf");
    save->add_option("FILE", context_.file(), "replaced as a whole; without it: standard output")
        ->type_name("");
    import_.add_to(*tree.verb(
        config, "import", "make one of a configuration of ipvsadm or keepalived",
        [this] { context_.status() = import_.run(std::cin, context_.out(), context_.world().err); },
        "shuntctl config import /etc/keepalived/keepalived.conf"));
    const auto take_file = [this](CLI::App* app) {
        app->add_option("FILE", context_.file(), "a configuration file, with all that it includes")
            ->required()
            ->type_name("");
        return app;
    };
    const auto take_rows = [this](CLI::App* app) {
        app->add_option("--rows", rows_, "list so many services and servers; default 1000")
            ->type_name("NUMBER");
    };
    const auto of_file = [this] { return config_params(context_.file()); };
    auto* const apply = take_file(
        tree.verb(config, "apply", "change the running daemon to what a file says, all at once",
                  context_.ask("config.apply", config_diff_text,
                               [this] {
                                   auto params = config_params(context_.file());
                                   if (dry_run_) params["dry_run"] = true;
                                   put(params, "rows", rows_);
                                   return params;
                               }),
                  "shuntctl config apply new.conf --dry-run"));
    apply->add_flag("--dry-run", dry_run_, "only show what would change, all of it");
    take_rows(apply);
    take_file(tree.verb(config, "diff", "show what `config apply` would change",
                        context_.ask("config.diff", config_diff_text, of_file),
                        "shuntctl config diff new.conf"));
    take_file(tree.verb(config, "check", "say what is wrong with a file",
                        context_.ask("config.check", nullptr, of_file),
                        "shuntctl config check new.conf"));
    take_rows(tree.verb(config, "reload", "apply the daemon's own file as it is now",
                        context_.ask("config.reload", config_diff_text,
                                     [this] {
                                         json::object params;
                                         put(params, "rows", rows_);
                                         return params;
                                     }),
                        "shuntctl config reload"));
}

void ConfigCommands::save_config() {
    const auto result = context_.call("config.save", {});
    const auto text = member_word(result, "text");
    if (!context_.file().empty()) replace_file(context_.file(), text);
    if (context_.as_json())
        context_.out() << json::serialize(result) << '\n';
    else if (context_.file().empty())
        context_.out() << text;
}

}  // namespace shunt::cli
