// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl service` and `shuntctl dest`: virtual services and their real servers.
#include <string>

#include "shuntctl/command_args.h"
#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"

namespace shunt::cli {

class ServiceCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit ServiceCommands(CommandContext& context) : context_(context) {}
    ServiceCommands(const ServiceCommands&) = delete;
    ServiceCommands& operator=(const ServiceCommands&) = delete;

    void add_to(CommandTree& tree);
    /// As it was given; empty: not given.
    [[nodiscard]] const std::string& scheduler() const noexcept {
        return service_options_.scheduler();
    }

  private:
    void add_services(CommandTree& tree);
    void add_servers(CommandTree& tree);

    CommandContext& context_;
    ServiceArgs service_;
    ServiceOptionArgs service_options_;
    ServerOptionArgs server_options_;
};

}  // namespace shunt::cli
