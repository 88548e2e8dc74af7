// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl sync`: the daemons that synchronise connections with other balancers.
#include <cstdint>
#include <optional>
#include <string>

#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"

namespace shunt::cli {

class SyncCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit SyncCommands(CommandContext& context) : context_(context) {}
    SyncCommands(const SyncCommands&) = delete;
    SyncCommands& operator=(const SyncCommands&) = delete;

    void add_to(CommandTree& tree);

  private:
    void add_role(CLI::App& verb);
    void add_start(CommandTree& tree, CLI::App* sync);

    CommandContext& context_;
    std::string role_;
    std::string interface_;
    std::string group_;
    std::optional<std::int64_t> syncid_;
    std::optional<std::int64_t> port_;
    std::optional<std::int64_t> ttl_;
    std::optional<std::int64_t> maxlen_;
};

}  // namespace shunt::cli
