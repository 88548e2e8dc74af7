// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/stats_commands.h"

#include "shuntctl/command_tables.h"

namespace shunt::cli {

void StatsCommands::add_to(CommandTree& tree) {
    const auto show = context_.ask("stats.get", stats_text);
    auto* const stats = tree.noun("stats", "counters", show);
    tree.verb(stats, "show", "totals, rates, and why packets were dropped", show,
              "shuntctl stats show");
    service_.add_to(
        *tree.verb(stats, "zero", "set the counters to zero, of one service or of all",
                   context_.ask("stats.zero", nullptr, [this] { return service_.params(); }),
                   "shuntctl stats zero tcp 192.0.2.10:80"),
        ServiceArgs::Names::service_if_any);
}

}  // namespace shunt::cli
