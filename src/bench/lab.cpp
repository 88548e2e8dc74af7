// SPDX-License-Identifier: BSD-3-Clause
#include "bench/lab.h"

#include <stdexcept>

namespace shunt::bench {

namespace {

constexpr int ifindex = 1;
constexpr unsigned first_server = 11;
constexpr unsigned gateway_host = 254;
constexpr unsigned router_host = 253;
/// A packet of the largest size fits whole into any tunnel.
constexpr std::uint16_t link_mtu = 1500 + most_tunnel_overhead;

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

/// 203.0.113.0/24
constexpr Ipv4Address behind_router_v4(unsigned host) noexcept {
    return {Be32(0xCB007100U | host)};
}
/// fd01::/64
constexpr Ipv6Address behind_router_v6(unsigned host) noexcept {
    return v6(0xFD01, 0, host);
}

template <class F>
typename F::Address on_link(unsigned host) noexcept {
    if constexpr (std::is_same_v<F, Ipv4>)
        return on_link_v4(host);
    else
        return on_link_v6(host);
}
template <class F>
typename F::Address behind_router(unsigned host) noexcept {
    if constexpr (std::is_same_v<F, Ipv4>)
        return behind_router_v4(host);
    else
        return behind_router_v6(host);
}

/// Only NAT translates ports.
template <class F>
Endpoint endpoint_of(unsigned server, ForwardMethod forward) noexcept {
    if (forward == ForwardMethod::nat) return {server_address<F>(server), server_port};
    if (forward == ForwardMethod::tunnel) return {tunnel_server_address<F>(server), service_port};
    return {server_address<F>(server), service_port};
}

template <class F>
void add_service(const Scheduler& scheduler, const Method& method, ServiceTable::DestSlot* slots,
                 std::uint32_t first_id,
                 std::vector<std::shared_ptr<const VirtualService>>& services) {
    auto service = std::make_shared<VirtualService>();
    service->key = {Protocol::tcp, {virtual_address<F>(), service_port}};
    service->scheduler = &scheduler;
    service->state = std::make_shared<SchedulerState>();
    const Tunnel tunnel{.type = method.tunnel, .port = gue_port};
    for (unsigned s = server_count; s-- > 0;) {
        const auto endpoint = endpoint_of<F>(s, method.forward);
        service->servers.push_back({.id = DestId(first_id + s),
                                    .sequence = s,
                                    .endpoint = endpoint,
                                    .forward = method.forward,
                                    .tunnel = tunnel});
        slots[first_id + s] = {.available = true,
                               .weight = 1,
                               .endpoint = endpoint,
                               .forward = method.forward,
                               .tunnel = tunnel,
                               .virtual_address = service->key.endpoint.address,
                               .in_use = true};
    }
    service->table = scheduler.build(service->servers, service->scheduler_options);
    scheduler.reconfigure(service->servers, *service->state);
    services.push_back(std::move(service));
}

template <class F>
void add_network(NetTableBuilder& builder, std::uint8_t link_length) {
    const IpAddress self = balancer_address<F>();
    const IpAddress gateway = on_link<F>(gateway_host);
    const IpAddress router = on_link<F>(router_host);
    builder.add_address(ifindex, self, link_length);
    builder.add_local({self, static_cast<std::uint8_t>(self.bits())});
    builder.add_route({on_link<F>(0), link_length}, {{ifindex, {}, 1}}, self);
    builder.add_route({typename F::Address{}, 0}, {{ifindex, gateway, 1}}, self);
    builder.add_route({behind_router<F>(0), link_length}, {{ifindex, router, 1}}, self);
    builder.add_neighbour(ifindex, gateway, gateway_mac);
    builder.add_neighbour(ifindex, router, router_mac);
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

template <class F>
typename F::Address tunnel_server_address(unsigned server) noexcept {
    return behind_router<F>(first_server + server);
}
template Ipv4Address tunnel_server_address<Ipv4>(unsigned) noexcept;
template Ipv6Address tunnel_server_address<Ipv6>(unsigned) noexcept;

template <class F>
typename F::Address balancer_address() noexcept {
    return on_link<F>(1);
}
template Ipv4Address balancer_address<Ipv4>() noexcept;
template Ipv6Address balancer_address<Ipv6>() noexcept;

template <>
Ipv4Address client_network<Ipv4>() noexcept {
    return {};
}
template <>
Ipv6Address client_network<Ipv6>() noexcept {
    return v6(0x2001, 0x0DB9, 0);
}

std::unique_ptr<const Snapshot> lab_snapshot(const Scheduler& scheduler, const Method& method) {
    std::vector<std::shared_ptr<const VirtualService>> services;
    std::vector<ServiceTable::DestSlot> slots(2 * server_count);
    add_service<Ipv4>(scheduler, method, slots.data(), 0, services);
    add_service<Ipv6>(scheduler, method, slots.data(), server_count, services);

    NetTableBuilder builder;
    builder.add_interface({.ifindex = ifindex,
                           .port = lab_port,
                           .mac = balancer_mac,
                           .mtu = link_mtu,
                           .name = "lab"});
    add_network<Ipv4>(builder, 24);
    add_network<Ipv6>(builder, 64);

    auto snapshot = std::make_unique<Snapshot>();
    snapshot->services =
        std::make_shared<const ServiceTable>(std::move(services), std::move(slots));
    snapshot->network = builder.build();
    // A measurement keeps the worker busier than it can be, on purpose.
    snapshot->tunables.half_open_share = 100;
    snapshot->tunables.new_share = 100;
    snapshot->generation = 1;
    if (snapshot->network == nullptr) throw std::runtime_error("no memory for the route tables");
    snapshot->derive();
    return snapshot;
}

}  // namespace shunt::bench
