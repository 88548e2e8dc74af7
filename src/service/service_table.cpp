// SPDX-License-Identifier: BSD-3-Clause
#include "service/service_table.h"

#include <algorithm>
#include <utility>

namespace shunt {

namespace {

/// The data of passive FTP comes to an unprivileged port, that of active FTP goes to port 20.
bool may_be_ftp_data(L4Port port) noexcept {
    constexpr std::uint16_t first_unprivileged = 1024;
    return port == ftp_data_port || port.value() >= first_unprivileged;
}

/// Counts one more or one less of a key; without any it is not in the map.
template <class Key>
void count_key(SharedMap<Key, std::uint32_t>& map, const Key& key, bool more) {
    std::uint32_t& count = map.edit(key);
    if (more)
        ++count;
    else if (--count == 0)
        map.erase(key);
}

void count_one(std::uint32_t& count, bool more) noexcept {
    more ? ++count : --count;
}

/// Ports have to be known on both sides, for a call to come from one of the service
/// (ipvs-behaviour 5.5).
bool sees_calls(const VirtualService& service) noexcept {
    return service.persistence && service.persistence->engine == PersistenceEngine::sip &&
           service.key.protocol == Protocol::udp && service.key.endpoint.port != L4Port{};
}

std::size_t bytes_of(const VirtualService& service) noexcept {
    const auto& table = service.table;
    return sizeof(service) + service.servers.capacity() * sizeof(RealServer) +
           (table ? sizeof(*table) + table->buckets.capacity() * sizeof(table->buckets[0]) +
                        table->contenders.capacity() * sizeof(table->contenders[0]) +
                        table->even.capacity() * sizeof(table->even[0])
                  : 0) +
           (service.cache ? service.cache->bytes() : 0);
}

}  // namespace

struct ServiceTable::SlotSays {
    explicit SlotSays(const DestSlot& slot) noexcept
        : in_use(slot.in_use),
          nat(slot.in_use && (slot.forward == ForwardMethod::nat || slot.was_nat)),
          any_port(slot.any_port),
          endpoint(slot.endpoint),
          virtual_address(slot.virtual_address) {}
    bool operator==(const SlotSays&) const noexcept = default;

