// SPDX-License-Identifier: BSD-3-Clause
#include "service/service_table.h"

namespace shunt {

ServiceTable::ServiceTable(std::vector<std::shared_ptr<const VirtualService>> services,
                           std::vector<DestSlot> slots)
    : services_(std::move(services)), slots_(std::move(slots)) {
    index(ipv4_);
    index(ipv6_);
}

template <class F>
void ServiceTable::index(FamilySets<F>& sets) {
    for (const auto& service : services_) {
        const auto& endpoint = service->key.endpoint;
        if (endpoint.address.family() != F::family) continue;
        const auto& address = F::of(endpoint.address);
        sets.services.emplace(FamilyEndpoint<F>{address, endpoint.port, service->key.protocol},
                              service.get());
        sets.virtuals.insert(address);
    }
    for (const auto& slot : slots_) {
        if (!slot.in_use || slot.endpoint.address.family() != F::family) continue;
        const auto& address = F::of(slot.endpoint.address);
        sets.reals.insert(FamilyEndpoint<F>{address, slot.endpoint.port, Protocol::none});
        sets.real_addresses.insert(address);
        sets.virtuals.insert(F::of(slot.virtual_address));
    }
}

template <class F>
const VirtualService* ServiceTable::find(Protocol protocol, const typename F::Address& address,
                                         L4Port port) const noexcept {
    const auto& services = sets<F>().services;
    if (const auto exact = services.find({address, port, protocol}); exact != services.end())
        return exact->second;
    const auto every_port = services.find({address, L4Port{}, protocol});
    return every_port == services.end() ? nullptr : every_port->second;
}

template const VirtualService* ServiceTable::find<Ipv4>(Protocol, const Ipv4Address&,
                                                        L4Port) const noexcept;
template const VirtualService* ServiceTable::find<Ipv6>(Protocol, const Ipv6Address&,
                                                        L4Port) const noexcept;

}  // namespace shunt
