// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/fragment.h"

#include <algorithm>
#include <span>
#include <utility>

#include "dataplane/batch.h"
#include "dataplane/watch_mark.h"
#include "net/checksum.h"
#include "net/view.h"

namespace shunt {

namespace {

template <class F>
constexpr bool is_v4 = std::is_same_v<F, Ipv4>;

// IPv6 extension headers (IANA protocol numbers), and how many of them are walked over.
constexpr std::uint8_t hop_by_hop = 0;
constexpr std::uint8_t routing = 43;
constexpr std::uint8_t fragment_header = 44;
constexpr std::uint8_t destination_options = 60;
constexpr int most_extensions = 8;

/// What is put between the headers and the data of a piece.
template <class F>
constexpr std::uint32_t inserted = is_v4<F> ? 0 : sizeof(Ipv6ExtensionHeader);

/// IPv4 options of later pieces: those without the copied flag become no-operations (RFC 791 3.1).
void blank_options(std::span<std::byte> options) noexcept {
    constexpr std::byte end_of_list{0};
    constexpr std::byte no_operation{1};
    constexpr std::byte copied{0x80};
    while (!options.empty() && options[0] != end_of_list) {
        std::size_t length = 1;
        if (options[0] != no_operation) {
            if (options.size() < 2) return;
            length = std::to_integer<std::size_t>(options[1]);
            if (length < 2 || length > options.size()) return;
            if ((options[0] & copied) == std::byte{0})
                std::ranges::fill(options.first(length), no_operation);
        }
        options = options.subspan(length);
    }
}

/// The headers that every piece of an IPv6 packet begins with (RFC 8200 4.5), and where they name
/// what follows them.
struct Unfragmentable {
    std::uint32_t length = sizeof(Ipv6Header);
    std::uint32_t naming = offsetof(Ipv6Header, next_header);
};

/// `end`: of the packet.
Unfragmentable unfragmentable_part(PacketReader packet, std::uint32_t end) noexcept {
    Unfragmentable part;
    std::uint32_t at = part.length;
    auto next = packet.read<std::uint8_t>(part.naming);
    for (int count = 0; count < most_extensions; ++count) {
        if (next != hop_by_hop && next != routing && next != destination_options) break;
        const auto header = packet.read<Ipv6ExtensionHeader>(at);
        if (!header) break;
        const std::uint32_t behind = at + (header->length + 1U) * 8U;
        if (behind > end) break;
        if (next != destination_options)
            part = {behind,
                    at + static_cast<std::uint32_t>(offsetof(Ipv6ExtensionHeader, next_header))};
        at = behind;
        next = header->next_header;
    }
    return part;
}

}  // namespace

template <class F>
Cutter<F>::Cutter(const rte_mbuf* packet, std::uint16_t mtu, rte_mempool* pool,
                  std::uint32_t ipv6_id, Pieces pieces) noexcept
    : packet_(packet),
      pool_(pool),
      from_(packet),
      mtu_(mtu),
      ipv6_id_(ipv6_id),
      room_(rte_pktmbuf_data_room_size(pool) - std::uint32_t{RTE_PKTMBUF_HEADROOM}) {
    const PacketReader bytes(bytes_of(packet));
    const auto header = bytes.read<typename F::Header>(0);
    if (!header) return;
    std::uint32_t end = 0;
    if constexpr (is_v4<F>) {
        const std::uint16_t word = header->fragment.value();
        end = header->total_length.value();
        header_ = (header->version_length & 0xFU) * 4U;
        offset_ = (word & Ipv4Header::offset_mask) * 8U;
        begins_datagram_ = offset_ == 0;
        more_ = (word & Ipv4Header::more_fragments) != 0;
    } else {
        end = static_cast<std::uint32_t>(sizeof(Ipv6Header)) + header->payload_length.value();
        const auto part = unfragmentable_part(bytes, end);
        header_ = part.length;
        naming_ = part.naming;
    }
    from_at_ = header_;
    left_ = end - header_;
    a_buffer_each_ = pieces == Pieces::as_they_came && buffers_are_pieces();
}

template <class F>
bool Cutter<F>::buffers_are_pieces() const noexcept {
    if (packet_->next == nullptr) return false;
    std::uint32_t at = header_;
    for (const rte_mbuf* buffer = packet_; buffer != nullptr; buffer = buffer->next) {
        if (buffer->data_len <= at) return false;
        const std::uint32_t length = buffer->data_len - at;
        const bool whole_units = buffer->next == nullptr || length % 8 == 0;
        if (!whole_units || header_ + inserted<F> + length > mtu_) return false;
        at = 0;
    }
    return true;
}

template <class F>
Cutter<F>::~Cutter() {
    rte_pktmbuf_free(spare_);
}

/// Data of a piece when so much is left: all, or as many units of eight bytes as there is room for.
template <class F>
std::uint32_t Cutter<F>::piece_length(std::uint32_t left) const noexcept {
    const std::uint32_t most = mtu_ - header_ - inserted<F>;
    return left <= most ? left : most & ~7U;
}

template <class F>
std::uint32_t Cutter<F>::buffers_needed() const noexcept {
    const std::uint32_t headers = header_ + inserted<F>;
    const auto of_piece = [&](std::uint32_t length) {
        return (headers + length + room_ - 1) / room_;
    };
    std::uint32_t buffers = 0;
    if (a_buffer_each_)
        for (const rte_mbuf* piece = packet_; piece != nullptr; piece = piece->next)
            buffers += of_piece(piece->data_len);
    else
        for (std::uint32_t left = left_; left > 0; left -= piece_length(left))
            buffers += of_piece(piece_length(left));
    return buffers;
}

template <class F>
bool Cutter<F>::reserve() noexcept {
    constexpr std::uint32_t least_data = 8;
    const std::uint32_t headers = header_ + inserted<F>;
    if (header_ > packet_->data_len || headers > room_ || headers + least_data > mtu_) return false;
    for (std::uint32_t buffers = buffers_needed(); buffers > 0; --buffers) {
        rte_mbuf* buffer = rte_pktmbuf_alloc(pool_);
        if (buffer == nullptr) return false;
        buffer->next = std::exchange(spare_, buffer);
    }
    return true;
}

template <class F>
rte_mbuf* Cutter<F>::take_buffer() noexcept {
    rte_mbuf* buffer = std::exchange(spare_, spare_->next);
    buffer->next = nullptr;
    return buffer;
}

template <class F>
rte_mbuf* Cutter<F>::next() noexcept {
    if (left_ == 0) return nullptr;
    skip_read_buffers();
    const std::uint32_t length =
        a_buffer_each_ ? std::uint32_t{from_->data_len} - from_at_ : piece_length(left_);
    rte_mbuf* piece = take_buffer();
    piece->port = packet_->port;
    copy_watch_mark(piece, packet_);
    piece->data_len = static_cast<std::uint16_t>(header_ + inserted<F>);
    piece->pkt_len = piece->data_len + length;
    left_ -= length;
    write_header(piece, length);
    fill(piece, length);
    offset_ += length;
    return piece;
}

template <class F>
void Cutter<F>::skip_read_buffers() noexcept {
    while (from_at_ >= from_->data_len) {
        from_at_ -= from_->data_len;
        from_ = from_->next;
    }
}

/// Copies the data that is next behind the headers of a piece.
template <class F>
void Cutter<F>::fill(rte_mbuf* piece, std::uint32_t length) noexcept {
    rte_mbuf* to = piece;
    while (length > 0) {
        skip_read_buffers();
        if (to->data_len == room_) {
            to = to->next = take_buffer();
            ++piece->nb_segs;
        }
        const std::uint16_t old = to->data_len;
        const std::uint32_t count =
            std::min({length, room_ - old, std::uint32_t{from_->data_len} - from_at_});
        to->data_len = static_cast<std::uint16_t>(old + count);
        std::ranges::copy(bytes_of(from_).subspan(from_at_, count),
                          first_bytes(to).subspan(old).begin());
        from_at_ += count;
        length -= count;
    }
}

/// The headers of a piece with `length` bytes of data; what is left afterwards is in left_.
template <class F>
void Cutter<F>::write_header(rte_mbuf* piece, std::uint32_t length) const noexcept {
    using Header = typename F::Header;
    const PacketWriter out(first_bytes(piece));
    std::ranges::copy(bytes_of(packet_).first(header_), out.bytes().begin());
    const auto header = out.template fixed<sizeof(Header)>(0);
    if (!header) return;  // the constructor has read it
    const bool more = left_ > 0 || more_;
    if constexpr (is_v4<F>) {
        const std::uint16_t kept =
            load<Be16, offsetof(Header, fragment)>(*header).value() & Header::dont_fragment;
        const std::uint32_t word = kept | offset_ / 8 | (more ? Header::more_fragments : 0U);
        store<offsetof(Header, fragment)>(*header, Be16(static_cast<std::uint16_t>(word)));
        store<offsetof(Header, total_length)>(*header,
                                              Be16(static_cast<std::uint16_t>(header_ + length)));
        if (begins_datagram_ && offset_ > 0) blank_options(out.bytes().subspan(sizeof(Header)));
        store<offsetof(Header, checksum)>(*header, std::uint16_t{0});
        store<offsetof(Header, checksum)>(*header, checksum(out.bytes()));
    } else {
        const auto payload = header_ + inserted<F> + length - sizeof(Header);
        store<offsetof(Header, payload_length)>(*header, Be16(static_cast<std::uint16_t>(payload)));
        const auto naming = out.template fixed<1>(naming_);
        const auto fragment = out.template fixed<sizeof(Ipv6ExtensionHeader)>(header_);
        if (!naming || !fragment) return;  // they stand within what every piece repeats
        store(*fragment,
              Ipv6ExtensionHeader{.next_header = load<std::uint8_t>(*naming),
                                  .length = 0,
                                  .fragment = Be16(static_cast<std::uint16_t>(
                                      offset_ | (more ? Ipv6ExtensionHeader::more_fragments : 0U))),
                                  .id = Be32(ipv6_id_)});
        store(*naming, fragment_header);
    }
}

template class Cutter<Ipv4>;
template class Cutter<Ipv6>;

}  // namespace shunt