    bool in_use;
    bool nat;
    bool any_port;
    Endpoint endpoint;
    IpAddress virtual_address;
};

ServiceTable::ServiceTable(std::vector<std::shared_ptr<const VirtualService>> services,
                           std::vector<DestSlot> slots) {
    for (const auto& service : services)
        with_sets(service->key.endpoint.address.family(), [&](auto& sets) {
            // Of services with one key the first is found.
            sets.find(service->key) == nullptr ? add(sets, service) : services_.push_back(service);
        });
    for (DestSlot& slot : slots) {
        index_slot(slot, {});
        slots_.push_back(std::move(slot));
    }
}

ServiceTable::ServiceTable(const ServiceTable& before, std::span<const Change> changes, Slots slots)
    : ServiceTable(before) {
    for (const Change& each : changes) change(each);
    slots.compare(slots_, [this](std::size_t, const DestSlot& now, const DestSlot& was) {
        index_slot(now, was);
    });
    slots_ = std::move(slots);
}

// Services.

template <class Visit>
void ServiceTable::with_sets(Family family, Visit visit) {
    family == Family::ipv4 ? visit(ipv4_) : visit(ipv6_);
}

template <class F>
ServiceTable::FamilyEndpoint<F> ServiceTable::endpoint_of(const ServiceKey& key) noexcept {
    return {F::of(key.endpoint.address), key.endpoint.port, key.protocol};
}

template <class F>
const ServiceTable::Entry* ServiceTable::FamilySets<F>::find(const ServiceKey& key) const noexcept {
    return key.mark != Mark{} ? marked.find(key.mark) : services.find(endpoint_of<F>(key));
}

template <class F>
ServiceTable::Entry& ServiceTable::FamilySets<F>::edit(const ServiceKey& key) {
    return key.mark != Mark{} ? marked.edit(key.mark) : services.edit(endpoint_of<F>(key));
}

template <class F>
void ServiceTable::FamilySets<F>::erase(const ServiceKey& key) {
    key.mark != Mark{} ? marked.erase(key.mark) : services.erase(endpoint_of<F>(key));
}

void ServiceTable::change(const Change& change) {
    with_sets(change.key.endpoint.address.family(), [&](auto& sets) {
        if (sets.find(change.key) == nullptr) {
            if (change.service) add(sets, change.service);
        } else if (change.service) {
            replace(sets, change);
        } else {
            remove(sets, change.key);
        }
    });
}

template <class F>
void ServiceTable::add(FamilySets<F>& sets, const std::shared_ptr<const VirtualService>& service) {
    sets.edit(service->key) = {.service = service.get(), .place = services_.size()};
    services_.push_back(service);
    count_service(sets, service->key, true);
    index_callers(sets, *service, true);
}

template <class F>
void ServiceTable::replace(FamilySets<F>& sets, const Change& change) {
    Entry& entry = sets.edit(change.key);
    index_callers(sets, *entry.service, false);
    entry.service = change.service.get();
    services_.edit(entry.place) = change.service;
    index_callers(sets, *change.service, true);
}

/// The last service takes the place of the one that goes.
template <class F>
void ServiceTable::remove(FamilySets<F>& sets, const ServiceKey& key) {
    const Entry gone = *sets.find(key);
    index_callers(sets, *gone.service, false);
    count_service(sets, key, false);
    sets.erase(key);
    if (const auto last = services_[services_.size() - 1]; last.get() != gone.service) {
        services_.edit(gone.place) = last;
        with_sets(last->key.endpoint.address.family(),
                  [&](auto& its) { its.edit(last->key).place = gone.place; });
    }
    services_.pop_back();
}

template <class F>
void ServiceTable::count_service(FamilySets<F>& sets, const ServiceKey& key, bool more) {
    if (key.mark != Mark{}) return;
    count_key(sets.virtuals, F::of(key.endpoint.address), more);
    if (key.protocol == Protocol::tcp && key.endpoint.port == ftp_port) count_one(sets.ftps, more);
}

template <class F>
void ServiceTable::index_callers(FamilySets<F>& sets, const VirtualService& service, bool more) {
    if (!sees_calls(service)) return;
    for (const RealServer& server : service.servers) {
        const auto& [address, port] = server.endpoint;
        if (server.forward != ForwardMethod::nat || address.family() != F::family ||
            port == L4Port{})
            continue;
        const FamilyEndpoint<F> key{F::of(address), port, Protocol::none};
        std::vector<Caller>& callers = sets.callers.edit(key);
        const auto at = std::ranges::lower_bound(
            callers, service.key, {},
            [](const Caller& caller) -> const ServiceKey& { return caller.service->key; });
        if (more) {
            callers.insert(at, {&service, &server});
            continue;
        }
        callers.erase(at);
        if (callers.empty()) sets.callers.erase(key);
    }
}

// Slots.

void ServiceTable::index_slot(const DestSlot& now, const DestSlot& before) {
    const SlotSays says(now);
    const SlotSays said(before);
    if (says == said) return;
    count(said, false);
    count(says, true);
}

void ServiceTable::count(const SlotSays& says, bool more) {
    if (!says.in_use) return;
    with_sets(says.virtual_address.family(), [&]<class F>(FamilySets<F>& sets) {
        const auto& address = F::of(says.virtual_address);
        if (!address.is_unspecified()) count_key(sets.virtuals, address, more);
    });
    if (!says.nat) return;
    with_sets(says.endpoint.address.family(), [&]<class F>(FamilySets<F>& sets) {
        const auto& address = F::of(says.endpoint.address);
        const L4Port port = says.endpoint.port;
        const auto real_at = [&](L4Port p) { return FamilyEndpoint<F>{address, p}; };
        count_key(sets.reals, real_at(port), more);
        if (says.any_port) count_key(sets.reals, real_at({}), more);
        count_key(sets.real_addresses, address, more);
        if (says.any_port || port == L4Port{}) count_one(sets.any_ports, more);
    });
}

// Look-up.

template <class F>
const VirtualService* ServiceTable::find(Mark mark, Protocol protocol,
                                         const typename F::Address& address,
                                         L4Port port) const noexcept {
    const FamilySets<F>& known = sets<F>();
    if (mark != Mark{})
        if (const Entry* at = known.marked.find(mark)) return at->service;
    const auto lookup = [&](L4Port p) -> const VirtualService* {
        const Entry* at = known.services.find({address, p, protocol});
        return at == nullptr ? nullptr : at->service;
    };
    if (const VirtualService* exact = lookup(port)) return exact;
    if (known.ftps != 0 && protocol == Protocol::tcp && may_be_ftp_data(port))
        if (const VirtualService* ftp = lookup(ftp_port)) return ftp;
    return lookup(L4Port{});
}

template const VirtualService* ServiceTable::find<Ipv4>(Mark, Protocol, const Ipv4Address&,
                                                        L4Port) const noexcept;
template const VirtualService* ServiceTable::find<Ipv6>(Mark, Protocol, const Ipv6Address&,
                                                        L4Port) const noexcept;

// Memory.

template <class F>
void ServiceTable::FamilySets<F>::measure(const FamilySets& before, Footprint& sum) const {
    services.measure(before.services, sum);
    marked.measure(before.marked, sum);
    virtuals.measure(before.virtuals, sum);
    reals.measure(before.reals, sum);
    real_addresses.measure(before.real_addresses, sum);
    callers.measure(before.callers, sum);
}

Footprint ServiceTable::footprint(const ServiceTable& before) const {
    Footprint sum;
    services_.measure(before.services_, sum);
    slots_.measure(before.slots_, sum);
    ipv4_.measure(before.ipv4_, sum);
    ipv6_.measure(before.ipv6_, sum);
    for (std::size_t i = 0; i < services_.size(); ++i)
        sum.add(bytes_of(*services_[i]),
                i < before.services_.size() && before.services_[i] == services_[i]);
    return sum;
}

}  // namespace shunt
