// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The parts that several methods take, out of their parameters (docs/protocol.md). Whatever does
// not fit throws RpcError. Thread: control.
#include <vector>

#include "ctl/config/config.h"
#include "ctl/conn/conn_request.h"
#include "ctl/rpc/rpc_params.h"
#include "ctl/state/service_registry.h"
#include "net/packet_filter.h"

namespace shunt::ctl {

/// "service": by protocol and address, or by mark and family.
ServiceKey read_service(const Params& p, std::string_view name = "service");
/// What a service has besides its name.
ServiceSettings read_settings(const Params& p);
/// "check"; nothing for null.
std::optional<HealthCheck> read_check(const Params& p);
/// "state": up, down, or auto.
Forced read_forced(const Params& p);
/// "server".
Endpoint read_server(const Params& p);
/// "server", "forward", "tunnel", "weight", "upper" and "lower".
ServerConfig read_server_config(const Params& p);
/// "rules".
std::vector<MarkConfig> read_marks(const Params& p);

/// "filter", but for ServiceMatch::servers. Nothing when it is not given or empty.
std::optional<ConnectionFilter> read_connection_filter(const Params& p);
/// What a PacketFilter has, of an object that has it among other things.
PacketFilter read_packet_filter(const Params& p);
/// "protocol", "client" and "virtual".
ClientTuple read_client_tuple(const Params& p);

}  // namespace shunt::ctl
