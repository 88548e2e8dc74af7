// SPDX-License-Identifier: BSD-3-Clause
// Network address translation: endpoints and checksums (ipvs-behaviour 1.12, 1.16).
#include "dataplane/checksums.h"
#include "dataplane/forwarders.h"
#include "dataplane/translation.h"

namespace shunt {

namespace {

/// The field of a UDP packet without checksum after translation: a full one, as IPVS makes it.
template <class F>
std::uint16_t fresh_udp_checksum(const rte_mbuf* packet, const PacketMeta& meta,
                                 const Translation<F>& to) noexcept {
    FlowTuple<F> after = meta.tuple<F>();
    (to.inbound ? after.destination : after.source) = to.address;
    const std::uint32_t l4_length = meta.l4_length();
    const std::uint32_t sum =
        pseudo_header_sum<F>(after, l4_length) + payload_sum(packet, meta.l4_offset, l4_length);
    const auto field = static_cast<std::uint16_t>(~fold(sum));
    return field == 0 ? std::uint16_t{0xFFFF} : field;
}

template <class F>
void translate_tcp(rte_mbuf* packet, const PacketMeta& meta, const Translation<F>& to) noexcept {
    const auto l4 = PacketWriter(first_bytes(packet)).fixed<sizeof(TcpHeader)>(meta.l4_offset);
    if (l4) to.write_tcp(*l4);  // parse() has read this header
}

template <class F>
void translate_udp(rte_mbuf* packet, const PacketMeta& meta, const Translation<F>& to) noexcept {
    const auto l4 = PacketWriter(first_bytes(packet)).fixed<sizeof(UdpHeader)>(meta.l4_offset);
    if (!l4) return;  // parse() has read this header
    store_at(*l4, to.port_at(), to.port);
    auto sum = load<std::uint16_t, offsetof(UdpHeader, checksum)>(*l4);
    if (sum != 0) [[likely]] {
        sum = to.endpoint_delta.apply(sum);
        if (sum == 0) sum = 0xFFFF;
    } else {
        sum = fresh_udp_checksum<F>(packet, meta, to);
    }
    store<offsetof(UdpHeader, checksum)>(*l4, sum);
}

/// SCTP's checksum covers no addresses: it only changes with the port.
template <class F>
void translate_sctp(rte_mbuf* packet, const PacketMeta& meta, const Translation<F>& to) noexcept {
    const auto l4 = PacketWriter(first_bytes(packet)).fixed<sizeof(SctpHeader)>(meta.l4_offset);
    if (!l4) return;  // parse() has read this header
    const auto before = to.inbound ? load<L4Port, offsetof(SctpHeader, destination)>(*l4)
                                   : load<L4Port, offsetof(SctpHeader, source)>(*l4);
    if (before == to.port) return;
    store_at(*l4, to.port_at(), to.port);
    store<offsetof(SctpHeader, checksum)>(*l4, sctp_checksum(packet, meta));
}

/// Writes the new endpoint on one side of the packet: address, port and checksums. ESP and AH,
/// which have no ports, follow a connection by their addresses alone.
template <class F>
void translate(rte_mbuf* packet, const PacketMeta& meta, const Claimed<F>& claim) noexcept {
    using Header = typename F::Header;
    const Translation<F> to(*claim.conn, claim.direction);
    const auto l3 = PacketWriter(first_bytes(packet)).fixed<sizeof(Header)>(meta.l3_offset);
    if (!l3) return;  // parse() has read this header
    to.write_network(*l3);
    if (claim.conn->protocol == Protocol::tcp)
        translate_tcp<F>(packet, meta, to);
    else if (!meta.has_ports) [[unlikely]]
        return;
    else if (claim.conn->protocol == Protocol::udp)
        translate_udp<F>(packet, meta, to);
    else
        translate_sctp<F>(packet, meta, to);
}

}  // namespace

template <class F>
void forward_nat(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                 const Claimed<F>& claim) noexcept {
    translate<F>(packet, meta, claim);
    send_on<F>(worker, packet, meta, claim);
}

template void forward_nat<Ipv4>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                const Claimed<Ipv4>&) noexcept;
template void forward_nat<Ipv6>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                const Claimed<Ipv6>&) noexcept;

}  // namespace shunt
