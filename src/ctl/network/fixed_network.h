// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The static network provider: the configuration's `network` section in place of the kernel's
// tables, for replay, benchmarks and tests. Thread: control, before the workers start.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/id.h"
#include "ctl/config/config.h"
#include "dataplane/net_table.h"

namespace shunt::ctl {

/// A started port, as far as the network on it needs to know it.
struct FixedPort {
    std::string name;
    PortId id;
    MacAddress mac;
    std::uint16_t mtu = 1500;
};

/// The interface number that stands for a port, or for a VLAN on it (0: untagged).
[[nodiscard]] constexpr int fixed_ifindex(PortId port, std::uint16_t vlan) noexcept {
    return port.value() * 4096 + vlan + 1;
}

/// Each port is an interface, and so is each VLAN that the section names on it. An address makes
/// itself local and its network on-link. Throws ConfigError for a port that is not among `ports`,
/// and std::runtime_error when there is no memory for the table. Needs a running EAL.
[[nodiscard]] std::shared_ptr<const NetTable> make_fixed_network(
    const FixedNetwork& network, const std::vector<FixedPort>& ports);

}  // namespace shunt::ctl
