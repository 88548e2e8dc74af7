// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The tables of ipvsadm as text, byte for byte (ipvs-behaviour 10.5, 10.6). Pure.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "shuntctl/ipvsadm_args.h"
#include "shuntctl/rows.h"

namespace shunt::cli {

/// An address and port as the tables show them: numbers, or names looked up. With Protocol::none
/// the port has no name.
using EndpointText = std::function<std::string(const Endpoint& endpoint, Protocol protocol)>;

/// Numbers.
std::string numeric_text(const Endpoint& endpoint, Protocol protocol);

/// "IP Virtual Server version 1.2.1 (size=4096)".
std::string version_line(std::uint64_t connection_table_size);

/// By mark, address family, protocol number, address and port; servers by address and port.
void sort_services(std::vector<ServiceRow>& services);

/// The two title lines and the services with their servers, in the order that they have.
std::string service_table(const std::vector<ServiceRow>& services, const ListOptions& options,
                          const EndpointText& text);

/// The two title lines of the connection table; `engines`: with those of persistence.
std::string connection_title(bool engines);
std::string connection_lines(const std::vector<ConnectionRow>& rows, bool engines,
                             const EndpointText& text);

std::string timeout_line(std::uint64_t tcp, std::uint64_t tcp_fin, std::uint64_t udp);

/// The synchronisation daemons of a result of sync.status, the master first.
std::string daemon_lines(const boost::json::value& status);

/// The lines that -R makes the same services of, but for thresholds, which ipvsadm leaves out too.
std::string save_lines(const std::vector<ServiceRow>& services, const EndpointText& text);

/// A count in a column of 9: below 10^8 as it is, then in K, M, G and T; `exact`: always as it is.
std::string large_number(std::uint64_t value, bool exact);

}  // namespace shunt::cli
