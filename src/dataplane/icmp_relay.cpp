// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/icmp_relay.h"

#include "dataplane/app_hook.h"
#include "dataplane/checksums.h"
#include "dataplane/connections.h"
#include "dataplane/forwarders.h"
#include "dataplane/host_path.h"
#include "dataplane/passage.h"
#include "dataplane/stages.h"
#include "dataplane/tunnel_error.h"

namespace shunt {

namespace {

/// The packet up to its end, or as much of it as can be had in one buffer.
PacketReader in_one_buffer(rte_mbuf* packet, const PacketMeta& meta) noexcept {
    const std::size_t end = meta.l3_offset + std::size_t{meta.l3_length};
    // Without room for all of it the packet stays as it is.
    if (packet->data_len < end) rte_pktmbuf_linearize(packet);
    return PacketReader(first_bytes(packet)).sub(0, end);
}

/// The one's complement sum over an ICMP message as it stands, between the ends of `tuple`.
template <class F>
std::uint16_t icmp_sum(const rte_mbuf* packet, const PacketMeta& meta,
                       const FlowTuple<F>& tuple) noexcept {
    std::uint32_t sum = payload_sum(packet, meta.l4_offset, meta.l4_length());
    if constexpr (std::is_same_v<F, Ipv6>) sum += pseudo_header_sum<F>(tuple, meta.l4_length());
    return fold(sum);
}

/// One error of a NAT connection on its way, and what becomes of it. Outside and in the quoted
/// packet opposite sides change: the error goes where the quoted packet came from.
template <class F>
class Translation {
  public:
    using Header = typename F::Header;

    Translation(rte_mbuf* packet, const PacketMeta& meta, const QuotedPacket<F>& quoted,
                const Claimed<F>& claim) noexcept
        : packet_(packet),
          meta_(meta),
          quoted_(quoted),
          conn_(*claim.conn),
          inbound_(claim.direction == Direction::from_client),
          address_(inbound_ ? conn_.real : conn_.virtual_address),
          port_(inbound_ ? conn_.real_port : conn_.virtual_port) {}

    void apply(bool repair) const noexcept {
        const PacketWriter out(first_bytes(packet_));
        const auto outer = out.template fixed<sizeof(Header)>(meta_.l3_offset);
        const auto inner = out.template fixed<sizeof(Header)>(quoted_.l3_offset);
        const auto icmp = out.template fixed<sizeof(IcmpHeader)>(meta_.l4_offset);
        if (!outer || !inner || !icmp) return;  // parse() and parse_quoted() have read them
        store_at(*outer, address_at(inbound_), address_);
        store_at(*inner, address_at(!inbound_), address_);
        if (quoted_.has_ports) translate_port(out, repair);
        if constexpr (std::is_same_v<F, Ipv4>) {
            write_header_checksum(out, meta_.l3_offset, meta_.l4_offset);
            write_header_checksum(out, quoted_.l3_offset, quoted_.l4_offset);
        }
        FlowTuple<F> tuple = meta_.tuple<F>();
        (inbound_ ? tuple.destination : tuple.source) = address_;
        store<offsetof(IcmpHeader, checksum)>(*icmp, std::uint16_t{0});
        const auto sum = static_cast<std::uint16_t>(~icmp_sum<F>(packet_, meta_, tuple));
        store<offsetof(IcmpHeader, checksum)>(*icmp, sum);
    }

  private:
    static constexpr std::size_t address_at(bool destination) noexcept {
        return destination ? offsetof(Header, destination) : offsetof(Header, source);
    }

    /// Of the whole header from `begin` to `end`, whatever it was before.
    static void write_header_checksum(const PacketWriter& out, std::size_t begin,
                                      std::size_t end) noexcept {
        const auto header = out.bytes().subspan(begin, end - begin);
        const auto fixed = PacketWriter(header).fixed<sizeof(Ipv4Header)>(0);
        if (!fixed) return;  // no header is shorter
        store<offsetof(Ipv4Header, checksum)>(*fixed, std::uint16_t{0});
        store<offsetof(Ipv4Header, checksum)>(*fixed, checksum(header));
    }

    void translate_port(const PacketWriter& out, bool repair) const noexcept {
        const auto ports = out.fixed<2 * sizeof(L4Port)>(quoted_.l4_offset);
        if (!ports) return;  // parse_quoted() has read them
        store_at(*ports, inbound_ ? 0 : sizeof(L4Port), port_);
        if (repair && quoted_.fragment != FragmentKind::later) mend_checksum(out);
    }

