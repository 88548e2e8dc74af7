// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/tunnel_table.h"

#include <cstring>

#include "net/checksum.h"

namespace shunt {

namespace {

Ipv4Header network_header(const Ipv4Address& source, const Ipv4Address& destination,
                          std::uint8_t protocol) noexcept {
    return {.version_length = 0x45,
            .tos = 0,
            .total_length = {},
            .id = {},
            .fragment = {},
            .ttl = 0,
            .protocol = protocol,
            .checksum = 0,
            .source = source,
            .destination = destination};
}
Ipv6Header network_header(const Ipv6Address& source, const Ipv6Address& destination,
                          std::uint8_t protocol) noexcept {
    return {.version_class_flow = Be32(6U << 28),
            .payload_length = {},
            .next_header = protocol,
            .hop_limit = 0,
            .source = source,
            .destination = destination};
}

/// Outer headers, put together from the inside outward.
class Headers {
  public:
    explicit Headers(TunnelEnds& ends) noexcept : ends_(ends) {}
    template <class T>
    void prepend(const T& header) noexcept {
        ends_.overhead = static_cast<std::uint8_t>(ends_.overhead + sizeof(header));
        std::memcpy(ends_.headers.data() + ends_.headers.size() - ends_.overhead, &header,
                    sizeof(header));
    }

  private:
    TunnelEnds& ends_;
};

/// What stands between; returns the protocol number that leads to it.
template <class F>
std::uint8_t prepend_between(Headers& headers, const Tunnel& tunnel) noexcept {
    const bool summed = tunnel.checksum == TunnelChecksum::full;
    switch (tunnel.type) {
        case TunnelType::ipip:
            break;
        case TunnelType::gue:
            headers.prepend(GueHeader{.protocol = ip_in_ip<F>, .flags = {}});
            headers.prepend(
                UdpHeader{.source = {}, .destination = tunnel.port, .length = {}, .checksum = 0});
            return in_udp;
        case TunnelType::gre:
            if (summed) headers.prepend(GreChecksum{});
            headers.prepend(
                GreHeader{.flags = Be16(summed ? GreHeader::has_checksum : std::uint16_t{0}),
                          .type = Be16(static_cast<std::uint16_t>(F::ether_type))});
            return in_gre;
    }
    return ip_in_ip<F>;
}

/// Over G, for packets of family `inside`.
template <class G>
TunnelEnds ends_over(const Tunnel& tunnel, const typename G::Address& server, Family inside,
                     const NetTable& network) noexcept {
    const Route<G> route = network.route<G>(server, 0);
    TunnelEnds ends{.tunnel = tunnel, .source = route.source, .destination = server};
    if (route.kind != Route<G>::Kind::via || route.source.is_unspecified()) return ends;
    Headers headers(ends);
    const std::uint8_t protocol = inside == Family::ipv4 ? prepend_between<Ipv4>(headers, tunnel)
                                                         : prepend_between<Ipv6>(headers, tunnel);
    const auto header = network_header(route.source, server, protocol);
    headers.prepend(header);
    if (ends.overhead == sizeof(header))
        ends.alone = std::is_same_v<G, Ipv4> ? TunnelEnds::Alone::ipv4 : TunnelEnds::Alone::ipv6;
    const std::array addresses{route.source, server};
    ends.address_sum = fold(checksum_add(0, std::as_bytes(std::span(addresses))));
    ends.header_sum = fold(checksum_add(0, std::as_bytes(std::span(&header, 1))));
    return ends;
}

}  // namespace

std::uint8_t tunnel_overhead(const Tunnel& tunnel, Family outer) noexcept {
    const std::size_t network = outer == Family::ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
    std::size_t own = 0;
    switch (tunnel.type) {
        case TunnelType::ipip:
            break;
        case TunnelType::gue:
            own = sizeof(UdpHeader) + 4;
            break;
        case TunnelType::gre:
            own = tunnel.checksum == TunnelChecksum::full ? 8 : 4;
            break;
    }
    return static_cast<std::uint8_t>(network + own);
}

TunnelEnds tunnel_ends(const Tunnel& tunnel, const IpAddress& server, Family inside,
                       const NetTable& network) noexcept {
    return server.family() == Family::ipv4 ? ends_over<Ipv4>(tunnel, server.v4(), inside, network)
                                           : ends_over<Ipv6>(tunnel, server.v6(), inside, network);
}

TunnelTable::TunnelTable(const ServiceTable& services, const NetTable& network) {
    for (std::uint32_t i = 0; const DestSlot& slot : services.slots())
        set(DestId(i++), slot, network);
}

void TunnelTable::set(DestId id, const DestSlot& slot, const NetTable& network) {
    const std::size_t part = id.value() / part_size;
    const bool has_one = slot.in_use && slot.forward == ForwardMethod::tunnel;
    if (!has_one && parts_.find(part) == nullptr) return;
    parts_.edit(part)[id.value() % part_size] =
        has_one ? tunnel_ends(slot.tunnel, slot.endpoint.address, slot.virtual_address.family(),
                              network)
                : TunnelEnds{};
    if (part >= known_.size()) known_.resize(part + 1, &no_part);
    known_[part] = parts_.find(part);
}

}  // namespace shunt
