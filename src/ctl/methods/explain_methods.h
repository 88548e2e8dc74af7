// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The method explain (docs/protocol.md), which answers when the packet's owner has. What it is
// given outlives it. Thread: control.
#include <functional>

#include "ctl/conn/conn_listing.h"
#include "ctl/rpc/rpc_dispatch.h"
#include "ctl/state/mark_registry.h"
#include "ctl/state/publisher.h"

namespace shunt::ctl {

/// `ports`: names by PortId, asked when needed.
Method explain_method(ConnectionLister& lister, const Publisher& publisher,
                      const MarkRegistry& marks, const SharedState& shared,
                      std::function<std::vector<std::string>()> ports);

}  // namespace shunt::ctl