    /// The transport checksum follows the endpoint, as far as it is quoted. SCTP's would need the
    /// whole packet.
    void mend_checksum(const PacketWriter& out) const noexcept {
        const Protocol protocol = quoted_.tuple.protocol;
        if (protocol == Protocol::sctp) return;
        const bool udp = protocol == Protocol::udp;
        const std::size_t at = quoted_.l4_offset + (udp ? offsetof(UdpHeader, checksum)
                                                        : offsetof(TcpHeader, checksum));
        const auto before = out.reader().read<std::uint16_t>(at);
        if (!before || (udp && *before == 0)) return;
        std::uint16_t after = conn_.endpoint_delta.reversed_if(!inbound_).apply(*before);
        if (udp && after == 0) after = 0xFFFF;
        static_cast<void>(out.write(at, after));  // it was read there
    }

    rte_mbuf* packet_;
    const PacketMeta& meta_;
    const QuotedPacket<F>& quoted_;
    const Conn<F>& conn_;
    bool inbound_;
    const typename F::Address& address_;
    L4Port port_;
};

template <class F>
void count(WorkerState& worker, const PacketMeta& meta, const Claimed<F>& claim) noexcept {
    if (claim.conn->server_available)
        worker.counters_of(claim.conn->dest).count(claim.direction, meta.l3_length);
}

/// From now on the packet may be cut.
void clear_dont_fragment(rte_mbuf* packet, const PacketMeta& meta) noexcept {
    const auto header = PacketWriter(first_bytes(packet)).fixed<sizeof(Ipv4Header)>(meta.l3_offset);
    if (!header) return;  // parse() has read this header
    const auto before = load<Be16, offsetof(Ipv4Header, fragment)>(*header);
    const Be16 after(static_cast<std::uint16_t>(before.value() & ~Ipv4Header::dont_fragment));
    const auto sum = load<std::uint16_t, offsetof(Ipv4Header, checksum)>(*header);
    store<offsetof(Ipv4Header, fragment)>(*header, after);
    store<offsetof(Ipv4Header, checksum)>(*header,
                                          ChecksumDelta::replace(before, after).apply(sum));
}

/// May an error that is longer than the way allows be cut? One toward a server always may, as in
/// IPVS, within a tunnel with its DF; the others are forwarded as any packet is.
template <class F>
bool may_be_cut(rte_mbuf* packet, const PacketMeta& meta, const Claimed<F>& claim,
                std::uint16_t fits) noexcept {
    if constexpr (std::is_same_v<F, Ipv6>) {
        return meta.fragment == FragmentKind::joined && largest_fragment(packet) <= fits;
    } else {
        if (claim.direction == Direction::from_client) {
            if (claim.conn->method != ForwardMethod::tunnel) clear_dont_fragment(packet, meta);
            return true;
        }
        const auto header = PacketReader(first_bytes(packet)).read<Ipv4Header>(meta.l3_offset);
        return header && (header->fragment.value() & Ipv4Header::dont_fragment) == 0;
    }
}

/// Decrements the TTL of an error that may leave by a way that takes packets of `fits` bytes.
/// Otherwise it is dropped, and nobody is told: that would be an error about an error.
template <class F>
bool may_leave(WorkerState& worker, rte_mbuf* packet, PacketMeta& meta, const Claimed<F>& claim,
               std::uint16_t fits) noexcept {
    if (meta.passed) return true;
    if (meta.ttl <= 1) {
        worker.drop(packet, DropReason::ttl_expired);
        return false;
    }
    if (meta.l3_length > fits && !may_be_cut<F>(packet, meta, claim, fits)) {
        worker.drop(packet, DropReason::too_big);
        return false;
    }
    decrement_ttl<F>(packet, meta);
    return true;
}

/// Of a packet whose numbers were changed on its way; it came from where the error goes.
template <class F>
void restore_sequence(WorkerState& worker, rte_mbuf* packet, const QuotedPacket<F>& quoted,
                      const Claimed<F>& claim) noexcept {
    if (quoted.fragment == FragmentKind::later) return;
    const PacketWriter out(first_bytes(packet));
    const std::size_t at = quoted.l4_offset + offsetof(TcpHeader, sequence);
    const auto said = out.reader().read<Be32>(at);
    if (!said) return;
    const auto direction =
        claim.direction == Direction::from_client ? Direction::from_server : Direction::from_client;
    const Be32 original(original_sequence<F>(worker, *claim.conn, direction, said->value()));
    static_cast<void>(out.write(at, original));  // it was read there
}

/// NAT. Toward the client the error goes where it was sent to, which need not be the client.
template <class F>
void relay_translated(WorkerState& worker, rte_mbuf* packet, PacketMeta& meta,
                      const QuotedPacket<F>& quoted, const Claimed<F>& claim) noexcept {
    using Kind = typename Route<F>::Kind;
    const bool inbound = claim.direction == Direction::from_client;
    const typename F::Address target = inbound ? claim.conn->real : meta.tuple<F>().destination;
    const std::uint32_t hash = flow_hash(worker, *claim.conn, claim.direction);
    const Route<F> route = worker.network().route<F>(target, hash);
    if (inbound) count<F>(worker, meta, claim);
    if (route.kind == Kind::unreachable) return worker.drop(packet, DropReason::no_route);
    if (route.kind == Kind::local && inbound && target.is_loopback())
        return worker.drop(packet, DropReason::martian);
    if (route.kind == Kind::via && !may_leave<F>(worker, packet, meta, claim, route.mtu)) return;
    if (!inbound) count<F>(worker, meta, claim);
    if (claim.conn->helped) restore_sequence<F>(worker, packet, quoted, claim);
    Translation<F>(packet, meta, quoted, claim).apply(worker.tunables().icmp_repair != 0);
    if (route.kind == Kind::local) return give_to_host<F>(worker, claim.port, packet, meta);
    const std::uint16_t limit = meta.fragment == FragmentKind::joined
                                    ? std::min(route.mtu, largest_fragment(packet))
                                    : route.mtu;
    rte_pktmbuf_adj(packet, meta.l3_offset);
    send_in_pieces<F>(worker, packet, target, hash, limit);
}

/// Toward a server that is not translated for: the error goes as every packet of the client does.
template <class F>
void relay_as_it_is(WorkerState& worker, rte_mbuf* packet, PacketMeta& meta,
                    const Claimed<F>& claim) noexcept {
    Conn<F>& conn = *claim.conn;
    count<F>(worker, meta, claim);
    ++conn.packets_in;
    const WayAhead way = way_ahead<F>(worker, conn, claim.direction);
    if (way.kind == WayAhead::Kind::unreachable) return worker.drop(packet, DropReason::no_route);
    if (way.kind == WayAhead::Kind::local) {
        if (conn.method == ForwardMethod::bypass ||
            !worker.network().is_local<F>(meta.tuple<F>().destination))
            return worker.drop(packet, DropReason::martian);
        return give_to_host<F>(worker, claim.port, packet, meta);
    }
    if (way.fits == 0) return worker.drop(packet, DropReason::tunnel_refused);
    if (!may_leave<F>(worker, packet, meta, claim, way.fits)) return;
    conn.method == ForwardMethod::tunnel ? forward_tunnel<F>(worker, packet, meta, claim)
                                         : forward_direct<F>(worker, packet, meta, claim);
}

/// The tuple under which the packets of the quoted one's connection are found; nothing when that
/// cannot be told.
template <class F>
std::optional<FlowTuple<F>> flow_of(PacketReader frame, const QuotedPacket<F>& quoted) noexcept {
    if (quoted.has_ports) return quoted.tuple;
    if (quoted.fragment == FragmentKind::later) return std::nullopt;
    const Protocol protocol = quoted.tuple.protocol;
    const bool ipsec = protocol == Protocol::esp || protocol == Protocol::ah;
    if (!ipsec || quoted.l4_offset > frame.size()) return std::nullopt;
    constexpr L4Port isakmp{std::uint16_t{500}};
    FlowTuple<F> key_exchange = quoted.tuple;
    key_exchange.source_port = key_exchange.destination_port = isakmp;
    key_exchange.protocol = Protocol::udp;
    return key_exchange;
}

template <class F>
FlowTuple<F> reversed(const FlowTuple<F>& tuple) noexcept {
    return {.source = tuple.destination,
            .destination = tuple.source,
            .source_port = tuple.destination_port,
            .destination_port = tuple.source_port,
            .protocol = tuple.protocol};
}

/// Did this host wrap the quoted packet, for all that can be told without its connection? What
/// looks like GUE may be the reply of a service; then it is one, unless a client's packet to a
/// service is inside.
template <class F, class Inner>
bool may_be_ours(const WorkerState& worker, const PacketMeta& meta, const QuotedPacket<F>& quoted,
                 const FlowTuple<Inner>& inside) noexcept {
    const ServiceTable& services = worker.services();
    if (quoted.tuple.protocol == Protocol::udp && services.is_virtual<F>(quoted.tuple.source) &&
        !services.is_virtual<Inner>(inside.destination))
        return false;
    return worker.network().is_local<F>(meta.tuple<F>().destination);
}

template <class F, class Inner>
std::optional<ErrorSubject<F>> wrapped_subject(const WorkerState& worker, const PacketMeta& meta,
                                               PacketReader frame, const QuotedPacket<F>& quoted,
                                               std::uint32_t inner_offset) noexcept {
    const auto inner = parse_quoted<Inner>(frame, inner_offset);
    if (!inner || inner->fragment == FragmentKind::later) return std::nullopt;
    const auto inside = flow_of<Inner>(frame, *inner);
    if (!inside || !may_be_ours<F, Inner>(worker, meta, quoted, *inside)) return std::nullopt;
    return ErrorSubject<F>{.quoted = quoted, .tuple = *inside, .tunnel = true};
}

template <class F>
std::optional<ErrorSubject<F>> tunnel_subject(const WorkerState& worker, const PacketMeta& meta,
                                              PacketReader frame,
                                              const QuotedPacket<F>& quoted) noexcept {
    if (quoted.fragment == FragmentKind::later) return std::nullopt;
    const auto wrapping = quoted_wrapping<F>(frame, quoted);
    if (!wrapping) return std::nullopt;
    return wrapping->inner == Family::ipv4
               ? wrapped_subject<F, Ipv4>(worker, meta, frame, quoted, wrapping->inner_offset)
               : wrapped_subject<F, Ipv6>(worker, meta, frame, quoted, wrapping->inner_offset);
}

}  // namespace

template <class F>
std::optional<ErrorSubject<F>> error_subject(const WorkerState& worker, rte_mbuf* packet,
                                             const PacketMeta& meta) noexcept {
    const PacketReader frame = in_one_buffer(packet, meta);
    const auto quoted = parse_quoted<F>(frame, meta.l4_offset + sizeof(IcmpHeader));
    if (!quoted) return std::nullopt;
    if (const auto tunnel = tunnel_subject<F>(worker, meta, frame, *quoted)) return tunnel;
    const auto flow = flow_of<F>(frame, *quoted);
    if (!flow) return std::nullopt;
    return ErrorSubject<F>{.quoted = *quoted, .tuple = reversed(*flow)};
}

template <class F>
bool icmp_checksum_right(const rte_mbuf* packet, const PacketMeta& meta) noexcept {
    return icmp_sum<F>(packet, meta, meta.tuple<F>()) == 0xFFFF;
}

template <class F>
void relay_icmp_error(WorkerState& worker, const Batch& batch, rte_mbuf* packet, PacketMeta& meta,
                      const ErrorSubject<F>& subject) noexcept {
    if (subject.tunnel) return relay_tunnel_error<F>(worker, batch, packet, meta, subject);
    const auto* tuple = std::get_if<FlowTuple<F>>(&subject.tuple);
    ConnRef<F> found = worker.conns<F>().find(*tuple);
    const bool may_open = worker.tunables().schedule_icmp != 0 && subject.quoted.has_ports;
    if (found.conn == nullptr && !may_open) return pass_by<F>(worker, batch, packet, meta);
    if (!icmp_checksum_right<F>(packet, meta))
        return worker.drop(packet, DropReason::icmp_bad_checksum);
    if (found.conn == nullptr) {
        found.conn = admit_for_error<F>(worker, batch, packet, meta, *tuple);
        if (found.conn == nullptr) return;
    }
    if (found.conn->generation != worker.snapshot->generation)
        refresh_connection<F>(worker, *found.conn);

    const Claimed<F> claim{0, found.direction, batch.port, found.conn};
    const bool nat = found.conn->method == ForwardMethod::nat;
    if (!nat && found.direction == Direction::from_server) {
        count<F>(worker, meta, claim);
        return pass_by<F>(worker, batch, packet, meta);
    }
    trim_padding(packet, meta);
    nat ? relay_translated<F>(worker, packet, meta, subject.quoted, claim)
        : relay_as_it_is<F>(worker, packet, meta, claim);
}

template std::optional<ErrorSubject<Ipv4>> error_subject(const WorkerState&, rte_mbuf*,
                                                         const PacketMeta&) noexcept;
template std::optional<ErrorSubject<Ipv6>> error_subject(const WorkerState&, rte_mbuf*,
                                                         const PacketMeta&) noexcept;
template void relay_icmp_error(WorkerState&, const Batch&, rte_mbuf*, PacketMeta&,
                               const ErrorSubject<Ipv4>&) noexcept;
template void relay_icmp_error(WorkerState&, const Batch&, rte_mbuf*, PacketMeta&,
                               const ErrorSubject<Ipv6>&) noexcept;
template bool icmp_checksum_right<Ipv4>(const rte_mbuf*, const PacketMeta&) noexcept;
template bool icmp_checksum_right<Ipv6>(const rte_mbuf*, const PacketMeta&) noexcept;

}  // namespace shunt
