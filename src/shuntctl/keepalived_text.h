// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The text of a keepalived configuration as a tree of statements: comments, quotes, continued
// lines, $NAME definitions, @ID lines and include are dealt with here; what the statements mean is
// for import_keepalived. Any bytes give a tree; what cannot be read is noted.
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shuntctl/import_plan.h"

namespace shunt::cli {

struct KeepalivedStatement {
    ImportPlace place;
    std::vector<std::string> words;  ///< at least one
    std::vector<KeepalivedStatement> block;
};

/// The files that an include's pattern names, as seen from the file that has it: names and
/// contents. None when there is none.
using ReadIncluded = std::function<std::vector<std::pair<std::string, std::string>>(
    const std::string& pattern, const std::string& from_file)>;

std::vector<KeepalivedStatement> parse_keepalived(std::string_view text, const std::string& file,
                                                  const ReadIncluded& read, ImportPlan& notes);

}  // namespace shunt::cli
