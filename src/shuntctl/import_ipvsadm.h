// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Reads what `ipvsadm -S` prints, or a script of ipvsadm commands, into a plan.
#include <string>
#include <string_view>

#include "shuntctl/import_plan.h"

namespace shunt::cli {

/// Carries out the lines of `text` on the plan, as `ipvsadm -R` would on a table. `resolver` is for
/// names in place of numbers.
void import_ipvsadm(std::string_view text, const std::string& file, const Resolver& resolver,
                    ImportPlan& plan);

}  // namespace shunt::cli
