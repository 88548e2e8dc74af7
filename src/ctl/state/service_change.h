// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a new configuration does to one service. Made by diff_services() from the services that
// there are, carried out by ServiceRegistry::apply(). Thread: any.
#include <optional>
#include <span>
#include <vector>

#include "ctl/config/config.h"

namespace shunt::ctl {

/// Without `before` the server comes, without `after` it goes; it always has one of them.
struct ServerChange {
    std::optional<ServerConfig> before;
    std::optional<ServerConfig> after;  ///< as kept()
};

/// Likewise of the service. One that stays has both, which are the same when only servers differ.
struct ServiceChange {
    ServiceKey key;
    std::optional<ServiceSettings> before;
    std::optional<ServiceSettings> after;  ///< as whole()
    std::vector<ServerChange> servers;     ///< in the order of the configuration; gone ones first
};

/// What leads from `now` to `wanted`, each as ServiceRegistry::configuration() would say it. The
/// order of services does not count, nor does that of the servers of one. First what goes.
[[nodiscard]] std::vector<ServiceChange> diff_services(std::span<const ServiceConfig> now,
                                                       std::span<const ServiceConfig> wanted);

}  // namespace shunt::ctl
