// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What no single key of the configuration can tell: whether they fit each other. Thread: control.
#include <string>
#include <vector>

#include "ctl/config/config_reader.h"

namespace shunt::ctl {

/// Checks `config` against itself. `root` is what it was read from; errors point there. Throws
/// ConfigError.
void check_config(const Value& root, const Config& config,
                  const std::vector<std::string>& schedulers);

}  // namespace shunt::ctl
