// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/snapshot.h"

#include <algorithm>

namespace shunt {

namespace {

bool is_local(const NetTable& network, const IpAddress& address) {
    return address.family() == Family::ipv4
               ? network.route<Ipv4>(address.v4(), 0).kind == Route<Ipv4>::Kind::local
               : network.route<Ipv6>(address.v6(), 0).kind == Route<Ipv6>::Kind::local;
}

}  // namespace

void Snapshot::derive() {
    if (services == nullptr || network == nullptr) return;
    tunnels = std::make_shared<const TunnelTable>(*services, *network);
    local_servers = std::ranges::any_of(services->slots(), [&](const auto& slot) {
        return slot.in_use && is_local(*network, slot.endpoint.address);
    });
}

}  // namespace shunt
