// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/tunnel_table.h"

#include <cstring>

#include "net/checksum.h"

namespace shunt {

namespace {

template <class F>
TunnelEnds ends_over(const Tunnel& tunnel, const typename F::Address& server,
                     const NetTable& network) noexcept {
    const Route<F> route = network.route<F>(server, 0);
    TunnelEnds ends{.source = route.source, .destination = server, .tunnel = tunnel};
    if (route.kind != Route<F>::Kind::via || route.source.is_unspecified()) return ends;
    const std::array addresses{route.source, server};
    ends.overhead = tunnel_overhead(tunnel, F::family);
    ends.address_sum = fold(checksum_add(0, std::as_bytes(std::span(addresses))));
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

TunnelEnds tunnel_ends(const Tunnel& tunnel, const IpAddress& server,
                       const NetTable& network) noexcept {
    return server.family() == Family::ipv4 ? ends_over<Ipv4>(tunnel, server.v4(), network)
                                           : ends_over<Ipv6>(tunnel, server.v6(), network);
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
        has_one ? tunnel_ends(slot.tunnel, slot.endpoint.address, network) : TunnelEnds{};
    if (part >= known_.size()) known_.resize(part + 1, &no_part);
    known_[part] = parts_.find(part);
}

}  // namespace shunt
