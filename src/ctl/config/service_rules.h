// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What services and real servers may be, in one place for the configuration file and for requests
// (ipvs-behaviour 10.1, 10.4, 10.7). Thread: any.
#include <cerrno>
#include <optional>
#include <string>

#include "ctl/config/config.h"

namespace shunt::ctl {

/// "tcp 192.0.2.10:80", "FWM 7", "FWM 7 IPv6".
std::string name_of(const ServiceKey& key);

/// Why something cannot be.
struct Problem {
    std::string field;  ///< the key of the configuration to blame: "address", "tunnel.port"
    std::string why;    ///< a sentence without its full stop
    int error_number = EINVAL;
};

std::optional<Problem> problem(const ServiceKey& key, const ServiceSettings& settings);
/// Is it the key of an option that only some schedulers have a use for?
bool is_scheduler_option(const std::string& field);
/// `server` is as kept().
std::optional<Problem> problem(const ServiceKey& key, const ServerConfig& server);

/// The server as it is kept and listed. Only NAT can translate ports; as with ipvsadm the port of
/// any other server is that of its service, whatever was given, unless the service is on a mark.
ServerConfig kept(const ServiceKey& key, ServerConfig server);

/// Settings with the granularity that holds where none is given.
ServiceSettings whole(const ServiceKey& key, ServiceSettings settings);

/// The greatest weight.
inline constexpr std::uint32_t most_weight = 0x7FFFFFFF;

/// The greatest threshold.
inline constexpr std::uint32_t most_threshold = 0x7FFFFFFF;

}  // namespace shunt::ctl
