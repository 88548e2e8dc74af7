// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl mark`: the rules that give packets marks. The daemon replaces them only as a whole.
#include <boost/json/array.hpp>
#include <cstddef>

#include "shuntctl/command_args.h"
#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"

namespace shunt::cli {

class MarkCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit MarkCommands(CommandContext& context) : context_(context) {}
    MarkCommands(const MarkCommands&) = delete;
    MarkCommands& operator=(const MarkCommands&) = delete;

    void add_to(CommandTree& tree);

  private:
    boost::json::array rules();  ///< of the daemon
    void set_rules(boost::json::array rules);
    void insert_rule();
    void delete_rule();

    CommandContext& context_;
    MarkRuleArgs rule_;
    std::size_t at_ = 0;  ///< a rule's number; 0: not given
};

}  // namespace shunt::cli
