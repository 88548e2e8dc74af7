// SPDX-License-Identifier: BSD-3-Clause
#include "bench/lab.h"

#include <stdexcept>

namespace shunt::bench {

namespace {

constexpr int ifindex = 1;
constexpr unsigned first_server = 11;
constexpr unsigned gateway_host = 254;

/// 192.168.0.0/24
constexpr Ipv4Address on_link_v4(unsigned host) noexcept {
    return {Be32(0xC0A80000U | host)};
}
constexpr Ipv6Address v6(std::uint16_t first, std::uint16_t second, unsigned host) noexcept {
    Ipv6Address a;
    a.bytes[0] = static_cast<std::uint8_t>(first >> 8);
    a.bytes[1] = static_cast<std::uint8_t>(first);
    a.bytes[2] = static_cast<std::uint8_t>(second >> 8);
    a.bytes[3] = static_cast<std::uint8_t>(second);
    a.bytes[15] = static_cast<std::uint8_t>(host);
    return a;
}
/// fd00::/64
constexpr Ipv6Address on_link_v6(unsigned host) noexcept {
    return v6(0xFD00, 0, host);
}

template <class F>
typename F::Address on_link(unsigned host) noexcept {
    if constexpr (std::is_same_v<F, Ipv4>)
        return on_link_v4(host);
    else
        return on_link_v6(host);
}

template <class F>
void add_service(const Scheduler& scheduler, ServiceTable::DestSlot* slots, std::uint32_t first_id,
                 std::vector<std::shared_ptr<const VirtualService>>& services) {
    auto service = std::make_shared<VirtualService>();
    service->key = {Protocol::tcp, {virtual_address<F>(), service_port}};
    service->scheduler = &scheduler;
    service->state = std::make_shared<SchedulerState>();
    for (unsigned s = server_count; s-- > 0;) {
        const Endpoint endpoint{server_address<F>(s), server_port};
        service->servers.push_back(
            {.id = DestId(first_id + s), .sequence = s, .endpoint = endpoint});
        ServiceTable::DestSlot& slot = slots[first_id + s];
        slot.in_use = true;
        slot.available = true;
        slot.weight = 1;
        slot.endpoint = endpoint;
        slot.virtual_address = service->key.endpoint.address;
    }
    service->table = scheduler.build(service->servers);
    scheduler.reconfigure(service->servers, *service->state);
    services.push_back(std::move(service));
}

template <class F>
void add_network(NetTableBuilder& builder, std::uint8_t link_length) {
    const IpAddress self = on_link<F>(1);
    const IpAddress gateway = on_link<F>(gateway_host);
    builder.add_address(ifindex, self, link_length);
    builder.add_local({self, static_cast<std::uint8_t>(self.bits())});
    builder.add_route({on_link<F>(0), link_length}, {{ifindex, {}, 1}}, self);
    builder.add_route({typename F::Address{}, 0}, {{ifindex, gateway, 1}}, self);
    builder.add_neighbour(ifindex, gateway, gateway_mac);
    for (unsigned s = 0; s < server_count; ++s)
        builder.add_neighbour(ifindex, server_address<F>(s), server_mac(s));
}

}  // namespace

template <>
Ipv4Address virtual_address<Ipv4>() noexcept {
    return {Be32(0xC633640AU)};  // 198.51.100.10
}
template <>
Ipv6Address virtual_address<Ipv6>() noexcept {
    return v6(0x2001, 0x0DB8, 10);
}

template <class F>
typename F::Address server_address(unsigned server) noexcept {
    return on_link<F>(first_server + server);
}
template Ipv4Address server_address<Ipv4>(unsigned) noexcept;
template Ipv6Address server_address<Ipv6>(unsigned) noexcept;

template <>
Ipv4Address client_network<Ipv4>() noexcept {
    return {};
}
template <>
Ipv6Address client_network<Ipv6>() noexcept {
    return v6(0x2001, 0x0DB9, 0);
}

std::unique_ptr<const Snapshot> lab_snapshot(const Scheduler& scheduler) {
    std::vector<std::shared_ptr<const VirtualService>> services;
    std::vector<ServiceTable::DestSlot> slots(2 * server_count);
    add_service<Ipv4>(scheduler, slots.data(), 0, services);
    add_service<Ipv6>(scheduler, slots.data(), server_count, services);

    NetTableBuilder builder;
    builder.add_interface(
        {.ifindex = ifindex, .port = lab_port, .mac = balancer_mac, .name = "lab"});
    add_network<Ipv4>(builder, 24);
    add_network<Ipv6>(builder, 64);

    auto snapshot = std::make_unique<Snapshot>();
    snapshot->services =
        std::make_shared<const ServiceTable>(std::move(services), std::move(slots));
    snapshot->network = builder.build();
    snapshot->generation = 1;
    if (snapshot->network == nullptr) throw std::runtime_error("no memory for the route tables");
    snapshot->derive();
    return snapshot;
}

}  // namespace shunt::bench
