// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl completion`, for the shell, and the word `ipvsadm` in the help. Neither asks the
// daemon.
#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"

namespace shunt::cli {

class ShellCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit ShellCommands(CommandContext& context) : context_(context) {}
    ShellCommands(const ShellCommands&) = delete;
    ShellCommands& operator=(const ShellCommands&) = delete;

    void add_to(CommandTree& tree);

  private:
    void add_completion(CommandTree& tree);
    static void add_ipvsadm(CommandTree& tree);

    CommandContext& context_;
};

}  // namespace shunt::cli
