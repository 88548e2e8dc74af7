// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The methods about the configuration as a whole (docs/protocol.md). Thread: control.
#include <vector>

#include "ctl/methods/config_control.h"
#include "ctl/rpc/rpc_dispatch.h"

namespace shunt::ctl {

/// config.apply, config.check, config.diff, config.reload and config.save. `control` outlives them.
std::vector<Method> config_methods(ConfigControl& control);

}  // namespace shunt::ctl
