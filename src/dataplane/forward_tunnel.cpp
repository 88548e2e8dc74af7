// SPDX-License-Identifier: BSD-3-Clause
// Tunnels: the packet is wrapped as it is, its destination stays the virtual one, and goes to the
// real server, which unwraps it and answers the client by itself (ipvs-behaviour 1.14). IP in IP
// (RFC 2003, RFC 4213, RFC 2473), generic UDP encapsulation (draft-ietf-intarea-gue), generic
// routing encapsulation (RFC 2784); either family within either.
#include "dataplane/checksums.h"
#include "dataplane/forwarders.h"
#include "dataplane/host_path.h"
#include "dataplane/mss_clamp.h"
#include "dataplane/tunnel_wrap.h"

namespace shunt {

namespace {

static_assert(RTE_PKTMBUF_HEADROOM >= most_tunnel_overhead + sizeof(NextHop::l2));

/// Where a wrapped packet's outer headers begin, and what they say.
struct Wrap {
    rte_mbuf* packet;
    unsigned offset;  ///< of the outer network header, in the first buffer
    const TunnelEnds& ends;
    Outer outer;
    std::uint32_t flow_hash;  ///< of the packet inside; for GUE

    /// Everything behind the outer network header.
    [[nodiscard]] std::uint16_t payload_length(std::size_t header) const noexcept {
        return static_cast<std::uint16_t>(outer.length - header);
    }
};

/// As the host chooses one for a tunnel, out of the range of ports for clients.
L4Port gue_source_port(std::uint32_t flow_hash) noexcept {
    constexpr std::uint32_t first = 32768;
    constexpr std::uint32_t last = 60999;
    const auto scaled = (std::uint64_t{flow_hash} * (last - first)) >> 32;
    return L4Port(static_cast<std::uint16_t>(first + scaled));
}

/// UDP's source port, length and checksum. Without checksum also over IPv6, as RFC 6935 allows
/// tunnels.
template <class G>
void fill_in_gue(const Wrap& wrap, PacketWriter frame) noexcept {
    constexpr std::size_t ip = sizeof(typename G::Header);
    const std::uint16_t length = wrap.payload_length(ip);
    const auto offset = static_cast<std::uint32_t>(wrap.offset + ip);
    const auto header = frame.at<sizeof(UdpHeader)>(offset);
    store<offsetof(UdpHeader, source)>(header, gue_source_port(wrap.flow_hash));
    store<offsetof(UdpHeader, length)>(header, Be16(length));
    if (wrap.ends.tunnel.checksum == TunnelChecksum::none) return;
    const std::uint32_t pseudo_header =
        std::uint32_t{wrap.ends.address_sum} + Be16(in_udp).raw() + Be16(length).raw();
    const auto sum =
        static_cast<std::uint16_t>(~fold(pseudo_header + payload_sum(wrap.packet, offset, length)));
    store<offsetof(UdpHeader, checksum)>(header, sum == 0 ? std::uint16_t{0xFFFF} : sum);
}

/// GRE's checksum, if it has one.
template <class G>
void fill_in_gre(const Wrap& wrap, PacketWriter frame) noexcept {
    constexpr std::size_t ip = sizeof(typename G::Header);
    if (wrap.ends.tunnel.checksum != TunnelChecksum::full) return;
    const auto offset = static_cast<std::uint32_t>(wrap.offset + ip);
    const std::uint32_t sum = payload_sum(wrap.packet, offset, wrap.payload_length(ip));
    store<offsetof(GreChecksum, sum)>(frame.at<sizeof(GreChecksum)>(offset + sizeof(GreHeader)),
                                      static_cast<std::uint16_t>(~fold(sum)));
}

/// Copies what is the same for all packets, over G, and fills in the rest. False when the frame has
/// no room before the outer header for what the copy is longer.
template <class G>
[[gnu::always_inline]] inline bool write_headers(const Wrap& wrap) noexcept {
    constexpr std::size_t ip = sizeof(typename G::Header);
    constexpr std::size_t most = ip + most_between;
    const PacketWriter frame(first_bytes(wrap.packet));
    const std::size_t end = wrap.offset + wrap.ends.overhead;
    if (end < most || !frame.reader().holds<most>(end - most)) return false;
    // Always as many bytes as the longest headers have: of the shorter ones some before, where the
    // link-layer header is to be written yet.
    const auto longest = std::span(wrap.ends.headers).template last<most>();
    std::memcpy(frame.at<most>(end - most).data(), longest.data(), most);
    if (wrap.ends.tunnel.type == TunnelType::gue) fill_in_gue<G>(wrap, frame);
    if (wrap.ends.tunnel.type == TunnelType::gre) fill_in_gre<G>(wrap, frame);
    fill_in_network(wrap.outer, wrap.ends, frame.at<ip>(wrap.offset));
    return true;
}

enum class Leaves : std::uint8_t { whole, in_pieces };

/// Puts the outer headers before the packet; they begin at meta.l3_offset then. False when there is
/// no room.
///
/// An inner DF is kept outside. When the outer packet goes in pieces all the same, only those of a
/// packet that came in pieces with DF have it again; what else is cut against its DF, an ICMP error
/// that has to reach the server, may be cut further on too.
template <class F>
[[gnu::always_inline]] inline bool wrap_up(WorkerState& worker, rte_mbuf* packet,
                                           const PacketMeta& meta, const TunnelEnds& ends,
                                           Leaves leaves) noexcept {
    const auto header =
        PacketReader(bytes_of(packet)).fixed<sizeof(typename F::Header)>(meta.l3_offset);
    if (!header) return false;  // parse() has read this header
    const std::uint8_t traffic_class = outer_class(inner_class(*header));
    const bool inner_unbroken = is_unbroken(*header);
    if (rte_pktmbuf_prepend(packet, ends.overhead) == nullptr) return false;
    const bool whole = leaves == Leaves::whole;
    const bool unbroken = inner_unbroken && worker.tunables().pmtu_disc != 0 &&
                          (whole || meta.fragment == FragmentKind::joined);
    const bool gue = ends.tunnel.type == TunnelType::gue;
    const Wrap wrap{.packet = packet,
                    .offset = meta.l3_offset,
                    .ends = ends,
                    .outer = {.traffic_class = traffic_class,
                              .ttl = meta.ttl,
                              .length = static_cast<std::uint16_t>(ends.overhead + meta.l3_length),
                              .id = unbroken && whole ? std::uint16_t{0} : next_outer_id(worker),
                              .dont_fragment = unbroken},
                    .flow_hash = gue ? worker.conns<F>().hash(meta.tuple<F>()) : 0};
    return ends.destination.family() == Family::ipv4 ? write_headers<Ipv4>(wrap)
                                                     : write_headers<Ipv6>(wrap);
}

/// Lowers the MSS of a SYN to what fits within the tunnel.
template <class F>
void clamp(rte_mbuf* packet, const PacketMeta& meta, std::uint16_t fits) noexcept {
    constexpr std::uint16_t headers = sizeof(typename F::Header) + sizeof(TcpHeader);
    const auto bytes = first_bytes(packet);
    if (fits > headers && meta.l4_offset < bytes.size())
        clamp_mss(bytes.subspan(meta.l4_offset), static_cast<std::uint16_t>(fits - headers));
}

template <class F>
bool to_be_clamped(const WorkerState& worker, const PacketMeta& meta) noexcept {
    return (meta.tcp_flags & TcpHeader::syn) != 0 && worker.tunables().mss_clamp != 0;
}

/// How an outer packet is cut that is longer than `whole`.
struct Cut {
    std::uint16_t whole;
    std::uint16_t limit;
    Pieces pieces = Pieces::even;
};

/// What came in fragments goes in fragments no longer than those, as it leaves a host that puts it
/// together; between families their lengths mean nothing to each other. Of IPv6 it goes as it came
/// where the outer headers leave room for that, and even pieces are not tiny.
template <class F>
Cut how_to_cut(const rte_mbuf* packet, const PacketMeta& meta, const TunnelEnds& ends,
               std::uint16_t mtu) noexcept {
    constexpr std::uint16_t least = F::family == Family::ipv4 ? 0 : 1280;
    if (meta.fragment != FragmentKind::joined || ends.destination.family() != F::family)
        return {mtu, mtu};
    const std::uint16_t longest = largest_fragment(packet);
    return {.whole = std::min(mtu, longest),
            .limit = std::min(mtu, std::max(least, longest)),
            .pieces = std::is_same_v<F, Ipv6> ? Pieces::as_they_came : Pieces::even};
}

/// The way is not at hand, the outer packet has to be cut, or the server is this host: then the
/// packet is not wrapped.
template <class F>
[[gnu::noinline, gnu::cold]] void forward_slowly(WorkerState& worker, rte_mbuf* packet,
                                                 const PacketMeta& meta,
                                                 const Claimed<F>& claim) noexcept {
    const WayAhead way = way_ahead<F>(worker, *claim.conn, Direction::from_client);
    if (way.kind == WayAhead::Kind::local) return give_to_host<F>(worker, claim.port, packet, meta);
    if (way.kind == WayAhead::Kind::unreachable) return worker.drop(packet, DropReason::no_route);
    const ServiceTable::DestSlot& slot = worker.services().slot(claim.conn->dest);
    const TunnelEnds ends =
        tunnel_ends(slot.tunnel, slot.endpoint.address, F::family, worker.network());
    if (way.fits == 0 || ends.overhead == 0) return worker.drop(packet, DropReason::tunnel_refused);

    const bool over_v4 = ends.destination.family() == Family::ipv4;
    const std::uint32_t length = std::uint32_t{ends.overhead} + meta.l3_length;
    const std::uint32_t most = 0xFFFF + (over_v4 ? 0U : std::uint32_t{sizeof(Ipv6Header)});
    const auto mtu = static_cast<std::uint16_t>(way.fits + ends.overhead);
    const Cut cut = how_to_cut<F>(packet, meta, ends, mtu);
    if (length > most) return worker.drop(packet, DropReason::too_big);
    if (to_be_clamped<F>(worker, meta)) clamp<F>(packet, meta, way.fits);
    const auto leaves = length <= cut.whole ? Leaves::whole : Leaves::in_pieces;
    if (!wrap_up<F>(worker, packet, meta, ends, leaves))
        return worker.drop(packet, DropReason::no_buffer);
    rte_pktmbuf_adj(packet, meta.l3_offset);
    const auto hash = flow_hash(worker, *claim.conn, Direction::from_client);
    const auto how = leaves == Leaves::whole ? Pieces::even : cut.pieces;
    over_v4 ? send_in_pieces<Ipv4>(worker, packet, ends.destination.v4(), hash, cut.limit, how)
            : send_in_pieces<Ipv6>(worker, packet, ends.destination.v6(), hash, cut.limit, how);
}

}  // namespace

template <class F>
void forward_tunnel(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                    const Claimed<F>& claim) noexcept {
    const Conn<F>& conn = *claim.conn;
    const TunnelEnds& ends = (*worker.snapshot->tunnels)[conn.dest];
    constexpr auto d = static_cast<std::size_t>(Direction::from_client);
    const std::uint16_t fits = conn.fits[d];
    if (meta.l3_length > fits || meta.fragment == FragmentKind::joined || ends.overhead == 0)
        [[unlikely]]
        return forward_slowly<F>(worker, packet, meta, claim);
    if (to_be_clamped<F>(worker, meta)) [[unlikely]]
        clamp<F>(packet, meta, fits);
    if (!wrap_up<F>(worker, packet, meta, ends, Leaves::whole)) [[unlikely]]
        return worker.drop(packet, DropReason::no_buffer);
    send_by(worker, worker.network()[conn.next_hop[d]], packet, meta.l3_offset);
}

std::uint16_t tunnel_fits(const Snapshot& snapshot, DestId server, std::uint16_t mtu) noexcept {
    const ServiceTable::DestSlot& slot = snapshot.services->slot(server);
    const IpAddress& address = slot.endpoint.address;
    const std::uint32_t overhead = tunnel_overhead(slot.tunnel, address.family());
    const std::uint32_t least = overhead + (address.family() == Family::ipv4 ? 68U : 1280U);
    if (mtu < least) return 0;
    std::uint32_t most = mtu;
    if (snapshot.path_mtus != nullptr)
        if (const auto learnt = snapshot.path_mtus->find(address);
            learnt != snapshot.path_mtus->end())
            most = std::clamp<std::uint32_t>(learnt->second, least, mtu);
    return static_cast<std::uint16_t>(most - overhead);
}

template void forward_tunnel<Ipv4>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                   const Claimed<Ipv4>&) noexcept;
template void forward_tunnel<Ipv6>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                   const Claimed<Ipv6>&) noexcept;

}  // namespace shunt
