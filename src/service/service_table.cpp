// SPDX-License-Identifier: BSD-3-Clause
#include "service/service_table.h"

namespace shunt {

namespace {

/// The data of passive FTP comes to an unprivileged port, that of active FTP goes to port 20.
bool may_be_ftp_data(L4Port port) noexcept {
    constexpr std::uint16_t first_unprivileged = 1024;
    return port == ftp_data_port || port.value() >= first_unprivileged;
}

}  // namespace

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
        if (service->key.mark != Mark{}) {
            sets.marked.emplace(service->key.mark, service.get());
            continue;
        }
        const auto& address = F::of(endpoint.address);
        sets.ftp |= service->key.protocol == Protocol::tcp && endpoint.port == ftp_port;
        sets.services.emplace(FamilyEndpoint<F>{address, endpoint.port, service->key.protocol},
                              service.get());
        sets.virtuals.insert(address);
        index_callers(sets, *service);
    }
    for (const auto& slot : slots_) {
        if (!slot.in_use) continue;
        if (slot.virtual_address.family() == F::family &&
            !F::of(slot.virtual_address).is_unspecified())
            sets.virtuals.insert(F::of(slot.virtual_address));
        const bool nat = slot.forward == ForwardMethod::nat || slot.was_nat;
        if (!nat || slot.endpoint.address.family() != F::family) continue;
        const auto& address = F::of(slot.endpoint.address);
        sets.reals.insert(FamilyEndpoint<F>{address, slot.endpoint.port, Protocol::none});
        if (slot.any_port) sets.reals.insert(FamilyEndpoint<F>{address, {}, Protocol::none});
        sets.real_addresses.insert(address);
        sets.any_port |= slot.any_port || slot.endpoint.port == L4Port{};
    }
}

/// Ports have to be known on both sides, for a call to come from one of the service
/// (ipvs-behaviour 5.5).
template <class F>
void ServiceTable::index_callers(FamilySets<F>& sets, const VirtualService& service) {
    const bool sees_calls =
        service.persistence && service.persistence->engine == PersistenceEngine::sip;
    if (!sees_calls || service.key.protocol != Protocol::udp ||
        service.key.endpoint.port == L4Port{})
        return;
    for (const RealServer& server : service.servers) {
        const auto& [address, port] = server.endpoint;
        if (server.forward == ForwardMethod::nat && address.family() == F::family &&
            port != L4Port{})
            sets.callers.emplace(FamilyEndpoint<F>{F::of(address), port, Protocol::none},
                                 Caller{&service, &server});
    }
}

template <class F>
const VirtualService* ServiceTable::find(Mark mark, Protocol protocol,
                                         const typename F::Address& address,
                                         L4Port port) const noexcept {
    const FamilySets<F>& known = sets<F>();
    if (mark != Mark{})
        if (const auto at = known.marked.find(mark); at != known.marked.end()) return at->second;
    const auto lookup = [&](L4Port p) -> const VirtualService* {
        const auto at = known.services.find({address, p, protocol});
        return at == known.services.end() ? nullptr : at->second;
    };
    if (const VirtualService* exact = lookup(port)) return exact;
    if (known.ftp && protocol == Protocol::tcp && may_be_ftp_data(port))
        if (const VirtualService* ftp = lookup(ftp_port)) return ftp;
    return lookup(L4Port{});
}

template const VirtualService* ServiceTable::find<Ipv4>(Mark, Protocol, const Ipv4Address&,
                                                        L4Port) const noexcept;
template const VirtualService* ServiceTable::find<Ipv6>(Mark, Protocol, const Ipv6Address&,
                                                        L4Port) const noexcept;

}  // namespace shunt
