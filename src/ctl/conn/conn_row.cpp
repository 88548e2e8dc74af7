// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/conn/conn_row.h"

#include "conn/sctp_state.h"
#include "conn/tcp_state.h"

namespace shunt::ctl {

namespace {

/// `bytes` are as in AffinityKey.
IpAddress address_in(const std::array<std::uint8_t, 16>& bytes, Family family) noexcept {
    if (family == Family::ipv6) return Ipv6Address{bytes};
    Ipv4Address v4;
    std::memcpy(&v4, bytes.data(), sizeof(v4));
    return v4;
}

}  // namespace

std::string_view state_name(const ConnectionRow& row) noexcept {
    if (row.is_template) return template_state(row.assured);
    if (row.protocol == Protocol::udp) return udp_state;
    if (row.protocol == Protocol::sctp) return sctp_state_name(static_cast<SctpState>(row.state));
    return tcp_state_name(static_cast<TcpState>(row.state));
}

/// Only a translated connection has the server's endpoint itself, and no packet but such a one gets
/// another port.
template <class F>
Endpoint server_of(const Conn<F>& conn, const ServiceTable& services) noexcept {
    switch (conn.method) {
        case ForwardMethod::nat:
            return {conn.real, conn.real_port};
        case ForwardMethod::direct:
        case ForwardMethod::tunnel:
            return {services.slot(conn.dest).endpoint.address, conn.virtual_port};
        case ForwardMethod::bypass:
            break;
    }
    return {conn.virtual_address, conn.virtual_port};
}

template <class F>
ConnectionRow make_row(const Conn<F>& conn, const ServiceTable& services, TickTime now) noexcept {
    using std::chrono::floor;
    const Ticks left = conn.expires > now ? conn.expires - now : Ticks(0);
    return {.protocol = conn.protocol,
            .state = conn.state,
            .client = {conn.client, conn.client_port},
            .virtual_service = {conn.virtual_address, conn.virtual_port},
            .server = server_of(conn, services),
            .method = conn.method,
            .expires = floor<std::chrono::seconds>(left),
            .worker = {}};
}

std::optional<ConnectionRow> make_row(const AffinityTable::Row& row,
                                      const ServiceTable& services) noexcept {
    if (row.dest.value() >= services.slots().size()) return std::nullopt;
    constexpr L4Port invalid{std::uint16_t{0xFFFF}};
    const ServiceTable::DestSlot& server = services.slot(row.dest);
    return ConnectionRow{.protocol = row.key.protocol,
                         .client = {address_in(row.key.client, row.key.family), {}},
                         .virtual_service = {address_in(row.key.service, row.key.family),
                                             row.valid ? row.key.port : invalid},
                         .server = {server.endpoint.address, row.valid ? row.port : invalid},
                         .method = server.forward,
                         .expires = std::chrono::floor<std::chrono::seconds>(row.left),
                         .worker = {},
                         .is_template = true,
                         .assured = row.assured};
}

template Endpoint server_of(const Conn<Ipv4>&, const ServiceTable&) noexcept;
template Endpoint server_of(const Conn<Ipv6>&, const ServiceTable&) noexcept;
template ConnectionRow make_row(const Conn<Ipv4>&, const ServiceTable&, TickTime) noexcept;
template ConnectionRow make_row(const Conn<Ipv6>&, const ServiceTable&, TickTime) noexcept;

}  // namespace shunt::ctl
