// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Reads the checkers of keepalived's real servers, and the settings about them. A service of Shunt
// has one check, for all its servers.
#include <optional>

#include "shuntctl/keepalived_text.h"

namespace shunt::cli {

/// Takes a setting of a virtual server, real server or checker if it is one about checks; what of
/// it cannot be carried over is noted. False: it is something else.
bool read_check_setting(const KeepalivedStatement& statement, ImportedCheck& check,
                        ImportPlan& notes);

/// Is it a checker, carried over or not?
bool is_checker(const KeepalivedStatement& statement);

/// The check that a checker makes, with `settings` of its servers; nothing, with a note, for one
/// that there is not here.
std::optional<ImportedCheck> read_checker(const KeepalivedStatement& statement,
                                          const ImportedCheck& settings, ImportPlan& notes);

}  // namespace shunt::cli
