// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/machine_commands.h"

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <tuple>

#include "shuntctl/command_tables.h"

namespace shunt::cli {

namespace json = boost::json;

void MachineCommands::add_to(CommandTree& tree) {
    add_apps(tree);
    add_parts(tree);
}

void MachineCommands::add_apps(CommandTree& tree) {
    const auto list = context_.ask("app.list", apps_text);
    auto* const app = tree.noun("app", "applications that look into connections", list);
    tree.verb(app, "list", "show them with their ports", list, "shuntctl app list");
    const auto params = [this] {
        json::object out{{"name", app_name_}};
        if (app_port_ != 0) out["port"] = app_port_;
        return out;
    };
    for (const auto& [name, method, help, port_help, example] :
         {std::tuple{"add", "app.add", "look into new connections to a port",
                     "port of a service; default: 21 of ftp, 69 of tftp",
                     "shuntctl app add ftp 2121"},
          std::tuple{"remove", "app.remove", "look into no more of them",
                     "the port; default: all of the application's",
                     "shuntctl app remove ftp 2121"}}) {
        auto* const change =
            tree.verb(app, name, help, context_.ask(method, nullptr, params), example);
        change->add_option("NAME", app_name_, "ftp or tftp")->required()->type_name("");
        change->add_option("PORT", app_port_, port_help)
            ->check(CLI::Range(std::int64_t{1}, std::int64_t{65535}))
            ->type_name("");
    }
}

void MachineCommands::add_parts(CommandTree& tree) {
    const auto schedulers = context_.ask("scheduler.list", schedulers_text);
    tree.verb(tree.noun("scheduler", "what picks a server for a new connection", schedulers),
              "list", "show their names", schedulers, "shuntctl scheduler list");
    const auto workers = context_.ask("worker.list", worker_text);
    tree.verb(tree.noun("worker", "worker threads", workers), "list", "show them", workers,
              "shuntctl worker list");
    const auto ports = context_.ask("port.list", port_text);
    tree.verb(tree.noun("port", "network ports", ports), "list", "show them", ports,
              "shuntctl port list");
    tree.noun("status", "the daemon at a glance", context_.ask("status.get", status_text),
              "shuntctl status");
}

}  // namespace shunt::cli
