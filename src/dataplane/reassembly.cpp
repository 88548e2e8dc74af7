// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/reassembly.h"

#include <algorithm>
#include <span>

#include "dataplane/batch.h"
#include "net/checksum.h"

namespace shunt {

namespace {

template <class F>
constexpr bool is_v4 = std::is_same_v<F, Ipv4>;

/// The longest that a length field can say.
constexpr std::uint32_t longest = 0xFFFF;

/// The ECN bits of a type of service or traffic class, which are the lowest two (RFC 3168 5).
constexpr std::uint8_t not_capable = 0;
constexpr std::uint8_t experienced = 3;

/// What a datagram's header has to add to the first fragment's ECN bits, by the codepoints that its
/// fragments had; nothing when these contradict each other (RFC 3168 5.3).
std::optional<std::uint8_t> congestion_of(std::uint8_t seen) noexcept {
    constexpr std::uint8_t none_capable = 1 << not_capable;
    if ((seen & none_capable) != 0 && seen != none_capable) return std::nullopt;
    return (seen & (1 << experienced)) != 0 ? experienced : std::uint8_t{0};
}

/// Does the first fragment of an IPv6 datagram end within the upper layer's header? (RFC 8200 4.5)
/// TCP's is the only one of those that we know that is longer than the unit of fragments.
bool ends_within_header(const Ipv6Chain& chain, std::uint32_t end) noexcept {
    const std::uint32_t least = chain.upper == Protocol::tcp ? sizeof(TcpHeader) : 1;
    return end - chain.upper_offset < least;
}

/// A part of a chain of buffers, by itself.
struct Part {
    rte_mbuf* first;
    rte_mbuf* last;
    std::uint16_t buffers;
};

/// Leaves `length` bytes, one at least, from `from` on; frees the buffers that lie outside. The
/// chain's own length and count are not kept up.
Part cut_out(rte_mbuf* packet, std::uint32_t from, std::uint32_t length) noexcept {
    while (from >= packet->data_len) {
        from -= packet->data_len;
        rte_mbuf* next = packet->next;
        rte_pktmbuf_free_seg(packet);
        packet = next;
    }
    packet->data_off = static_cast<std::uint16_t>(packet->data_off + from);
    packet->data_len = static_cast<std::uint16_t>(packet->data_len - from);
    Part part{packet, packet, 1};
    for (; length > part.last->data_len; ++part.buffers) {
        length -= part.last->data_len;
        part.last = part.last->next;
    }
    part.last->data_len = static_cast<std::uint16_t>(length);
    rte_pktmbuf_free(std::exchange(part.last->next, nullptr));
    return part;
}

}  // namespace

template <class F>
Reassembler<F>::Reassembler(const ReassemblyLimits& limits, WorkerCounters& counters,
                            std::uint64_t seed)
    : limits_(limits),
      counters_(counters),
      datagrams_(limits.datagrams, seed),
      sources_(limits.datagrams, seed),
      pieces_(std::size_t{limits.buffers} + 1) {  // one completes a datagram when all are in use
    limits_.buffers_per_source = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(limits.buffers_per_source, limits.buffers));
}

template <class F>
std::optional<DropReason> Reassembler<F>::read(rte_mbuf* packet, const PacketMeta& meta,
                                               Fragment& out) noexcept {
    const PacketReader frame(first_bytes(packet));
    const auto header = frame.read<typename F::Header>(meta.l3_offset);
    if (!header) return DropReason::split_header;
    const std::uint32_t end = meta.l3_offset + std::uint32_t{meta.l3_length};
    out.packet = packet;
    out.key.source = header->source;
    out.key.destination = header->destination;
    out.at.l3 = meta.l3_offset;
    if constexpr (is_v4<F>) {
        const std::uint16_t word = header->fragment.value();
        out.key.id = Be32(header->id.value());
        out.key.protocol = header->protocol;
        out.at.data = meta.l4_offset;
        out.begin = (word & Ipv4Header::offset_mask) * 8U;
        out.more = (word & Ipv4Header::more_fragments) != 0;
        out.dont_fragment = (word & Ipv4Header::dont_fragment) != 0;
        out.congestion = header->tos & 3U;
    } else {
        const auto chain = ipv6_chain(frame, meta.l3_offset, end);
        if (!chain || chain->fragment_offset == 0) return DropReason::fragment_bad;
        const auto fragment = frame.read<Ipv6ExtensionHeader>(chain->fragment_offset);
        if (!fragment) return DropReason::split_header;
        const std::uint16_t word = fragment->fragment.value();
        out.key.id = fragment->id;
        out.at.data = static_cast<std::uint16_t>(chain->fragment_offset + sizeof(*fragment));
        out.at.naming = static_cast<std::uint16_t>(chain->naming_offset);
        out.begin = word & Ipv6ExtensionHeader::offset_mask;
        out.more = (word & Ipv6ExtensionHeader::more_fragments) != 0;
        out.congestion = (header->version_class_flow.value() >> 20) & 3U;
        if (chain->fragment == FragmentKind::first && ends_within_header(*chain, end))
            return DropReason::fragment_bad;
    }
    std::uint32_t data = end - out.at.data;
    const std::uint32_t odd = out.more ? data % 8 : 0;
    if (odd != 0 && !is_v4<F>) return DropReason::fragment_bad;
    data -= odd;
    out.length = static_cast<std::uint16_t>(meta.l3_length - odd);
    out.end = out.begin + data;
    return std::nullopt;
}

