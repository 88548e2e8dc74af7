// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The command shuntctl: `shuntctl NOUN VERB`.
#include <iosfwd>
#include <string>
#include <vector>

#include "shuntctl/command_tree.h"
#include "shuntctl/rpc_client.h"
#include "shuntctl/terminal.h"

namespace shunt::cli {

// Exit statuses.
inline constexpr int status_done = 0;
inline constexpr int status_refused = 1;      ///< by the daemon
inline constexpr int status_usage = 2;        ///< the command line is wrong
inline constexpr int status_unreachable = 3;  ///< no answer from the daemon

struct ShuntctlWorld {
    std::string socket_path;  ///< where --socket does not say otherwise
    Connect connect;
    std::ostream& out;
    std::ostream& err;
    Terminal* terminal = nullptr;  ///< null: none
    bool progress = false;         ///< tell on `err` how far it is
    Listen listen = listen_to_daemon;
};

/// Runs one command line (the words after the program's name). Returns the exit status. The word
/// "__complete" in front of a command line asks what can stand in the place of its last word.
int run_shuntctl(const std::vector<std::string>& args, const ShuntctlWorld& world);

/// What it can do. Asks nobody.
std::vector<CommandInfo> shuntctl_commands(const ShuntctlWorld& world);

}  // namespace shunt::cli
