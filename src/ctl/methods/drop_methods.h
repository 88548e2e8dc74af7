// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The method drop.list (docs/protocol.md): the last packets that workers dropped. What it is given
// outlives it. Thread: control.
#include <functional>
#include <vector>

#include "ctl/rpc/rpc_dispatch.h"
#include "dataplane/worker.h"

namespace shunt::ctl {

/// `workers`: their counters, by worker, with or without samples. `ports`: names by PortId, asked
/// when needed.
Method drop_list(std::vector<const WorkerCounters*> workers, const SharedState& shared,
                 std::function<std::vector<std::string>()> ports);

}  // namespace shunt::ctl
