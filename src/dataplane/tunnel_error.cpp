// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/tunnel_error.h"

#include <rte_ring_elem.h>

#include "dataplane/connections.h"
#include "dataplane/host_path.h"

namespace shunt {

namespace {

std::optional<Wrapping> ip_inside(std::uint8_t protocol, std::uint32_t offset) noexcept {
    if (protocol != ip_in_ip<Ipv4> && protocol != ip_in_ip<Ipv6>) return std::nullopt;
    return Wrapping{.inner = protocol == ip_in_ip<Ipv4> ? Family::ipv4 : Family::ipv6,
                    .inner_offset = offset};
}

/// RFC 2784, with no flag but the checksum's.
std::optional<Wrapping> gre(PacketReader frame, std::uint32_t offset) noexcept {
    const auto flags = frame.read<Be16>(offset);
    const auto type = frame.read<Be16>(offset + 2);
    if (!flags || !type || (flags->value() & ~GreHeader::has_checksum) != 0) return std::nullopt;
    const bool v4 = type->value() == static_cast<std::uint16_t>(EtherType::ipv4);
    if (!v4 && type->value() != static_cast<std::uint16_t>(EtherType::ipv6)) return std::nullopt;
    return Wrapping{.type = TunnelType::gre,
                    .inner = v4 ? Family::ipv4 : Family::ipv6,
                    .inner_offset = offset + (flags->value() != 0 ? 8U : 4U)};
}

/// Generic UDP encapsulation, version 0, a data message; `offset`: of the UDP header.
std::optional<Wrapping> gue(PacketReader frame, L4Port port, std::uint32_t offset) noexcept {
    constexpr std::uint8_t version_and_control = 0xE0;
    const std::uint32_t at = offset + static_cast<std::uint32_t>(sizeof(UdpHeader));
    const auto first = frame.read<std::uint8_t>(at);
    const auto protocol = frame.read<std::uint8_t>(at + 1);
    if (!first || !protocol || (*first & version_and_control) != 0) return std::nullopt;
    auto inside = ip_inside(*protocol, at + 4 + (*first & 0x1FU) * 4);
    if (inside) {
        inside->type = TunnelType::gue;
        inside->port = port;
    }
    return inside;
}

/// The MTU of a message that says "too big" in its family.
template <class F>
bool is_too_big(const IcmpMessage& message) noexcept {
    return std::is_same_v<F, Ipv4> ? message.type == 3 && message.code == 4 : message.type == 2;
}

/// Ways with a smaller MTU are not believed in: whoever forges such errors could make everybody
/// send tiny packets. Linux has the same floor (min_pmtu); RFC 8200 5 for IPv6.
template <class F>
constexpr std::uint32_t least_mtu = std::is_same_v<F, Ipv4> ? 552 : 1280;

template <class F>
std::optional<IcmpMessage> read_message(const rte_mbuf* packet, const PacketMeta& meta) noexcept {
    const auto header = PacketReader(bytes_of(packet)).read<IcmpHeader>(meta.l4_offset);
    if (!header) return std::nullopt;
    IcmpMessage message{.type = header->type, .code = header->code};
    if (!is_too_big<F>(message)) return message;
    const std::uint32_t said = header->rest.value();
    message.mtu = std::clamp<std::uint32_t>(std::is_same_v<F, Ipv4> ? said & 0xFFFF : said,
                                            least_mtu<F>, 0xFFFF);
    return message;
}

template <class F>
void report_mtu(const WorkerState& worker, const typename F::Address& far_end,
                std::uint32_t mtu) noexcept {
    PathMtuReport report{.destination = far_end, .mtu = static_cast<std::uint16_t>(mtu)};
    // Without room the next error about the same way does it.
    rte_ring_enqueue_elem(worker.shared.path_mtu_reports.get(), &report, sizeof(report));
}

/// What the client's packets may have: the way's MTU less what the tunnel adds, and no more than he
/// is told when the balancer itself refuses a packet.
template <class Inner>
std::uint32_t mtu_inside(WorkerState& worker, const Conn<Inner>& conn, std::uint32_t mtu,
                         std::uint32_t added) noexcept {
    std::uint32_t inside = mtu - std::min(added, mtu);
    const WayAhead way = way_ahead<Inner>(worker, conn, Direction::from_client);
    if (way.fits != 0) inside = std::min<std::uint32_t>(inside, way.fits);
    constexpr std::uint32_t least = std::is_same_v<Inner, Ipv4> ? 68 : 1280;
    return std::max(inside, least);
}

/// Is it the tunnel that packets of this connection take?
template <class F, class Inner>
bool through(const WorkerState& worker, const Conn<Inner>& conn, const QuotedPacket<F>& quoted,
             const Wrapping& wrapping) noexcept {
    const ServiceTable::DestSlot& server = worker.services().slot(conn.dest);
    return server.available && server.endpoint.address == IpAddress(quoted.tuple.destination) &&
           server.tunnel.type == wrapping.type &&
           (wrapping.type != TunnelType::gue || server.tunnel.port == wrapping.port);
}

/// The connection that the packet in the tunnel belongs to, or null.
template <class F, class Inner>
Conn<Inner>* find_in_tunnel(WorkerState& worker, const QuotedPacket<F>& quoted,
                            const Wrapping& wrapping, const FlowTuple<Inner>& tuple) noexcept {
    const ConnRef<Inner> found = worker.conns<Inner>().find(tuple);
    if (found.conn == nullptr || found.direction != Direction::from_client ||
        found.conn->method != ForwardMethod::tunnel ||
        !through<F, Inner>(worker, *found.conn, quoted, wrapping))
        return nullptr;
    return found.conn;
}

/// Tells the client; `inner`: his packet, quoted to the end of `frame`.
template <class F, class Inner>
void tell(WorkerState& worker, const rte_mbuf* packet, PacketReader frame, const Conn<Inner>& conn,
          const QuotedPacket<F>& outer, const QuotedPacket<Inner>& inner,
          const IcmpMessage& message) noexcept {
    auto told = retold<F, Inner>(message);
    if (!told) return;
    if (is_too_big<F>(message)) {
        report_mtu<F>(worker, outer.tuple.destination, message.mtu);
        // Who lets his packets be cut need not know; from now on they are.
        if (std::is_same_v<Inner, Ipv4> && !inner.dont_fragment) return;
        const std::uint32_t added = std::uint32_t{inner.l3_offset} - outer.l3_offset;
        told->mtu = mtu_inside<Inner>(worker, conn, message.mtu, added);
    }
    const auto length = static_cast<std::uint32_t>(frame.size()) - inner.l3_offset;
    DestCounters& dest = worker.counters_of(conn.dest);
    dest.packets_out.add();
    dest.bytes_out.add(length);
    send_icmp_message<Inner>(worker,
                             {.packet = packet,
                              .offset = inner.l3_offset,
                              .length = length,
                              .source = inner.tuple.source,
                              .destination = inner.tuple.destination},
                             *told);
}

template <class F, class Inner>
void relay(WorkerState& worker, const Batch& batch, rte_mbuf* packet, const PacketMeta& meta,
           const QuotedPacket<F>& outer, const FlowTuple<Inner>& tuple) noexcept {
    const PacketReader frame =
        PacketReader(bytes_of(packet)).sub(0, meta.l3_offset + std::size_t{meta.l3_length});
    const auto wrapping = quoted_wrapping<F>(frame, outer);
    const auto inner = wrapping ? parse_quoted<Inner>(frame, wrapping->inner_offset) : std::nullopt;
    const auto message = read_message<F>(packet, meta);
    const Conn<Inner>* conn =
        inner && message ? find_in_tunnel<F, Inner>(worker, outer, *wrapping, tuple) : nullptr;
    if (conn == nullptr) return pass_by<F>(worker, batch, packet, meta);
    if (!icmp_checksum_right<F>(packet, meta))
        return worker.drop(packet, DropReason::icmp_bad_checksum);
    tell<F, Inner>(worker, packet, frame, *conn, outer, *inner, *message);
    worker.drop(packet, DropReason::tunnel_error);
}

std::optional<IcmpMessage> v4_in_words_of_v6(const IcmpMessage& message) noexcept {
    if (message.type == 11) return IcmpMessage{3, message.code};
    if (message.type != 3) return std::nullopt;
    switch (message.code) {
        case 3:  // port unreachable
            return IcmpMessage{1, 4};
        case 4:
            return IcmpMessage{2, 0, message.mtu};
        case 9:  // the three and the precedence cutoff: forbidden by an administrator
        case 10:
        case 13:
        case 15:
            return IcmpMessage{1, 1};
        default:
            return IcmpMessage{1, 3};
    }
}

std::optional<IcmpMessage> v6_in_words_of_v4(const IcmpMessage& message) noexcept {
    if (message.type == 2) return IcmpMessage{3, 4, message.mtu};
    if (message.type == 3) return IcmpMessage{11, message.code};
    if (message.type == 1 && message.code == 1) return IcmpMessage{3, 10};
    if (message.type == 1 && message.code == 4) return IcmpMessage{3, 3};
    return IcmpMessage{3, 1};
}

/// What is wrong with the outer header is nothing that the client could mend (RFC 2473 8.2).
std::optional<IcmpMessage> v6_in_words_of_v6(const IcmpMessage& message) noexcept {
    if (message.type >= 1 && message.type <= 3) return message;
    return IcmpMessage{1, 3};
}

}  // namespace

template <class F>
std::optional<Wrapping> quoted_wrapping(PacketReader frame,
                                        const QuotedPacket<F>& quoted) noexcept {
    const auto protocol = static_cast<std::uint8_t>(quoted.tuple.protocol);
    if (protocol == in_gre) return gre(frame, quoted.l4_offset);
    if (quoted.tuple.protocol == Protocol::udp)
        return gue(frame, quoted.tuple.destination_port, quoted.l4_offset);
    return ip_inside(protocol, quoted.l4_offset);
}

template <class Outer, class Inner>
std::optional<IcmpMessage> retold(const IcmpMessage& message) noexcept {
    if constexpr (std::is_same_v<Inner, Ipv4>)
        return std::is_same_v<Outer, Ipv4> ? message : v6_in_words_of_v4(message);
    else
        return std::is_same_v<Outer, Ipv4> ? v4_in_words_of_v6(message)
                                           : v6_in_words_of_v6(message);
}

template <class F>
void relay_tunnel_error(WorkerState& worker, const Batch& batch, rte_mbuf* packet,
                        const PacketMeta& meta, const ErrorSubject<F>& subject) noexcept {
    if (const auto* v4 = std::get_if<FlowTuple<Ipv4>>(&subject.tuple))
        relay<F, Ipv4>(worker, batch, packet, meta, subject.quoted, *v4);
    else if (const auto* v6 = std::get_if<FlowTuple<Ipv6>>(&subject.tuple))
        relay<F, Ipv6>(worker, batch, packet, meta, subject.quoted, *v6);
}

template std::optional<Wrapping> quoted_wrapping(PacketReader, const QuotedPacket<Ipv4>&) noexcept;
template std::optional<Wrapping> quoted_wrapping(PacketReader, const QuotedPacket<Ipv6>&) noexcept;
template std::optional<IcmpMessage> retold<Ipv4, Ipv4>(const IcmpMessage&) noexcept;
template std::optional<IcmpMessage> retold<Ipv4, Ipv6>(const IcmpMessage&) noexcept;
template std::optional<IcmpMessage> retold<Ipv6, Ipv4>(const IcmpMessage&) noexcept;
template std::optional<IcmpMessage> retold<Ipv6, Ipv6>(const IcmpMessage&) noexcept;
template void relay_tunnel_error(WorkerState&, const Batch&, rte_mbuf*, const PacketMeta&,
                                 const ErrorSubject<Ipv4>&) noexcept;
template void relay_tunnel_error(WorkerState&, const Batch&, rte_mbuf*, const PacketMeta&,
                                 const ErrorSubject<Ipv6>&) noexcept;

}  // namespace shunt
