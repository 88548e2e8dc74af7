// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The help of shuntctl, made from what CommandTree knows. Pure.
#include <string>
#include <vector>

#include "shuntctl/command_tree.h"

namespace shunt::cli {

/// Of the program.
std::string help_text(const std::vector<NounInfo>& nouns, const std::vector<ArgumentInfo>& common);
/// Of a noun with verbs.
std::string help_text(const NounInfo& noun, const std::vector<CommandInfo>& commands);
/// Of one command.
std::string help_text(const CommandInfo& command, const std::vector<ArgumentInfo>& common);

}  // namespace shunt::cli
