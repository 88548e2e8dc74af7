// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the shell may offer in place of an unfinished word. The scripts for the shells only ask:
// `shuntctl __complete WORD...`.
#include <string>
#include <vector>

#include "shuntctl/command_tree.h"
#include "shuntctl/rpc_client.h"

namespace shunt::cli {

struct Candidate {
    std::string word;
    std::string what;  ///< may be empty
};

struct Completion {
    std::vector<Candidate> candidates;
    bool files = false;  ///< the names of files fit, too
};

/// For the last of `words`, which may be empty; the program's name is not among them. The daemon is
/// asked for names of services, servers, tunables and so on, by `connect` with the socket that
/// --socket names, or `socket_path`; when it does not answer there are none of these.
Completion complete(const CommandTree& tree, const std::vector<std::string>& words,
                    const std::string& socket_path, const Connect& connect);

/// A line for each candidate, with a tab before what it is; last ":files" when files fit.
std::string completion_lines(const Completion& completion);

/// The script that makes a shell ask, "bash" or "zsh".
std::string completion_script(const std::string& shell);

}  // namespace shunt::cli
