// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The methods about connections (docs/protocol.md), which answer when the workers have. What they
// are given outlives them. Thread: control.
#include "ctl/conn/conn_listing.h"
#include "ctl/rpc/rpc_dispatch.h"
#include "ctl/state/service_registry.h"

namespace shunt::ctl {

Method conn_list(ConnectionLister& lister, const ServiceRegistry& registry);
Method conn_count(ConnectionLister& lister, const ServiceRegistry& registry);
Method conn_find(ConnectionLister& lister);
Method conn_flush(ConnectionLister& lister, const ServiceRegistry& registry);

/// With expire_nodest_conn the connections of removed servers end (ipvs-behaviour 9). Nobody waits
/// for it: what it does not reach ends with its next packet.
void end_orphans(const Publisher& publisher, ConnectionLister& lister);

}  // namespace shunt::ctl
