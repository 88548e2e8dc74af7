// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/tcp_segment.h"

#include <algorithm>
#include <cassert>

#include "dataplane/batch.h"
#include "dataplane/checksums.h"
#include "dataplane/watch_mark.h"
#include "net/tcp_options.h"

namespace shunt {

namespace {

// RFC 9293 3.2, RFC 2018 3, RFC 7323 3.2.
constexpr std::uint8_t no_operation = 1;
constexpr std::uint8_t selective_acknowledgement = 5;
constexpr std::uint8_t timestamps = 8;

/// The first option of this kind.
std::optional<TcpOption> find_option(PacketReader options, std::uint8_t kind) noexcept {
    auto option = next_tcp_option(options, 0);
    while (option && option->kind != kind)
        option = next_tcp_option(options, option->at + option->length);
    return option;
}

Be32 read_be32(std::span<const std::byte> bytes, std::size_t at) noexcept {
    return PacketReader(bytes).read<Be32>(at).value_or(Be32{});
}

/// Of the pseudo header's length: IPv6 extension headers are no part of it.
template <class F>
std::uint16_t tcp_sum(const rte_mbuf* packet, const PacketMeta& meta) noexcept {
    return fold(pseudo_header_sum<F>(meta.tuple<F>(), meta.l4_length()) +
                payload_sum(packet, meta.l4_offset, meta.l4_length()));
}

template <class F>
void write_network_lengths(std::span<std::byte> bytes, const PacketMeta& meta) noexcept {
    using Header = typename F::Header;
    const auto l3 = PacketWriter(bytes).fixed<sizeof(Header)>(meta.l3_offset);
    if (!l3) return;  // it was copied there
    if constexpr (std::is_same_v<F, Ipv4>) {
        store<offsetof(Header, total_length)>(*l3, Be16(meta.l3_length));
        store<offsetof(Header, checksum)>(*l3, std::uint16_t{0});
        const auto sum = checksum(bytes.subspan(meta.l3_offset, meta.l4_offset - meta.l3_offset));
        store<offsetof(Header, checksum)>(*l3, sum);
    } else {
        const auto length = static_cast<std::uint16_t>(meta.l3_length - sizeof(Header));
        store<offsetof(Header, payload_length)>(*l3, Be16(length));
    }
}

}  // namespace

TcpHeader TcpHeaderBytes::fixed() const noexcept {
    return PacketReader(bytes).read<TcpHeader>(0).value_or(TcpHeader{});
}

void TcpHeaderBytes::set_fixed(const TcpHeader& header) noexcept {
    static_cast<void>(PacketWriter(bytes).write(0, header));  // it is always large enough
}

std::optional<TcpHeaderBytes> read_tcp_header(const rte_mbuf* packet,
                                              const PacketMeta& meta) noexcept {
    const auto fixed = PacketReader(bytes_of(packet)).read<TcpHeader>(meta.l4_offset);
    if (!fixed) return std::nullopt;
    const auto size = static_cast<std::uint8_t>((fixed->data_offset >> 4) * 4);
    if (size < sizeof(TcpHeader) || size > meta.l4_length()) return std::nullopt;
    TcpHeaderBytes header;
    header.size = size;
    const void* from = rte_pktmbuf_read(packet, meta.l4_offset, size, header.bytes.data());
    if (from == nullptr) return std::nullopt;
    if (from != header.bytes.data()) std::memcpy(header.bytes.data(), from, size);
    return header;
}

bool write_tcp_header(rte_mbuf* packet, const PacketMeta& meta, const TcpHeaderBytes& before,
                      const TcpHeaderBytes& after) noexcept {
    assert(before.size == after.size);
    const auto bytes = first_bytes(packet);
    if (bytes.size() < std::size_t{meta.l4_offset} + before.size) return false;
    TcpHeader header = after.fixed();
    header.checksum = before.fixed().checksum;
    TcpHeaderBytes last = after;
    last.set_fixed(header);
    const std::uint32_t was = fold(checksum_add(0, before.view()));
    const std::uint32_t is = fold(checksum_add(0, last.view()));
    header.checksum = static_cast<std::uint16_t>(
        ~fold(static_cast<std::uint16_t>(~header.checksum) + (was ^ 0xFFFF) + is));
    last.set_fixed(header);
    std::copy_n(last.bytes.begin(), last.size, bytes.begin() + meta.l4_offset);
    return true;
}

template <class F>
bool tcp_checksum_right(const rte_mbuf* packet, const PacketMeta& meta) noexcept {
    return tcp_sum<F>(packet, meta) == 0xFFFF;
}

void map_sack(std::span<std::byte> options, const StreamEdits& stream) noexcept {
    constexpr std::size_t block_size = 8;
    const auto place = find_option(PacketReader(options), selective_acknowledgement);
    if (!place) return;
    const PacketWriter out(options.subspan(place->at, place->length));
    std::size_t end = 2;
    for (std::size_t at = 2; at + block_size <= place->length; at += block_size) {
        const auto block = stream.original_block(
            {read_be32(out.bytes(), at).value(), read_be32(out.bytes(), at + 4).value()});
        if (!block) continue;
        static_cast<void>(out.write(end, Be32(block->left)));  // not behind what was read
        static_cast<void>(out.write(end + 4, Be32(block->right)));
        end += block_size;
    }
    if (end == place->length) return;
    if (end == 2) end = 0;
    if (end != 0) static_cast<void>(out.write(1, static_cast<std::uint8_t>(end)));
    std::ranges::fill(out.bytes().subspan(end), std::byte{no_operation});
}

std::optional<TcpTimestamps> tcp_timestamps(std::span<const std::byte> options) noexcept {
    const auto place = find_option(PacketReader(options), timestamps);
    if (!place || place->length != 10) return std::nullopt;
    return TcpTimestamps{read_be32(options, place->at + 2), read_be32(options, place->at + 6)};
}

void SegmentData::copy_next(std::span<std::byte> to) noexcept {
    while (!to.empty()) {
        const StreamEdits::Piece& piece = output_.data()[piece_];
        const auto whole = piece.text != nullptr
                               ? std::as_bytes(std::span(piece.text, piece.size))
                               : std::span<const std::byte>(own_.subspan(piece.offset, piece.size));
        const std::size_t count = std::min<std::size_t>(whole.size() - offset_, to.size());
        std::copy_n(whole.begin() + offset_, count, to.begin());
        to = to.subspan(count);
        offset_ += static_cast<std::uint32_t>(count);
        if (offset_ < whole.size()) continue;
        ++piece_;
        offset_ = 0;
    }
}

template <class F>
rte_mbuf* make_segment(rte_mempool* pool, const rte_mbuf* original, PacketMeta& meta,
                       const TcpHeaderBytes& header, SegmentData& data,
                       std::uint16_t size) noexcept {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool);
    if (packet == nullptr) return nullptr;
    const auto length = static_cast<std::uint16_t>(meta.l4_offset + header.size + size);
    auto* start = reinterpret_cast<std::byte*>(rte_pktmbuf_append(packet, length));
    const void* before =
        start == nullptr ? nullptr : rte_pktmbuf_read(original, 0, meta.l4_offset, start);
    if (before == nullptr) {
        rte_pktmbuf_free(packet);
        return nullptr;
    }
    if (before != start) std::memcpy(start, before, meta.l4_offset);
    copy_watch_mark(packet, original);
    const std::span bytes(start, length);
    meta.l3_length = static_cast<std::uint16_t>(length - meta.l3_offset);
    if (meta.fragment == FragmentKind::joined) meta.fragment = FragmentKind::none;
    TcpHeader fixed = header.fixed();
    fixed.checksum = 0;
    std::copy_n(header.bytes.begin(), header.size, bytes.begin() + meta.l4_offset);
    const PacketWriter out(bytes);
    static_cast<void>(out.write(meta.l4_offset, fixed));  // there is room for all of it
    data.copy_next(bytes.subspan(std::size_t{meta.l4_offset} + header.size));
    fixed.checksum = static_cast<std::uint16_t>(~tcp_sum<F>(packet, meta));
    static_cast<void>(out.write(meta.l4_offset, fixed));
    write_network_lengths<F>(bytes, meta);
    return packet;
}

#define SHUNT_X(F)                                                                    \
    template bool tcp_checksum_right<F>(const rte_mbuf*, const PacketMeta&) noexcept; \
    template rte_mbuf* make_segment<F>(rte_mempool*, const rte_mbuf*, PacketMeta&,    \
                                       const TcpHeaderBytes&, SegmentData&,           \
                                       std::uint16_t) noexcept;
SHUNT_X(Ipv4)
SHUNT_X(Ipv6)
#undef SHUNT_X

}  // namespace shunt
