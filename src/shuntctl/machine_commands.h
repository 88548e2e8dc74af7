// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl app`, `scheduler`, `worker`, `port` and `status`: what the daemon is made of.
#include <cstdint>
#include <string>

#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"

namespace shunt::cli {

class MachineCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit MachineCommands(CommandContext& context) : context_(context) {}
    MachineCommands(const MachineCommands&) = delete;
    MachineCommands& operator=(const MachineCommands&) = delete;

    void add_to(CommandTree& tree);

  private:
    void add_apps(CommandTree& tree);
    void add_parts(CommandTree& tree);

    CommandContext& context_;
    std::string app_name_;
    std::int64_t app_port_ = 0;  ///< 0: not given
};

}  // namespace shunt::cli
