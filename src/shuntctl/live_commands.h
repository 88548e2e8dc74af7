// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl events` and `shuntctl top`: what goes on, until the operator has seen enough.
#include <string>
#include <vector>

#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"
#include "shuntctl/top.h"

namespace shunt::cli {

class LiveCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit LiveCommands(CommandContext& context) : context_(context) {}
    LiveCommands(const LiveCommands&) = delete;
    LiveCommands& operator=(const LiveCommands&) = delete;

    void add_to(CommandTree& tree);

  private:
    void add_events(CommandTree& tree);
    void print_events();
    void add_top(CommandTree& tree);
    void show_top();

    CommandContext& context_;
    std::vector<std::string> kinds_;  ///< of events
    TopOptions top_;
    std::string view_;
    double every_ = 2;  ///< seconds
};

}  // namespace shunt::cli
