// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Lists that may be long are asked for in pages, so that the daemon is never busy with one of them
// for long (docs/protocol.md, "Pages").
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "shuntctl/rpc_client.h"

namespace shunt::cli {

/// What `call` gives; of service.list, mark.list and drop.list all pages as one result. Throws what
/// `call` throws, and Unreachable for a page that is not as documented.
boost::json::value call_whole(const Call& call, std::string_view method,
                              const boost::json::object& params);

}  // namespace shunt::cli
