// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a command of ipvsadm asks of the daemon (docs/protocol.md). Pure.
#include <boost/json/object.hpp>
#include <string_view>

#include "shuntctl/ipvsadm_args.h"

namespace shunt::cli {

struct Request {
    std::string_view method;  ///< "dest.add"
    boost::json::object params;
};

/// The one request that does what `command` says, which is a change: not -L, -S, -R, -h or -v.
Request request_of(const Command& command);

/// {"protocol":"tcp","address":"192.0.2.10:80"} or {"mark":7,"family":"ipv4"}.
boost::json::object service_json(const ServiceName& service);

}  // namespace shunt::cli
