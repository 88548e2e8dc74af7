// SPDX-License-Identifier: BSD-3-Clause
// Packets of helped connections. Requests of TFTP are only read. Of FTP control connections the
// bytes are judged, and what goes out for them is written (app/ftp/control_channel.h;
// ipvs-behaviour 6).
//
// Most segments only get other numbers; these are written in place. When data changes, segments
// are made anew: as many as the way ahead needs, as text may be longer than what it stands for.
#include <algorithm>

#include "app/tftp/request.h"
#include "dataplane/app_hook.h"
#include "dataplane/expected.h"
#include "dataplane/forwarders.h"
#include "dataplane/own_ack.h"
#include "dataplane/tcp_segment.h"

namespace shunt {

namespace {

constexpr std::uint8_t urgent_flag = 0x20;

constexpr Direction opposite(Direction d) noexcept {
    return d == Direction::from_client ? Direction::from_server : Direction::from_client;
}

constexpr FtpOptions usual{};

const FtpOptions& options_of(const WorkerState& worker) noexcept {
    const AppTable* apps = worker.snapshot->apps.get();
    return apps == nullptr ? usual : apps->ftp();
}

/// One segment on its way.
template <class F>
class HelpedSegment {
  public:
    HelpedSegment(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                  const Claimed<F>& claim, FtpHelper& helper, const TcpHeaderBytes& header) noexcept
        : worker_(worker),
          packet_(packet),
          meta_(meta),
          claim_(claim),
          helper_(helper),
          before_(header),
          tcp_(header.fixed()),
          data_offset_(meta.l4_offset + std::uint32_t{header.size}),
          data_size_(meta.l4_length() - header.size) {}

    /// Reads commands as if the server had acknowledged them: whoever is lost on his way comes
    /// again, and is not read twice.
    void watch() noexcept {
        if ((tcp_.flags & TcpHeader::syn) != 0) {
            const std::uint32_t next = tcp_.sequence.value() + 1;
            if (static_cast<TcpState>(claim_.conn->state) != TcpState::syn_recv) return;
            helper_.channel.emplace(claim_.conn->client, claim_.conn->virtual_address, next, 0);
            return;
        }
        if (!helper_.channel || (tcp_.flags & TcpHeader::rst) != 0) return;
        take({.seq = tcp_.sequence.value(),
              .size = data_size_,
              .fin = (tcp_.flags & TcpHeader::fin) != 0},
             linear_data());
        StreamEdits& edits = helper_.channel->edits(claim_.direction);
        edits.acknowledged(edits.place_of(edits.held()));
    }

    void forward() noexcept {
        if ((tcp_.flags & TcpHeader::syn) != 0) return forward_syn();
        if ((tcp_.flags & TcpHeader::ack) != 0) {
            helper_.window[side()] = tcp_.window;
            if (helper_.phase == FtpHelper::Phase::synced) join();
        }
        if (!helper_.channel) return pass();
        if ((tcp_.flags & TcpHeader::rst) != 0) return forward_reset();
        const SeqSegment segment{.seq = tcp_.sequence.value(),
                                 .size = data_size_,
                                 .fin = (tcp_.flags & TcpHeader::fin) != 0};
        const auto data = linear_data();
        take(segment, data);
        const auto out = helper_.channel->edits(claim_.direction).translate(segment);
        TcpHeaderBytes after = mapped_header(out);
        out.same_data ? write_numbers(after) : send_anew(out, data, after);
        if (out.size == 0 && segment.size > 0 && !out.probe) acknowledge(segment);
    }

  private:
    [[nodiscard]] std::size_t side() const noexcept {
        return static_cast<std::size_t>(claim_.direction);
    }
    void pass() noexcept { forward_nat<F>(worker_, packet_, meta_, claim_); }

    /// The numbers that streams begin with. Data on a SYN, which nobody could judge yet, stays
    /// behind: its sender has to send it again (RFC 7413 4.2).
    void forward_syn() noexcept {
        const std::uint32_t next = tcp_.sequence.value() + 1;
        const bool fresh = static_cast<TcpState>(claim_.conn->state) == TcpState::syn_recv;
        const bool answer = (tcp_.flags & TcpHeader::ack) != 0;
        if (claim_.direction == Direction::from_client && !answer) {
            if (helper_.phase == FtpHelper::Phase::begun ||
                (fresh && helper_.client_next != next)) {
                helper_.phase = FtpHelper::Phase::called;
                helper_.client_next = next;
                helper_.channel.reset();
            }
        } else if (claim_.direction == Direction::from_server && answer &&
                   helper_.phase != FtpHelper::Phase::begun && (fresh || !helper_.channel)) {
            helper_.phase = FtpHelper::Phase::running;
            helper_.window[side()] = tcp_.window;
            helper_.channel.emplace(claim_.conn->client, claim_.conn->real, helper_.client_next,
                                    next);
        }
        if (data_size_ == 0 && (tcp_.flags & TcpHeader::fin) == 0) return pass();
        send_anew({.seq = tcp_.sequence.value()}, {}, before_);
    }

