// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/service_commands.h"

#include <string_view>
#include <tuple>

#include "shuntctl/command_tables.h"

namespace shunt::cli {

void ServiceCommands::add_to(CommandTree& tree) {
    add_services(tree);
    add_servers(tree);
}

void ServiceCommands::add_services(CommandTree& tree) {
    using Names = ServiceArgs::Names;
    const auto named = [this] { return service_.params(); };
    const auto list = context_.ask("service.list", service_text, named);
    auto* const service = tree.noun("service", "virtual services", list);
    service_.add_to(*tree.verb(service, "list", "show all of them with their servers, or one", list,
                               "shuntctl service list tcp 192.0.2.10:80"),
                    Names::service_if_any);
    for (const auto& [name, method, help, example] :
         {std::tuple{"add", "service.add", "make a service",
                     "shuntctl service add tcp 192.0.2.10:80 --scheduler wrr"},
          std::tuple{"edit", "service.edit",
                     "change a service; what is not given becomes its default",
                     "shuntctl service edit tcp 192.0.2.10:80 --scheduler wrr --persistent "
                     "600"}}) {
        auto* const app = tree.verb(service, name, help,
                                    context_.ask(method, nullptr,
                                                 [this] {
                                                     auto params = service_.params();
                                                     service_options_.put_into(params);
                                                     return params;
                                                 }),
                                    example);
        service_.add_to(*app, Names::service);
        service_options_.add_to(*app);
    }
    service_.add_to(*tree.verb(service, "delete", "delete a service with its servers",
                               context_.ask("service.delete", nullptr, named),
                               "shuntctl service delete tcp 192.0.2.10:80"),
                    Names::service);
    tree.verb(service, "flush", "delete every service", context_.ask("service.flush", nullptr),
              "shuntctl service flush");
}

void ServiceCommands::add_servers(CommandTree& tree) {
    const auto params = [this] {
        auto all = service_.params();
        server_options_.put_into(all);
        return all;
    };
    auto* const dest = tree.noun("dest", "the real servers of a service", {});
    for (const auto& [name, method, help, example] :
         {std::tuple{"add", "dest.add", "give a service another server",
                     "shuntctl dest add tcp 192.0.2.10:80 10.1.0.11:80 --weight 3"},
          std::tuple{"edit", "dest.edit", "change a server; what is not given becomes its default",
                     "shuntctl dest edit tcp 192.0.2.10:80 10.1.0.11:80 --weight 0"},
          std::tuple{"delete", "dest.delete", "take a server from a service",
                     "shuntctl dest delete tcp 192.0.2.10:80 10.1.0.11:80"}}) {
        auto* const app =
            tree.verb(dest, name, help, context_.ask(method, nullptr, params), example);
        service_.add_to(*app, ServiceArgs::Names::service_and_server);
        if (std::string_view(name) != "delete") server_options_.add_to(*app);
    }
}

}  // namespace shunt::cli