template <class F>
std::optional<typename Reassembler<F>::Whole> Reassembler<F>::add(rte_mbuf* packet,
                                                                  const PacketMeta& meta,
                                                                  TickTime now) noexcept {
    Fragment fragment;
    if (const auto refused = read(packet, meta, fragment)) {
        drop(packet, *refused);
        return std::nullopt;
    }
    if (fragment.begin == 0 && !fragment.more) {
        write_header(packet, fragment.at, fragment.end, fragment.dont_fragment, 0);
        return Whole{packet, fragment.length};
    }
    Datagram* datagram = find_recent(fragment.key);
    auto refused = refuse(fragment, datagram);
    Place place;
    if (!refused && datagram != nullptr) {
        place = place_of(fragment, *datagram);
        refused = place.refused;
    }
    if (!refused && is_too_large(fragment, datagram)) refused = DropReason::fragment_overflow;
    if (refused) {
        // What lies beyond the end of an IPv6 datagram is ignored; of IPv4 the datagram goes with
        // it.
        const bool beyond =
            !is_v4<F> && datagram != nullptr && datagram->has_end && fragment.end > datagram->end;
        const bool alone = beyond || refused == DropReason::fragment_duplicate;
        if (datagram != nullptr && !alone) discard(*datagram, *refused);
        drop(packet, *refused);
        return std::nullopt;
    }
    const bool whole = completes(fragment, datagram);
    if (!whole) make_room(fragment, datagram);
    if (datagram == nullptr) datagram = &begin(fragment.key, now);
    keep(fragment, *datagram, place.behind);
    return whole ? finish(*datagram) : std::nullopt;
}

/// The fragment's datagram, unless too many others of its source came in between.
template <class F>
typename Reassembler<F>::Datagram* Reassembler<F>::find_recent(const FragmentKey<F>& key) noexcept {
    Datagram* datagram = datagrams_.find(key);
    if (datagram == nullptr) return nullptr;
    const std::uint32_t seen = ++datagram->source->seen;
    const std::uint32_t between = seen - std::exchange(datagram->seen, seen) - 1;
    if (!is_v4<F> || between <= most_between) return datagram;
    discard(*datagram, DropReason::fragment_timeout);
    return nullptr;
}

/// Can the fragment not be one of the datagram, wherever its others are?
template <class F>
std::optional<DropReason> Reassembler<F>::refuse(const Fragment& fragment,
                                                 const Datagram* datagram) noexcept {
    constexpr std::uint32_t most_data = longest - (is_v4<F> ? sizeof(Ipv4Header) : 0);
    if (fragment.begin == fragment.end || fragment.end > most_data) return DropReason::fragment_bad;
    if (datagram == nullptr) return std::nullopt;
    const bool beyond = datagram->has_end && fragment.end > datagram->end;
    const bool before = !fragment.more && fragment.end < datagram->end;
    if (beyond || before) return DropReason::fragment_bad;
    return std::nullopt;
}

/// Would the datagram pass the limits by itself?
template <class F>
bool Reassembler<F>::is_too_large(const Fragment& fragment,
                                  const Datagram* datagram) const noexcept {
    std::uint32_t buffers = fragment.packet->nb_segs;
    if (datagram != nullptr) {
        if (datagram->fragments == most_fragments) return true;
        buffers += datagram->buffers;
    }
    return buffers > limits_.buffers_per_source;
}