    /// The first packet here of a session that another balancer began: its own number says where
    /// its stream stands, and its acknowledgement where the other one does.
    void join() noexcept {
        const auto other = static_cast<std::size_t>(opposite(claim_.direction));
        std::array<std::uint32_t, 2> next{};
        next[side()] = tcp_.sequence.value();
        next[other] = tcp_.acknowledgement.value() - helper_.differences[other];
        helper_.phase = FtpHelper::Phase::running;
        helper_.channel.emplace(claim_.conn->client, claim_.conn->real, next[0], next[1],
                                helper_.differences);
    }

    void forward_reset() noexcept {
        TcpHeaderBytes after = before_;
        TcpHeader tcp = tcp_;
        tcp.sequence =
            Be32(helper_.channel->edits(claim_.direction).place_of(tcp_.sequence.value()));
        map_acknowledgement(tcp);
        after.set_fixed(tcp);
        write_numbers(after);
    }

    /// The data in one piece.
    [[nodiscard]] std::span<const std::byte> linear_data() noexcept {
        if (data_size_ == 0) return {};
        const void* data =
            rte_pktmbuf_read(packet_, data_offset_, data_size_, worker_.apps.scratch.data());
        if (data == nullptr) return {};  // parse() has seen that it is there
        return {static_cast<const std::byte*>(data), data_size_};
    }

    void take(const SeqSegment& segment, std::span<const std::byte> data) noexcept {
        if (segment.size == 0 && !segment.fin) return;
        const FtpOptions& options = options_of(worker_);
        Announcements<F> announcements(worker_, *claim_.conn, helper_, options);
        ftp::FtpCounters counters{};
        helper_.channel->take(claim_.direction, segment, data, options.rules, announcements,
                              counters);
        worker_.apps.counters.add(counters);
    }

    void map_acknowledgement(TcpHeader& tcp) noexcept {
        if ((tcp.flags & TcpHeader::ack) == 0) return;
        StreamEdits& other = helper_.channel->edits(opposite(claim_.direction));
        const std::uint32_t said = tcp.acknowledgement.value();
        tcp.acknowledgement = Be32(other.original_ack(said));
        other.acknowledged(said);
    }

    /// The header for what goes out; blocks are mapped before the acknowledgement ends edits.
    [[nodiscard]] TcpHeaderBytes mapped_header(const StreamEdits::Output& out) noexcept {
        TcpHeaderBytes after = before_;
        if ((tcp_.flags & TcpHeader::ack) != 0)
            map_sack(after.options(), helper_.channel->edits(opposite(claim_.direction)));
        TcpHeader tcp = tcp_;
        tcp.sequence = Be32(out.seq);
        map_acknowledgement(tcp);
        if ((tcp.flags & urgent_flag) != 0) map_urgent(tcp);
        after.set_fixed(tcp);
        return after;
    }

    void map_urgent(TcpHeader& tcp) const noexcept {
        const std::uint32_t place = helper_.channel->edits(claim_.direction)
                                        .place_of(tcp_.sequence.value() + tcp_.urgent.value());
        const std::uint32_t distance = place - tcp.sequence.value();
        const bool fits = distance <= 0xFFFF;
        tcp.urgent = fits ? Be16(static_cast<std::uint16_t>(distance)) : Be16{};
        if (!fits) tcp.flags = static_cast<std::uint8_t>(tcp.flags & ~urgent_flag);
    }

    void write_numbers(const TcpHeaderBytes& after) noexcept {
        if (after.bytes == before_.bytes) return pass();
        if (!write_tcp_header(packet_, meta_, before_, after))
            return worker_.drop(packet_, DropReason::split_header);
        pass();
    }

    /// How much data a segment may have.
    [[nodiscard]] std::uint32_t most_data() noexcept {
        std::uint32_t fits = claim_.conn->fits[side()];
        if (fits == 0) {
            const WayAhead way = way_ahead<F>(worker_, *claim_.conn, claim_.direction);
            fits = way.kind == WayAhead::Kind::local ? 0xFFFFU : way.fits;
        }
        const std::uint32_t buffer = rte_pktmbuf_data_room_size(worker_.shared.pool) -
                                     std::uint32_t{RTE_PKTMBUF_HEADROOM} - meta_.l3_offset;
        const std::uint32_t headers = data_offset_ - meta_.l3_offset;
        const std::uint32_t most = std::min(fits, buffer);
        return most > headers ? most - headers : 0;
    }

    /// Segments with other data in place of the packet.
    void send_anew(const StreamEdits::Output& out, std::span<const std::byte> data,
                   const TcpHeaderBytes& header) noexcept {
        constexpr std::uint32_t most_segments = 64;
        const std::uint32_t most = most_data();
        const std::uint32_t count = out.size == 0 || most == 0 ? 1 : (out.size + most - 1) / most;
        if ((most == 0 && out.size != 0) || count > most_segments)
            return worker_.drop(packet_, DropReason::too_big);
        std::array<rte_mbuf*, most_segments> made;
        std::array<PacketMeta, most_segments> metas;
        SegmentData from(out, data);
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint32_t at = i * most;
            const std::uint32_t size = std::min(out.size - at, most);
            metas[i] = meta_;
            made[i] = make_segment<F>(worker_.shared.pool, packet_, metas[i],
                                      header_of(header, out, at, i + 1 == count), from,
                                      static_cast<std::uint16_t>(size));
            if (made[i] != nullptr) continue;
            rte_pktmbuf_free_bulk(made.data(), i);
            return worker_.drop(packet_, DropReason::no_buffer);
        }
        rte_pktmbuf_free(packet_);
        worker_.counters.split.add(count - 1);
        for (std::uint32_t i = 0; i < count; ++i)
            forward_nat<F>(worker_, made[i], metas[i], claim_);
    }

