// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl config`: the configuration of the daemon, and files that hold one.
#include <cstdint>
#include <optional>

#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"
#include "shuntctl/import_command.h"

namespace shunt::cli {

class ConfigCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit ConfigCommands(CommandContext& context) : context_(context) {}
    ConfigCommands(const ConfigCommands&) = delete;
    ConfigCommands& operator=(const ConfigCommands&) = delete;

    void add_to(CommandTree& tree);

  private:
    void save_config();

    CommandContext& context_;
    ImportArgs import_;
    bool dry_run_ = false;
    std::optional<std::int64_t> rows_;
};

}  // namespace shunt::cli
