// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// An event of the daemon as one line (docs/protocol.md, "Events").
#include <boost/json/object.hpp>
#include <string>

namespace shunt::cli {

/// `2026-11-21 20:45:01.123 server.down tcp 192.0.2.1:80 10.1.0.11:80 weight=0`, in local time. Of
/// events that were lost: `lost 12`. No newline.
std::string event_text(const boost::json::object& event);

}  // namespace shunt::cli
