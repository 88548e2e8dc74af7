// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/service_rules.h"

#include <gtest/gtest.h>

#include <string>

namespace shunt::ctl {
namespace {

ServiceKey service(Protocol protocol, std::string_view text) {
    return {.protocol = protocol, .endpoint = parse_endpoint(text).value(), .mark = {}};
}
ServiceKey tcp(std::string_view text) {
    return service(Protocol::tcp, text);
}
ServiceKey marked(std::uint32_t mark, const IpAddress& any = Ipv4Address{}) {
    return {.protocol = Protocol::none, .endpoint = {any, {}}, .mark = Mark(mark)};
}
ServerConfig server(std::string_view text, ForwardMethod forward = ForwardMethod::nat) {
    return {.address = parse_endpoint(text).value(), .forward = forward};
}
L4Port port(std::uint16_t number) {
    return L4Port(number);
}

/// "field: why", or "none".
std::string text(const std::optional<Problem>& found) {
    return found ? found->field + ": " + found->why : "none";
}
std::string problem_of(const ServiceKey& key, bool one_packet = false) {
    return text(problem(key, ServiceSettings{.scheduler = "rr", .one_packet = one_packet}));
}
std::string problem_of(const ServiceKey& key, const ServerConfig& config) {
    return text(problem(key, config));
}
std::string tunnel_problem(TunnelType type, std::uint16_t number, TunnelChecksum checksum) {
    auto config = server("10.1.0.1:80", ForwardMethod::tunnel);
    config.tunnel = Tunnel{.type = type, .port = port(number), .checksum = checksum};
    return problem_of(tcp("192.0.2.10:80"), config);
}

const ServiceKey web = tcp("192.0.2.10:80");
const ServiceKey web6 = tcp("[2001:db8::10]:80");

TEST(ServiceRules, ServicesAreNamedAsInIpvsadm) {
    EXPECT_EQ(name_of(web), "tcp 192.0.2.10:80");
    EXPECT_EQ(name_of(service(Protocol::sctp, "[2001:db8::10]:80")), "sctp [2001:db8::10]:80");
    EXPECT_EQ(name_of(marked(7)), "FWM 7");
    EXPECT_EQ(name_of(marked(7, Ipv6Address{})), "FWM 7 IPv6");
}

TEST(ServiceRules, WhatAServiceCannotBe) {
    for (const auto protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp})
        EXPECT_EQ(problem_of(service(protocol, "192.0.2.10:80")), "none");
    EXPECT_EQ(problem_of(marked(1)), "none");
    EXPECT_EQ(problem_of(marked(1, Ipv6Address{})), "none");
    EXPECT_EQ(problem_of(service(Protocol::icmp, "192.0.2.10:80")),
              "protocol: protocol icmp is not balanced, expected tcp, udp, sctp");
    EXPECT_EQ(problem_of(tcp("192.0.2.10:0")),
              "address: port 0 (every port) needs persistence, expected a port 1 to 65535");
    EXPECT_EQ(problem_of(tcp("0.0.0.0:80")),
              "address: 0.0.0.0 is unspecified, expected the address of one host");
    for (const auto* const bad : {"224.0.0.1:80", "255.255.255.255:80", "[::]:80", "[ff02::1]:80"})
        EXPECT_NE(problem_of(tcp(bad)), "none") << bad;
}

TEST(ServiceRules, PersistenceMakesPort0PossibleAndHasLimits) {
    const auto persistent = [](const ServiceKey& key, int seconds, std::optional<int> bits = {}) {
        ServiceSettings settings;
        settings.persistence.emplace().timeout = std::chrono::seconds(seconds);
        if (bits) settings.persistence->granularity = static_cast<std::uint8_t>(*bits);
        const auto found = problem(key, settings);
        return found ? found->field : "none";
    };
    EXPECT_EQ(persistent(tcp("192.0.2.10:0"), 300), "none");
    EXPECT_EQ(persistent(web, 0), "persistence");
    EXPECT_EQ(persistent(web, 1), "none");
    EXPECT_EQ(persistent(web, 2'678'400), "none");
    EXPECT_EQ(persistent(web, 2'678'401), "persistence");
    EXPECT_EQ(persistent(web, 1, 0), "none");
    EXPECT_EQ(persistent(web, 1, 32), "none");
    EXPECT_EQ(persistent(web, 1, 33), "granularity");
    EXPECT_EQ(persistent(web6, 1, 0), "granularity");
    EXPECT_EQ(persistent(web6, 1, 128), "none");
    EXPECT_EQ(persistent(web6, 1, 129), "granularity");
    EXPECT_EQ(persistent(marked(7), 300, 24), "none");
}

TEST(ServiceRules, OnePacketIsForUdpAndMarks) {
    EXPECT_EQ(problem_of(service(Protocol::udp, "192.0.2.10:53"), true), "none");
    EXPECT_EQ(problem_of(marked(1), true), "none");
    for (const auto protocol : {Protocol::tcp, Protocol::sctp})
        EXPECT_EQ(problem_of(service(protocol, "192.0.2.10:53"), true),
                  "one_packet: one-packet scheduling is only for UDP and for marks");
}

TEST(ServiceRules, WhatTheAddressOfAServerCannotBe) {
    for (const auto* const good : {"10.1.0.1:80", "127.0.0.1:80", "192.0.2.10:80", "169.254.1.1:1"})
        EXPECT_EQ(problem_of(web, server(good)), "none") << good;
    for (const auto* const good : {"[fd00::1]:80", "[::1]:80"})
        EXPECT_EQ(problem_of(web6, server(good)), "none") << good;
    for (const auto* const bad : {"0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:80"})
        EXPECT_EQ(problem_of(web, server(bad)).substr(0, 9), "address: ") << bad;
    for (const auto* const bad : {"[::]:80", "[ff02::1]:80"})
        EXPECT_EQ(problem_of(web6, server(bad)).substr(0, 9), "address: ") << bad;
    for (const auto method : {ForwardMethod::nat, ForwardMethod::direct, ForwardMethod::tunnel})
        EXPECT_EQ(problem_of(web6, server("[fe80::1]:80", method)),
                  "address: fe80::1 cannot be reached from a port: it is link-local");
}

TEST(ServiceRules, OnlyATunnelCrossesFamilies) {
    for (const auto method : {ForwardMethod::nat, ForwardMethod::direct}) {
        EXPECT_EQ(problem_of(web, server("[fd00::1]:80", method)),
                  "address: [fd00::1]:80 is of another address family than its service, which only "
                  "the server of a tunnel may be");
        EXPECT_NE(problem_of(web6, server("10.1.0.1:80", method)), "none");
        EXPECT_NE(problem_of(marked(1, Ipv6Address{}), server("10.1.0.1:80", method)), "none");
    }
    EXPECT_EQ(problem_of(web, server("[fd00::1]:80", ForwardMethod::tunnel)), "none");
    EXPECT_EQ(problem_of(web6, server("10.1.0.1:80", ForwardMethod::tunnel)), "none");
}

TEST(ServiceRules, PortZeroOfAServerIsForServicesWithoutPort) {
    EXPECT_EQ(problem_of(web, server("10.1.0.1:0")),
              "address: port 0 is no port of a server, expected 1 to 65535");
    EXPECT_EQ(problem_of(marked(1), server("10.1.0.1:0")), "none");
    EXPECT_EQ(problem_of(marked(1), server("10.1.0.1:8080")), "none");
}

TEST(ServiceRules, AWeightHas31Bits) {
    auto config = server("10.1.0.1:80");
    config.weight = 0x7FFFFFFF;
    EXPECT_EQ(problem_of(web, config), "none");
    config.weight = 0x80000000;
    EXPECT_EQ(problem_of(web, config), "weight: a weight is at most 2147483647");
}

TEST(ServiceRules, OnlyAServerOfATunnelHasOne) {
    for (const auto method : {ForwardMethod::nat, ForwardMethod::direct}) {
        auto config = server("10.1.0.1:80", method);
        config.tunnel = Tunnel{};
        EXPECT_EQ(problem_of(web, config),
                  "tunnel: only a server of forwarding method tunnel has this");
    }
    EXPECT_EQ(problem_of(web, server("10.1.0.1:80", ForwardMethod::tunnel)), "none") << "IPIP";
}

/// The table of ipvs-behaviour 10.1.
TEST(ServiceRules, TunnelOptionsFitTheirType) {
    using enum TunnelChecksum;
    EXPECT_EQ(tunnel_problem(TunnelType::ipip, 0, none), "none");
    EXPECT_EQ(tunnel_problem(TunnelType::ipip, 1, none),
              "tunnel.port: only a GUE tunnel has a port");
    EXPECT_EQ(tunnel_problem(TunnelType::ipip, 0, full),
              "tunnel.checksum: an IPIP tunnel has no checksum");
    EXPECT_EQ(tunnel_problem(TunnelType::ipip, 0, remote),
              "tunnel.checksum: an IPIP tunnel has no checksum");
    EXPECT_EQ(tunnel_problem(TunnelType::gre, 0, none), "none");
    EXPECT_EQ(tunnel_problem(TunnelType::gre, 0, full), "none");
    EXPECT_EQ(tunnel_problem(TunnelType::gre, 1, none),
              "tunnel.port: only a GUE tunnel has a port");
    EXPECT_EQ(tunnel_problem(TunnelType::gre, 0, remote),
              "tunnel.checksum: only a GUE tunnel has remote checksums");
    EXPECT_EQ(tunnel_problem(TunnelType::gue, 0, none),
              "tunnel.port: a GUE tunnel needs a port, 1 to 65535");
    for (const auto checksum : {none, full, remote})
        EXPECT_EQ(tunnel_problem(TunnelType::gue, 6080, checksum), "none");
}

TEST(ServiceRules, OnlyNatKeepsAPortOfItsOwn) {
    const auto kept_port = [](const ServiceKey& key, ForwardMethod method) {
        return kept(key, server("10.1.0.1:8080", method)).address.port.value();
    };
    EXPECT_EQ(kept_port(web, ForwardMethod::nat), 8080);
    EXPECT_EQ(kept_port(web, ForwardMethod::direct), 80);
    EXPECT_EQ(kept_port(web, ForwardMethod::tunnel), 80);
    for (const auto method : {ForwardMethod::nat, ForwardMethod::direct, ForwardMethod::tunnel})
        EXPECT_EQ(kept_port(marked(1), method), 8080);
    EXPECT_EQ(kept(web, server("10.1.0.1:8080", ForwardMethod::direct)).address.address,
              parse_address("10.1.0.1"));
}

}  // namespace
}  // namespace shunt::ctl