template <class F>
typename Reassembler<F>::Place Reassembler<F>::place_of(const Fragment& fragment,
                                                        const Datagram& datagram) noexcept {
    if (datagram.last->end <= fragment.begin) return {std::nullopt, datagram.last};
    Piece* behind = nullptr;
    Piece* piece = datagram.first;
    while (piece->end <= fragment.begin) behind = std::exchange(piece, piece->next);
    if (piece->begin >= fragment.end) return {std::nullopt, behind};
    if (piece->begin > fragment.begin) return {DropReason::fragment_overlap};
    while (piece->end < fragment.end) {
        if (piece->next == nullptr || piece->next->begin != piece->end)
            return {DropReason::fragment_overlap};
        piece = piece->next;
    }
    return {DropReason::fragment_duplicate};
}

template <class F>
bool Reassembler<F>::completes(const Fragment& fragment, const Datagram* datagram) noexcept {
    if (datagram == nullptr || (fragment.more && !datagram->has_end)) return false;
    const std::uint32_t end = std::max(datagram->end, fragment.end);
    return datagram->bytes + (fragment.end - fragment.begin) == end;
}

/// Discards what is oldest until the fragment can be kept. Its own datagram stays.
template <class F>
void Reassembler<F>::make_room(const Fragment& fragment, const Datagram* datagram) noexcept {
    const std::uint32_t buffers = fragment.packet->nb_segs;
    const auto discard_oldest = [&](const auto& list) noexcept {
        Datagram* oldest = list.front();
        if (oldest == datagram) oldest = list.after(*oldest);
        discard(*oldest, DropReason::fragment_overflow);
    };
    const auto source_is_full = [&](const Source* source) noexcept {
        return source != nullptr && source->buffers + buffers > limits_.buffers_per_source;
    };
    for (Source* source = sources_.find(fragment.key.source); source_is_full(source);
         source = sources_.find(fragment.key.source))
        discard_oldest(source->datagrams);
    while (buffers_ + buffers > limits_.buffers || (datagram == nullptr && datagrams_.full()))
        discard_oldest(by_age_);
}

template <class F>
typename Reassembler<F>::Datagram& Reassembler<F>::begin(const FragmentKey<F>& key,
                                                         TickTime now) noexcept {
    Datagram& datagram = datagrams_.insert(key);
    Source* source = sources_.find(key.source);
    if (source == nullptr) source = &sources_.insert(key.source);
    datagram.source = source;
    datagram.begun = now;
    datagram.seen = ++source->seen;
    source->datagrams.append(datagram);
    by_age_.append(datagram);
    return datagram;
}

template <class F>
typename Reassembler<F>::Piece& Reassembler<F>::take_piece() noexcept {
    if (free_pieces_ != nullptr) return *std::exchange(free_pieces_, free_pieces_->next);
    assert(pieces_used_ < pieces_.size());
    return pieces_[pieces_used_++];
}

template <class F>
void Reassembler<F>::keep(const Fragment& fragment, Datagram& datagram, Piece* behind) noexcept {
    Piece& piece = take_piece();
    Piece*& link = behind != nullptr ? behind->next : datagram.first;
    piece = {.packet = fragment.packet,
             .next = std::exchange(link, &piece),
             .at = fragment.at,
             .begin = static_cast<std::uint16_t>(fragment.begin),
             .end = static_cast<std::uint16_t>(fragment.end)};
    if (piece.next == nullptr) datagram.last = &piece;

    const std::uint16_t buffers = fragment.packet->nb_segs;
    datagram.buffers += buffers;
    datagram.source->buffers += buffers;
    buffers_ += buffers;
    datagram.bytes += fragment.end - fragment.begin;
    datagram.end = std::max(datagram.end, fragment.end);
    datagram.has_end |= !fragment.more;
    datagram.congestion = static_cast<std::uint8_t>(datagram.congestion | 1 << fragment.congestion);
    ++datagram.fragments;
    datagram.largest = std::max(datagram.largest, fragment.length);
    if (fragment.dont_fragment)
        datagram.largest_dont_fragment = std::max(datagram.largest_dont_fragment, fragment.length);
    counters_.held.add();
}

