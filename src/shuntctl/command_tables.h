// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the daemon's results look like to a person: the tables of shuntctl. Pure. Each takes the
// result of the methods it is named after (docs/protocol.md) and the width that it may take, 0
// being any, and throws Unreachable for a result that is not as documented there.
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "shuntctl/rows.h"

namespace shunt::cli {

/// "tcp 192.0.2.10:80", "mark 7", "mark 7 ipv6".
std::string service_name(const ServiceRow& service);
std::string service_text(const boost::json::value& result, std::size_t width = 0);
/// All pages of a list at once.
std::string connection_text(const std::vector<ConnectionRow>& rows, std::size_t width = 0);
/// How many were counted or ended.
std::string tally_text(const boost::json::value& result, std::size_t width = 0);
/// The one connection, or that there is none.
std::string found_text(const boost::json::value& result, std::size_t width = 0);
std::string stats_text(const boost::json::value& result, std::size_t width = 0);
std::string timeout_text(const boost::json::value& result, std::size_t width = 0);
std::string tunables_text(const boost::json::value& result, std::size_t width = 0);
/// Of one tunable.
std::string tunable_text(const boost::json::value& result, std::size_t width = 0);
/// What is configured, and what the command line of the daemon makes of it.
std::string log_text(const boost::json::value& result, std::size_t width = 0);
std::string sync_text(const boost::json::value& result, std::size_t width = 0);
std::string marks_text(const boost::json::value& result, std::size_t width = 0);
std::string apps_text(const boost::json::value& result, std::size_t width = 0);
std::string schedulers_text(const boost::json::value& result, std::size_t width = 0);
std::string worker_text(const boost::json::value& result, std::size_t width = 0);
std::string port_text(const boost::json::value& result, std::size_t width = 0);
std::string status_text(const boost::json::value& result, std::size_t width = 0);

}  // namespace shunt::cli
