// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Reads the virtual servers of a keepalived configuration into a plan. VRRP, mail and scripts are
// left to keepalived; what virtual servers have and Shunt has not is noted by its name.
#include <string>
#include <string_view>

#include "shuntctl/keepalived_text.h"

namespace shunt::cli {

/// `read` is for includes, `resolver` for ports by name.
void import_keepalived(std::string_view text, const std::string& file, const ReadIncluded& read,
                       const Resolver& resolver, ImportPlan& plan);

}  // namespace shunt::cli
