// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The methods about the log (docs/protocol.md). `config` outlives them. Thread: control.
#include <vector>

#include "ctl/methods/config_control.h"
#include "ctl/rpc/rpc_dispatch.h"

namespace shunt::ctl {

/// log.get and log.set.
std::vector<Method> log_methods(ConfigControl& config);

}  // namespace shunt::ctl
