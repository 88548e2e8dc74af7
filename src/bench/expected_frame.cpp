// SPDX-License-Identifier: BSD-3-Clause
#include "bench/expected_frame.h"

#include <rte_ip.h>

#include <cstring>

#include "net/headers.h"
#include "net/view.h"

namespace shunt::bench {

namespace {

using Frame = std::vector<std::byte>;

constexpr std::size_t l3 = sizeof(EthernetHeader);

// Wire formats of the tunnels: RFC 2003, RFC 2473, RFC 2784, draft-ietf-intarea-gue.
template <class F>
constexpr std::uint8_t ip_in_ip = std::is_same_v<F, Ipv4> ? 4 : 41;
constexpr std::uint8_t in_udp = 17;
constexpr std::uint8_t in_gre = 47;

struct GreHeader {
    Be16 flags{};
    Be16 type;
};
struct GueHeader {
    std::uint8_t version_and_length = 0;
    std::uint8_t protocol;
    Be16 flags{};
};

template <class T>
void append(Frame& frame, const T& value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    frame.insert(frame.end(), bytes.begin(), bytes.end());
}

void refresh_header_checksum(Frame& frame, Ipv4) {
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(frame.data() + l3);
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
}
void refresh_header_checksum(Frame&, Ipv6) {}

template <class F>
void refresh_tcp_checksum(Frame& frame) {
    std::byte* tcp = frame.data() + l3 + sizeof(typename F::Header);
    std::memset(tcp + offsetof(TcpHeader, checksum), 0, sizeof(TcpHeader::checksum));
    std::uint16_t sum = 0;
    if constexpr (std::is_same_v<F, Ipv4>)
        sum = rte_ipv4_udptcp_cksum(reinterpret_cast<rte_ipv4_hdr*>(frame.data() + l3), tcp);
    else
        sum = rte_ipv6_udptcp_cksum(reinterpret_cast<rte_ipv6_hdr*>(frame.data() + l3), tcp);
    std::memcpy(tcp + offsetof(TcpHeader, checksum), &sum, sizeof(sum));
}

/// What every router does: the link-layer addresses, and a hop less to live.
template <class F>
bool pass_on(Frame& frame, const MacAddress& to) {
    constexpr std::size_t life = l3 + (std::is_same_v<F, Ipv4> ? offsetof(Ipv4Header, ttl)
                                                               : offsetof(Ipv6Header, hop_limit));
    const PacketWriter packet(frame);
    const auto left = packet.reader().read<std::uint8_t>(life);
    if (!left || !packet.write(0, to) || !packet.write(sizeof(MacAddress), balancer_mac) ||
        !packet.write(life, static_cast<std::uint8_t>(*left - 1)))
        return false;
    refresh_header_checksum(frame, F{});
    return true;
}

template <class F>
Frame translated(Frame frame, bool reply, unsigned server) {
    using Header = typename F::Header;
    constexpr std::size_t l4 = l3 + sizeof(Header);
    const std::size_t address =
        l3 + (reply ? offsetof(Header, source) : offsetof(Header, destination));
    const std::size_t port =
        l4 + (reply ? offsetof(TcpHeader, source) : offsetof(TcpHeader, destination));
    const PacketWriter packet(frame);
    if (!packet.write(address, reply ? virtual_address<F>() : server_address<F>(server)) ||
        !packet.write(port, reply ? service_port : server_port) ||
        !pass_on<F>(frame, reply ? gateway_mac : server_mac(server)))
        return {};
    refresh_tcp_checksum<F>(frame);
    return frame;
}

/// The outer network header of FrameTemplate's packets: they forbid fragments, so that it does too
/// and has no id; it lives as long as the packet inside.
template <class F>
typename F::Header outer_header(unsigned server, std::uint8_t protocol, std::uint8_t ttl,
                                std::size_t payload) {
    const auto from = balancer_address<F>();
    const auto to = tunnel_server_address<F>(server);
    if constexpr (std::is_same_v<F, Ipv4>)
        return {.version_length = 0x45,
                .tos = 0,
                .total_length = Be16(static_cast<std::uint16_t>(sizeof(Ipv4Header) + payload)),
                .id = {},
                .fragment = Be16(Ipv4Header::dont_fragment),
                .ttl = ttl,
                .protocol = protocol,
                .checksum = 0,
                .source = from,
                .destination = to};
    else
        return {.version_class_flow = Be32(0x60000000U),
                .payload_length = Be16(static_cast<std::uint16_t>(payload)),
                .next_header = protocol,
                .hop_limit = ttl,
                .source = from,
                .destination = to};
}

/// What stands between the outer and the inner network header.
template <class F>
Frame between(TunnelType tunnel, std::size_t inner_length) {
    Frame headers;
    if (tunnel == TunnelType::gre)
        append(headers, GreHeader{.type = Be16(static_cast<std::uint16_t>(F::ether_type))});
    if (tunnel == TunnelType::gue) {
        const std::size_t length = sizeof(UdpHeader) + sizeof(GueHeader) + inner_length;
        append(headers, UdpHeader{.source = {},
                                  .destination = gue_port,
                                  .length = Be16(static_cast<std::uint16_t>(length)),
                                  .checksum = 0});
        append(headers, GueHeader{.protocol = ip_in_ip<F>});
    }
    return headers;
}

template <class F>
constexpr std::uint8_t outer_protocol(TunnelType tunnel) noexcept {
    if (tunnel == TunnelType::gre) return in_gre;
    return tunnel == TunnelType::gue ? in_udp : ip_in_ip<F>;
}

template <class F>
Frame wrapped(TunnelType tunnel, Frame inner, unsigned server) {
    if (!pass_on<F>(inner, router_mac)) return {};
    const auto ttl = static_cast<std::uint8_t>(
        inner[l3 + (std::is_same_v<F, Ipv4> ? offsetof(Ipv4Header, ttl)
                                            : offsetof(Ipv6Header, hop_limit))]);
    const auto packet = inner.begin() + l3;
    const auto length = static_cast<std::size_t>(inner.end() - packet);
    const Frame headers = between<F>(tunnel, length);
    Frame frame(inner.begin(), packet);
    append(frame, outer_header<F>(server, outer_protocol<F>(tunnel), ttl, headers.size() + length));
    frame.insert(frame.end(), headers.begin(), headers.end());
    frame.insert(frame.end(), packet, inner.end());
    refresh_header_checksum(frame, F{});
    return frame;
}

}  // namespace

template <class F>
Frame expected_frame(const Method& method, Frame frame, bool reply, unsigned server) {
    switch (method.forward) {
        case ForwardMethod::nat:
            return translated<F>(std::move(frame), reply, server);
        case ForwardMethod::tunnel:
            return wrapped<F>(method.tunnel, std::move(frame), server);
        case ForwardMethod::direct:
        case ForwardMethod::bypass:
            break;
    }
    return pass_on<F>(frame, server_mac(server)) ? frame : Frame();
}

template <class F>
std::optional<std::size_t> chosen_port_at(const Method& method) noexcept {
    if (method.forward != ForwardMethod::tunnel || method.tunnel != TunnelType::gue)
        return std::nullopt;
    return l3 + sizeof(typename F::Header) + offsetof(UdpHeader, source);
}

template Frame expected_frame<Ipv4>(const Method&, Frame, bool, unsigned);
template Frame expected_frame<Ipv6>(const Method&, Frame, bool, unsigned);
template std::optional<std::size_t> chosen_port_at<Ipv4>(const Method&) noexcept;
template std::optional<std::size_t> chosen_port_at<Ipv6>(const Method&) noexcept;

}  // namespace shunt::bench
