// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The straight way: what stages 5 to 7 do with the packets that nearly all are, at one go and with
// the same result. They are segments of a TCP connection, in plain frames of one buffer, to a
// server that is there or, with NAT, from it; the next hop is known, and they fit. Those of an
// established connection without SYN, FIN and RST change nothing but its timer and counters; others
// change its state, too. Fewer questions are asked than in advance.cpp and forward.cpp, and the
// connection, the headers and the next hop are each touched once.
#include "dataplane/advance.h"
#include "dataplane/checksums.h"
#include "dataplane/forwarders.h"
#include "dataplane/passage.h"
#include "dataplane/resolve.h"
#include "dataplane/translation.h"
#include "dataplane/tunnel_wrap.h"
#include "net/parse_plain.h"

namespace shunt {

/// For one burst: what is the same for all its packets is looked at once.
template <class F>
class StraightWay {
  public:
    StraightWay(WorkerState& worker, const Batch& batch) noexcept
        : worker_(worker),
          batch_(batch),
          next_hops_(worker.network().next_hops()),
          dests_(worker.dests.data()),
          generation_(worker.snapshot->generation),
          expires_(worker.now + worker.snapshot->timeouts.tcp_in(TcpState::established)) {}

    /// May the packet go the straight way?
    [[nodiscard]] bool suits(const rte_mbuf* packet, const PacketMeta& meta,
                             const Claimed<F>& claim) const noexcept {
        return is_at_hand(packet, meta, claim) &&
               (is_steady(meta, claim) || is_step(packet, meta, claim));
    }

    /// Takes the packet and returns true when it may go the straight way; else nothing has
    /// happened.
    [[gnu::always_inline]] bool takes(rte_mbuf* packet, PacketMeta& meta,
                                      const Claimed<F>& claim) noexcept {
        Conn<F>& conn = *claim.conn;
        const Direction direction = claim.direction;
        const auto d = static_cast<std::size_t>(direction);
        if (!is_at_hand(packet, meta, claim)) [[unlikely]]
            return false;
        if (is_steady(meta, claim)) [[likely]]
            expire_at<F>(worker_, conn, expires_);
        else if (is_step(packet, meta, claim))
            advance_tcp<F>(worker_, conn, meta.tcp_flags, direction);
        else
            return false;
        dests_[conn.dest.value()].count(direction, meta.l3_length);
        conn.packets_in += direction == Direction::from_client ? 1 : 0;
        const NextHop& hop = next_hops_[conn.next_hop[d]];
        // Cuts off padding, which most segments without data have; without a branch, as they come
        // mixed with others.
        packet->data_len = static_cast<std::uint16_t>(l3 + meta.l3_length);
        packet->pkt_len = packet->data_len;
        const auto headers = PacketWriter(first_bytes(packet)).at<plain_headers<F>>(0);
        const auto ttl = static_cast<std::uint8_t>(meta.ttl - 1);
        rewrite(headers, ttl, conn, direction);
        std::byte* frame = headers.data();
        if (conn.method == ForwardMethod::tunnel) {
            meta.ttl = ttl;
            frame = wrap(packet, meta, claim, headers);
            if (frame == nullptr) [[unlikely]]
                return true;
        }
        if (hop.l2_length == sizeof(EthernetHeader)) [[likely]] {
            std::memcpy(frame, hop.l2.data(), sizeof(EthernetHeader));
            worker_.transmitter.send(DeviceIndex::of_port(hop.port), packet, SendKind::forwarded);
        } else {
            send_by(worker_, hop, packet, sizeof(EthernetHeader));
        }
        return true;
    }

  private:
    static constexpr std::size_t l3 = sizeof(EthernetHeader);
    using Header = typename F::Header;

    /// Is the way known, and will the packet fit and live on?
    [[nodiscard]] bool is_at_hand(const rte_mbuf* packet, const PacketMeta& meta,
                                  const Claimed<F>& claim) const noexcept {
        const Conn<F>& conn = *claim.conn;
        return conn.generation == generation_ && meta.ttl > 1 &&
               meta.l3_length <= conn.fits[static_cast<std::size_t>(claim.direction)] &&
               packet->nb_segs == 1;
    }

    /// A segment of the middle of a connection that goes on as it is.
    [[nodiscard]] static bool is_steady(const PacketMeta& meta, const Claimed<F>& claim) noexcept {
        return meta.is_middle_segment() && claim.conn->is_steady(claim.direction);
    }