    [[nodiscard]] static TcpHeaderBytes header_of(const TcpHeaderBytes& all,
                                                  const StreamEdits::Output& out, std::uint32_t at,
                                                  bool last) noexcept {
        constexpr unsigned ends = TcpHeader::fin | TcpHeader::psh;
        TcpHeader tcp = all.fixed();
        tcp.sequence = Be32(out.seq + at);
        unsigned flags = tcp.flags & ~(last ? 0U : ends);
        if (!out.fin) flags &= ~unsigned{TcpHeader::fin};
        if (out.size == 0) flags &= ~unsigned{TcpHeader::psh};
        tcp.flags = static_cast<std::uint8_t>(flags);
        if (at > 0 && (flags & urgent_flag) != 0) {
            const bool ahead = tcp.urgent.value() > at;
            tcp.urgent = ahead ? Be16(static_cast<std::uint16_t>(tcp.urgent.value() - at)) : Be16{};
            if (!ahead) tcp.flags = static_cast<std::uint8_t>(flags & ~unsigned{urgent_flag});
        }
        TcpHeaderBytes header = all;
        header.set_fixed(tcp);
        return header;
    }

    /// Nothing of the segment went on. Where bytes before it are missing the receiver cannot know
    /// of them, and so repeats no acknowledgement; the sender waits for that to send them again
    /// (RFC 5681 3.2).
    void acknowledge(const SeqSegment& segment) noexcept {
        const StreamEdits& edits = helper_.channel->edits(claim_.direction);
        const std::uint32_t ack = edits.own_ack();
        const bool behind_gap = seq_before(edits.next(), segment.seq);
        const bool news = seq_before(segment.seq, ack);
        if ((!behind_gap && !news) || (tcp_.flags & TcpHeader::ack) == 0) return;
        const auto receiver = static_cast<std::size_t>(opposite(claim_.direction));
        send_own_ack<F>(worker_, claim_, before_,
                        {.acknowledgement = ack, .window = helper_.window[receiver]});
    }

    WorkerState& worker_;
    rte_mbuf* packet_;
    const PacketMeta& meta_;
    const Claimed<F>& claim_;
    FtpHelper& helper_;
    const TcpHeaderBytes before_;
    const TcpHeader tcp_;
    const std::uint32_t data_offset_;
    const std::uint32_t data_size_;
};

/// Names and modes that go beyond the first buffer are too long for any server.
template <class F>
void forward_tftp(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                  const Claimed<F>& claim) noexcept {
    if (claim.direction == Direction::from_client && meta.has_ports) {
        const auto datagram =
            PacketReader(first_bytes(packet))
                .sub(meta.l4_offset + sizeof(UdpHeader), meta.l4_length() - sizeof(UdpHeader));
        if (tftp::is_request(datagram.bytes())) expect_tftp_answer<F>(worker, *claim.conn);
    }
    forward_nat<F>(worker, packet, meta, claim);
}

}  // namespace

template <class F>
void forward_helped(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                    const Claimed<F>& claim) noexcept {
    if (claim.conn->protocol == Protocol::udp) return forward_tftp<F>(worker, packet, meta, claim);
    FtpHelper* helper = ftp_helper<F>(worker, *claim.conn);
    if (helper == nullptr) return forward_nat<F>(worker, packet, meta, claim);
    const auto header = read_tcp_header(packet, meta);
    if (!header) return worker.drop(packet, DropReason::l4_bad_header);
    if (!tcp_checksum_right<F>(packet, meta))
        return worker.drop(packet, DropReason::tcp_bad_checksum);
    HelpedSegment<F>(worker, packet, meta, claim, *helper, *header).forward();
}

template <class F>
void watch_helped(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                  const Claimed<F>& claim) noexcept {
    FtpHelper* helper = ftp_helper<F>(worker, *claim.conn);
    const auto header = read_tcp_header(packet, meta);
    if (helper == nullptr || !header || !tcp_checksum_right<F>(packet, meta)) return;
    HelpedSegment<F>(worker, packet, meta, claim, *helper, *header).watch();
}

template void watch_helped<Ipv4>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                 const Claimed<Ipv4>&) noexcept;
template void watch_helped<Ipv6>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                 const Claimed<Ipv6>&) noexcept;
template void forward_helped<Ipv4>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                   const Claimed<Ipv4>&) noexcept;
template void forward_helped<Ipv6>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                   const Claimed<Ipv6>&) noexcept;

}  // namespace shunt
