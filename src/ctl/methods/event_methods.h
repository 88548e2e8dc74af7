// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The methods about events (docs/protocol.md). `events` outlives them. Thread: control.
#include "ctl/rpc/events.h"
#include "ctl/rpc/rpc_dispatch.h"

namespace shunt::ctl {

Method events_subscribe(EventBus& events);
Method events_unsubscribe();

}  // namespace shunt::ctl