    /// A segment that may change the state of its connection, and nothing else.
    [[nodiscard]] static bool is_step(const rte_mbuf* packet, const PacketMeta& meta,
                                      const Claimed<F>& claim) noexcept {
        return meta.is_plain_arrival() && claim.conn->is_undisturbed(claim.direction) &&
               ((meta.tcp_flags & TcpHeader::syn) == 0 || is_plain_syn(packet, meta, claim));
    }

    /// The first packet of a connection, or an answer to it, in which nothing but endpoints and
    /// checksums may have to be corrected (advance.cpp, forward_tunnel.cpp).
    [[nodiscard]] static bool is_plain_syn(const rte_mbuf* packet, const PacketMeta& meta,
                                           const Claimed<F>& claim) noexcept {
        const Conn<F>& conn = *claim.conn;
        if (conn.method == ForwardMethod::tunnel) return false;
        return claim.direction == Direction::from_client ? conn.packets_in == 0
                                                         : !has_partial_checksum<F>(packet, meta);
    }

    /// Writes one hop less into the network header, and the new endpoint with NAT.
    [[gnu::always_inline]] static void rewrite(std::span<std::byte, plain_headers<F>> headers,
                                               std::uint8_t ttl, const Conn<F>& conn,
                                               Direction direction) noexcept {
        const auto network = headers.template subspan<l3, sizeof(Header)>();
        write_ttl<F>(network, ttl);
        if (conn.method != ForwardMethod::nat) {
            correct_checksum<F>(network, ttl_down);
            return;
        }
        const Translation<F> to(conn, direction);
        to.write_network(network, ttl_down);
        to.write_tcp(headers.template last<sizeof(TcpHeader)>());
    }

    /// Wraps a packet in IP, and returns its first byte then. Null: it has gone by another tunnel,
    /// or there was no room.
    [[gnu::always_inline]] std::byte* wrap(
        rte_mbuf* packet, const PacketMeta& meta, const Claimed<F>& claim,
        std::span<const std::byte, plain_headers<F>> headers) noexcept {
        const TunnelEnds& ends = (*worker_.snapshot->tunnels)[claim.conn->dest];
        fetch_head_room(claim.place);
        if (ends.alone == TunnelEnds::Alone::no) [[unlikely]] {
            forward_tunnel<F>(worker_, packet, meta, claim);
            return nullptr;
        }
        const auto inner = headers.template subspan<l3, sizeof(Header)>();
        const bool unbroken = is_unbroken(inner) && worker_.tunables().pmtu_disc != 0;
        const Outer outer{.traffic_class = outer_class(inner_class(inner)),
                          .ttl = meta.ttl,
                          .length = static_cast<std::uint16_t>(ends.overhead + meta.l3_length),
                          .id = unbroken ? std::uint16_t{0} : next_outer_id(worker_),
                          .dont_fragment = unbroken};
        std::byte* frame = ends.alone == TunnelEnds::Alone::ipv4
                               ? put_before<Ipv4>(packet, outer, ends)
                               : put_before<Ipv6>(packet, outer, ends);
        if (frame == nullptr) [[unlikely]]
            worker_.drop(packet, DropReason::no_buffer);
        return frame;
    }

    /// Outer headers begin on the cache line before the packet's, and the packets of a burst that
    /// come soon will go through tunnels too.
    void fetch_head_room(std::uint8_t place) const noexcept {
        constexpr unsigned ahead = 4;
        if (place + ahead < batch_.count)
            __builtin_prefetch(rte_pktmbuf_mtod(batch_.packets[place + ahead], std::byte*) - 1, 1);
    }

    /// Puts an outer header of family G before the packet's. Null: there is no room.
    template <class G>
    [[gnu::always_inline]] static std::byte* put_before(rte_mbuf* packet, const Outer& outer,
                                                        const TunnelEnds& ends) noexcept {
        constexpr std::size_t size = sizeof(typename G::Header);
        if (rte_pktmbuf_prepend(packet, size) == nullptr) return nullptr;
        const auto frame = PacketWriter(first_bytes(packet)).at<l3 + size>(0);
        const auto header = frame.template last<size>();
        std::memcpy(header.data(), std::span(ends.headers).template last<size>().data(), size);
        fill_in_network(outer, ends, header);
        return frame.data();
    }

    WorkerState& worker_;
    const Batch& batch_;
    std::span<const NextHop> next_hops_;
    DestCounters* dests_;  ///< by DestId
    std::uint32_t generation_;
    TickTime expires_;  ///< of a connection that a segment passes now
};

}  // namespace shunt
