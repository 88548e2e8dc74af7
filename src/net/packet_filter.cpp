// SPDX-License-Identifier: BSD-3-Clause
#include "net/packet_filter.h"

#include "net/parse.h"

namespace shunt {

namespace {

bool is_in(const IpPrefix& network, const IpAddress& address) noexcept {
    return address.family() == network.address.family() &&
           network_of(address, network.length) == network.address;
}

bool is_at(const Endpoint& wanted, const IpAddress& address, L4Port port) noexcept {
    return wanted.address == address && (wanted.port == L4Port{} || wanted.port == port);
}

bool is_of(Protocol wanted, Protocol protocol) noexcept {
    return wanted == protocol || (wanted == Protocol::icmp && protocol == Protocol::icmpv6);
}

/// The tuple of what an ICMP packet quotes, if it quotes something.
template <class F>
std::optional<FlowTuple<F>> quoted_tuple(PacketReader frame, const PacketMeta& meta) noexcept {
    if (meta.tuple<F>().protocol != F::icmp) return std::nullopt;
    const bool error = F::family == Family::ipv6
                           ? meta.icmp_type < 128
                           : meta.icmp_type == 3 || meta.icmp_type == 4 || meta.icmp_type == 5 ||
                                 meta.icmp_type == 11 || meta.icmp_type == 12;
    const auto quoted = error ? parse_quoted<F>(frame, meta.l4_offset + sizeof(IcmpHeader))
                              : std::optional<QuotedPacket<F>>();
    return quoted ? std::optional(quoted->tuple) : std::nullopt;
}

template <class F>
bool matches_parsed(const PacketFilter& filter, PacketReader frame,
                    const PacketMeta& meta) noexcept {
    if (filter.matches<F>(meta.tuple<F>())) return true;
    const auto quoted = quoted_tuple<F>(frame, meta);
    return quoted && filter.matches<F>(*quoted);
}

}  // namespace

bool PacketFilter::everything() const noexcept {
    return !protocol && !client && !virtual_service && !server && !address && !port;
}

template <class Address>
bool PacketFilter::joins(const Address& near, const Address& far, L4Port far_port) const noexcept {
    if (client && !is_in(*client, near)) return false;
    if (!virtual_service && !server) return true;
    return (virtual_service && is_at(*virtual_service, far, far_port)) ||
           (server && is_at(*server, far, far_port));
}

template <class F>
bool PacketFilter::matches(const FlowTuple<F>& t) const noexcept {
    if (protocol && !is_of(*protocol, t.protocol)) return false;
    if (port && *port != t.source_port && *port != t.destination_port) return false;
    if (address && !is_in(*address, t.source) && !is_in(*address, t.destination)) return false;
    return joins(t.source, t.destination, t.destination_port) ||
           joins(t.destination, t.source, t.source_port);
}

bool PacketFilter::matches(PacketReader frame, std::uint32_t frame_length) const noexcept {
    if (everything()) return true;
    PacketMeta meta;
    if (parse(frame, frame_length, meta, HeaderChecksum::verified)) return false;
    if (meta.network == NetworkKind::ipv4) return matches_parsed<Ipv4>(*this, frame, meta);
    return meta.network == NetworkKind::ipv6 && matches_parsed<Ipv6>(*this, frame, meta);
}

template bool PacketFilter::matches(const FlowTuple<Ipv4>&) const noexcept;
template bool PacketFilter::matches(const FlowTuple<Ipv6>&) const noexcept;

}  // namespace shunt
