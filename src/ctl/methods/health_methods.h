// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The methods about checks of real servers (docs/protocol.md), and their events. Thread: control.
#include <vector>

#include "ctl/health/health_control.h"
#include "ctl/rpc/events.h"
#include "ctl/rpc/rpc_dispatch.h"

namespace shunt::ctl {

/// health.list, health.set and health.force. Both outlive the methods; `health` may be null: then
/// nobody checks.
std::vector<Method> health_methods(ServiceRegistry& registry, HealthControl* health);

/// Tells of servers that come up and go down. `events` outlives it.
HealthControl::Told tell_health(EventBus& events);

}  // namespace shunt::ctl
