// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// sync.start, sync.stop and sync.status. Thread: control.
#include <vector>

#include "ctl/rpc/rpc_dispatch.h"
#include "ctl/sync/sync_control.h"

namespace shunt::ctl {

/// `sync` outlives them; null: they are refused.
std::vector<Method> sync_methods(SyncControl* sync);

}  // namespace shunt::ctl