template <class F>
std::optional<typename Reassembler<F>::Whole> Reassembler<F>::finish(Datagram& datagram) noexcept {
    const HeaderPlaces at = datagram.first->at;
    const auto congestion = congestion_of(datagram.congestion);
    if (!congestion || at.counted() + datagram.end > longest) {
        discard(datagram, DropReason::fragment_bad);
        return std::nullopt;
    }
    const Whole whole{chain(datagram), datagram.largest};
    write_header(whole.packet, at, datagram.end, datagram.largest_dont_fragment == datagram.largest,
                 *congestion);
    counters_.resumed.add(datagram.fragments);
    counters_.joined.add(datagram.fragments - 1U);
    forget(datagram);
    return whole;
}

/// The first fragment's packet with the data of all others behind its own.
template <class F>
rte_mbuf* Reassembler<F>::chain(const Datagram& datagram) noexcept {
    const Piece* piece = datagram.first;
    const std::uint16_t header = piece->at.data;
    const Part first = cut_out(piece->packet, 0, std::uint32_t{header} + piece->end);
    rte_mbuf* last = first.last;
    std::uint32_t buffers = first.buffers;
    while ((piece = piece->next) != nullptr) {
        const Part part = cut_out(piece->packet, piece->at.data, piece->end - piece->begin);
        last->next = part.first;
        last = part.last;
        buffers += part.buffers;
    }
    first.first->nb_segs = static_cast<std::uint16_t>(buffers);
    first.first->pkt_len = header + datagram.end;
    return first.first;
}

/// Makes the headers of the first fragment those of the datagram.
template <class F>
void Reassembler<F>::write_header(rte_mbuf* packet, const HeaderPlaces& at,
                                  std::uint32_t data_length, bool dont_fragment,
                                  std::uint8_t congestion) noexcept {
    using Header = typename F::Header;
    const PacketWriter frame(first_bytes(packet));
    const auto header = frame.fixed<sizeof(Header)>(at.l3);
    if (!header) return;  // read() has read it
    const Be16 length(static_cast<std::uint16_t>(at.counted() + data_length));
    if constexpr (is_v4<F>) {
        const auto tos = load<std::uint8_t, offsetof(Header, tos)>(*header);
        store<offsetof(Header, tos)>(*header, static_cast<std::uint8_t>(tos | congestion));
        store<offsetof(Header, total_length)>(*header, length);
        store<offsetof(Header, fragment)>(*header, Be16(dont_fragment ? Header::dont_fragment : 0));
        store<offsetof(Header, checksum)>(*header, std::uint16_t{0});
        const auto whole = frame.reader().sub(at.l3, at.counted());
        store<offsetof(Header, checksum)>(*header, checksum(whole.bytes()));
    } else {
        constexpr std::uint16_t removed = sizeof(Ipv6ExtensionHeader);
        const std::uint32_t word = load<Be32>(*header).value();
        store(*header, Be32(word | std::uint32_t{congestion} << 20));
        store<offsetof(Header, payload_length)>(*header, length);
        const auto next = frame.reader().read<std::uint8_t>(at.data - removed);
        if (!next || !frame.write(at.naming, *next)) return;  // the same
        const auto before = frame.bytes().first(at.data - removed);
        std::ranges::copy_backward(before, frame.bytes().first(at.data).end());
        rte_pktmbuf_adj(packet, removed);
    }
}

template <class F>
void Reassembler<F>::discard(Datagram& datagram, DropReason reason) noexcept {
    counters_.resumed.add(datagram.fragments);
    for (const Piece* piece = datagram.first; piece != nullptr; piece = piece->next)
        drop(piece->packet, reason);
    forget(datagram);
}

/// The packets are gone already.
template <class F>
void Reassembler<F>::forget(Datagram& datagram) noexcept {
    Source& source = *datagram.source;
    datagram.last->next = std::exchange(free_pieces_, datagram.first);
    source.buffers -= datagram.buffers;
    buffers_ -= datagram.buffers;
    by_age_.remove(datagram);
    source.datagrams.remove(datagram);
    datagrams_.erase(datagram);
    if (source.datagrams.front() == nullptr) sources_.erase(source);
}

template <class F>
void Reassembler<F>::drop(rte_mbuf* packet, DropReason reason) noexcept {
    counters_.drop(reason, packet);
    rte_pktmbuf_free(packet);
}

template class Reassembler<Ipv4>;
template class Reassembler<Ipv6>;

}  // namespace shunt
