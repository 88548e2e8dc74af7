// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Connections in tables that nobody else has, for tests of what workers are asked about them.
#include <memory>

#include "ctl/conn/conn_request.h"

namespace shunt::test {

inline constexpr TickTime start{Ticks(1000)};

inline Conn<Ipv4> conn4(std::uint16_t port, Protocol protocol = Protocol::tcp) {
    Conn<Ipv4> c;
    c.client = parse_address("198.51.100.7")->v4();
    c.virtual_address = parse_address("192.0.2.10")->v4();
    c.real = parse_address("10.1.0.1")->v4();
    c.client_port = L4Port(port);
    c.virtual_port = L4Port(std::uint16_t{80});
    c.real_port = L4Port(std::uint16_t{8080});
    c.protocol = protocol;
    c.state = protocol == Protocol::tcp ? static_cast<std::uint8_t>(TcpState::established) : 0;
    c.expires = start + std::chrono::seconds(900);
    return c;
}

inline Conn<Ipv6> conn6(std::uint16_t port) {
    Conn<Ipv6> c;
    c.client = parse_address("2001:db8::7")->v6();
    c.virtual_address = parse_address("2001:db8::10")->v6();
    c.real = parse_address("fd00::1")->v6();
    c.client_port = L4Port(port);
    c.virtual_port = L4Port(std::uint16_t{53});
    c.real_port = L4Port(std::uint16_t{5353});
    c.protocol = Protocol::udp;
    c.expires = start + std::chrono::seconds(300);
    return c;
}

/// Those of one worker, and templates.
struct Tables {
    ConnTable<Ipv4> v4{4096, 1, start};
    ConnTable<Ipv6> v6{4096, 1, start};
    std::unique_ptr<AffinityTable> affinity;
    ServiceTable services;
    Timeouts timeouts;
    int steps = 0;

    bool step(ctl::ConnectionRequest& request, TickTime now = start) {
        ++steps;
        return request.step({.v4 = v4,
                             .v6 = v6,
                             .affinity = affinity.get(),
                             .services = services,
                             .timeouts = timeouts,
                             .now = now,
                             .worker = nullptr});
    }
    void serve(ctl::ConnectionRequest& request, TickTime now = start) {
        while (steps < 100'000 && !step(request, now)) {
        }
        request.finish();
    }
};

inline const ctl::FilterPtr everything = std::make_shared<const ctl::ConnectionFilter>();

inline std::vector<ctl::ConnectionRow> rows_of(const ctl::ConnectionPage& page) {
    std::vector<ctl::ConnectionRow> rows;
    page.give(rows);
    return rows;
}

inline std::uint16_t port_of(const ctl::ConnectionRow& row) {
    return row.client.port.value();
}

}  // namespace shunt::test
