// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The methods that watch packets (docs/protocol.md). Thread: control.
#include <functional>
#include <string>
#include <vector>

#include "ctl/rpc/rpc_dispatch.h"
#include "ctl/seeing/watch_control.h"

namespace shunt::ctl {

/// A port, for the names of filters and files.
struct WatchPort {
    std::string name;
    bool twin = false;  ///< it has one
};

/// capture.start, capture.read, capture.stop and the same of trace. `watch` outlives them; null:
/// nothing can be watched here. `ports`: by PortId.
std::vector<Method> watch_methods(WatchControl* watch,
                                  std::function<std::vector<WatchPort>()> ports);

}  // namespace shunt::ctl
