// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/sync_commands.h"

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <tuple>

#include "shuntctl/command_args.h"
#include "shuntctl/command_tables.h"

namespace shunt::cli {

namespace json = boost::json;

void SyncCommands::add_to(CommandTree& tree) {
    const auto status = context_.ask("sync.status", sync_text);
    auto* const sync = tree.noun("sync", "connections that balancers tell each other of", status);
    tree.verb(sync, "status", "show the daemons and what they have counted", status,
              "shuntctl sync status");
    add_start(tree, sync);
    add_role(*tree.verb(sync, "stop", "end a daemon",
                        context_.ask("sync.stop", nullptr,
                                     [this] {
                                         return json::object{{"role", role_}};
                                     }),
                        "shuntctl sync stop backup"));
}

void SyncCommands::add_role(CLI::App& verb) {
    verb.add_option("ROLE", role_, "master tells of the connections here, backup hears of others")
        ->required()
        ->check(one_of({"master", "backup"}))
        ->type_name("");
}

void SyncCommands::add_start(CommandTree& tree, CLI::App* sync) {
    const auto params = [this] {
        json::object out{{"role", role_}, {"interface", interface_}};
        put(out, "group", group_);
        put(out, "syncid", syncid_);
        put(out, "port", port_);
        put(out, "ttl", ttl_);
        put(out, "maxlen", maxlen_);
        return out;
    };
    auto* const start =
        tree.verb(sync, "start", "begin a daemon", context_.ask("sync.start", nullptr, params),
                  "shuntctl sync start master eth1 --syncid 7");
    add_role(*start);
    start->add_option("INTERFACE", interface_, "interface of the host that messages go by")
        ->required()
        ->type_name("");
    start->add_option("--group", group_, "multicast group; default 224.0.0.81")
        ->type_name("ADDRESS");
    for (const auto& [option, value, help, least, most] :
         {std::tuple{"--syncid", &syncid_, "which balancers belong together; default 0", 0, 255},
          std::tuple{"--port", &port_, "UDP port; default 8848", 1, 65535},
          std::tuple{"--ttl", &ttl_, "TTL of messages; default 1", 1, 255},
          std::tuple{"--maxlen", &maxlen_, "longest message in bytes", 1, 65535}})
        start->add_option(option, *value, help)
            ->check(CLI::Range(std::int64_t{least}, std::int64_t{most}))
            ->type_name("NUMBER");
}

}  // namespace shunt::cli
