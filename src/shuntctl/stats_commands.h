// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl stats`: counters.
#include "shuntctl/command_args.h"
#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"

namespace shunt::cli {

class StatsCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit StatsCommands(CommandContext& context) : context_(context) {}
    StatsCommands(const StatsCommands&) = delete;
    StatsCommands& operator=(const StatsCommands&) = delete;

    void add_to(CommandTree& tree);

  private:
    CommandContext& context_;
    ServiceArgs service_;
};

}  // namespace shunt::cli
