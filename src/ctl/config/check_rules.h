// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a health check may be, in one place for the configuration file and for requests. Thread:
// any.
#include <optional>

#include "ctl/config/health_check.h"
#include "ctl/config/service_rules.h"

namespace shunt::ctl {

/// Of a check in the service `key`; the field is "check.path" and the like.
std::optional<Problem> problem(const ServiceKey& key, const HealthCheck& check);

}  // namespace shunt::ctl
