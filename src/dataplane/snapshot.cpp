// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/snapshot.h"

namespace shunt {

namespace {

bool is_local(const NetTable& network, const DestSlot& slot) {
    if (!slot.in_use) return false;
    const IpAddress& address = slot.endpoint.address;
    return address.family() == Family::ipv4 ? network.is_local<Ipv4>(address.v4())
                                            : network.is_local<Ipv6>(address.v6());
}

}  // namespace

void Snapshot::derive() {
    if (services == nullptr || network == nullptr) return;
    if (derived.network != network) {
        derived = {.services = nullptr, .network = network};
        tunnels = nullptr;
    }
    static const ServiceTable::Slots no_slots;
    auto next = tunnels ? std::make_shared<TunnelTable>(*tunnels) : std::make_shared<TunnelTable>();
    services->slots().compare(derived.services ? derived.services->slots() : no_slots,
                              [&](std::size_t i, const DestSlot& now, const DestSlot& was) {
                                  if (now == was) return;
                                  next->set(DestId(static_cast<std::uint32_t>(i)), now, *network);
                                  derived.local_servers += is_local(*network, now) ? 1 : 0;
                                  derived.local_servers -= is_local(*network, was) ? 1 : 0;
                              });
    tunnels = std::move(next);
    derived.services = services;
    local_servers = derived.local_servers != 0;
}

}  // namespace shunt
