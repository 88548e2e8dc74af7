// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the daemon's results look like to a person: the tables of shuntctl. Pure. Each takes the
// result of the methods it is named after (docs/protocol.md), and throws Unreachable for a result
// that is not as documented there.
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "shuntctl/rows.h"

namespace shunt::cli {

std::string service_text(const boost::json::value& result);
/// All pages of a list at once.
std::string connection_text(const std::vector<ConnectionRow>& rows);
/// How many were counted or ended.
std::string tally_text(const boost::json::value& result);
/// The one connection, or that there is none.
std::string found_text(const boost::json::value& result);
std::string stats_text(const boost::json::value& result);
std::string timeout_text(const boost::json::value& result);
std::string tunables_text(const boost::json::value& result);
/// Of one tunable.
std::string tunable_text(const boost::json::value& result);
std::string marks_text(const boost::json::value& result);
std::string apps_text(const boost::json::value& result);
std::string worker_text(const boost::json::value& result);
std::string port_text(const boost::json::value& result);
std::string status_text(const boost::json::value& result);

}  // namespace shunt::cli
