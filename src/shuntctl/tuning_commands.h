// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl timeout`, `shuntctl tunable` and `shuntctl log`: what changes while packets flow.
#include <boost/json/object.hpp>
#include <string>

#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"

namespace shunt::cli {

class TuningCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit TuningCommands(CommandContext& context) : context_(context) {}
    TuningCommands(const TuningCommands&) = delete;
    TuningCommands& operator=(const TuningCommands&) = delete;

    void add_to(CommandTree& tree);
    /// As it was given; empty: not given.
    [[nodiscard]] const std::string& tunable() const noexcept { return tunable_; }

  private:
    void add_timeouts(CommandTree& tree);
    void add_tunables(CommandTree& tree);
    void add_log(CommandTree& tree);

    CommandContext& context_;
    boost::json::object timeouts_;  ///< those that are given
    std::string tunable_;
    std::string value_;
    std::string level_;
};

}  // namespace shunt::cli
