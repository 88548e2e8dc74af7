// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl conn`: connections, and the templates of persistent services.
#include <boost/json/object.hpp>
#include <cstdint>

#include "shuntctl/command_args.h"
#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"

namespace shunt::cli {

class ConnCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit ConnCommands(CommandContext& context) : context_(context) {}
    ConnCommands(const ConnCommands&) = delete;
    ConnCommands& operator=(const ConnCommands&) = delete;

    void add_to(CommandTree& tree);

  private:
    [[nodiscard]] boost::json::object connection_params() const;
    /// Page by page; with --json a line for every page.
    void list_connections();

    CommandContext& context_;
    ServiceArgs service_;
    ConnectionFilterArgs filter_;
    ConnectionNameArgs name_;
    std::int64_t limit_ = 1000;  ///< 0: all
    bool all_ = false;
};

}  // namespace shunt::cli
