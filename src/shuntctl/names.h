// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Names of hosts and ports from the system's resolver, for the command ipvsadm.
#include "shuntctl/ipvsadm_tables.h"

namespace shunt::cli {

/// Looks names up; blocks as long as the system's resolver does.
Resolver system_resolver();

/// Addresses and ports as names where the system knows one. Every address is asked for once, and
/// after some seconds of waiting for answers no more are asked for: the rest stays numbers.
EndpointText system_names();

}  // namespace shunt::cli
