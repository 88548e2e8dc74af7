// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/checksums.h"

#include <algorithm>

#include "dataplane/batch.h"
#include "net/crc32c.h"

namespace shunt {

template <class F>
std::uint32_t pseudo_header_sum(const FlowTuple<F>& tuple, std::uint32_t l4_length) noexcept {
    struct {
        typename F::Address source;
        typename F::Address destination;
        Be32 length;
        Be32 protocol;
    } const header{tuple.source, tuple.destination, Be32(l4_length),
                   Be32(static_cast<std::uint32_t>(tuple.protocol))};
    return checksum_of(header);
}

// Not by rte_raw_cksum_mbuf(): in DPDK 22.11 that loses carries when a buffer begins at an odd
// byte.
std::uint32_t payload_sum(const rte_mbuf* packet, std::uint32_t offset,
                          std::uint32_t length) noexcept {
    std::uint32_t sum = 0;
    bool odd = false;  // the next byte belongs into the lower half of a 16-bit word
    for (; packet != nullptr && length > 0; packet = packet->next) {
        const std::uint32_t skipped = std::min<std::uint32_t>(offset, packet->data_len);
        const std::uint32_t taken = std::min<std::uint32_t>(length, packet->data_len - skipped);
        const std::uint16_t part = fold(checksum_add(0, bytes_of(packet).subspan(skipped, taken)));
        sum += odd ? byteswap(part) : part;
        odd = odd != ((taken & 1) != 0);
        offset -= skipped;
        length -= taken;
    }
    return fold(sum);
}

std::array<std::uint8_t, 4> sctp_checksum(const rte_mbuf* packet, const PacketMeta& meta) noexcept {
    const auto header = PacketReader(bytes_of(packet)).read<SctpHeader>(meta.l4_offset);
    SctpChecksum sum(header.value_or(SctpHeader{}));
    std::uint32_t offset = meta.l4_offset + static_cast<std::uint32_t>(sizeof(SctpHeader));
    std::uint32_t length = meta.l4_length() - static_cast<std::uint32_t>(sizeof(SctpHeader));
    for (; packet != nullptr && length > 0; packet = packet->next) {
        const std::uint32_t skipped = std::min<std::uint32_t>(offset, packet->data_len);
        const std::uint32_t taken = std::min<std::uint32_t>(length, packet->data_len - skipped);
        sum.add(bytes_of(packet).subspan(skipped, taken));
        offset -= skipped;
        length -= taken;
    }
    return sum.field();
}

template <class F>
bool has_partial_checksum(const rte_mbuf* packet, const PacketMeta& meta) noexcept {
    const auto& tuple = meta.tuple<F>();
    const std::size_t field =
        meta.l4_offset + (tuple.protocol == Protocol::tcp ? offsetof(TcpHeader, checksum)
                                                          : offsetof(UdpHeader, checksum));
    const auto stored = PacketReader(bytes_of(packet)).read<std::uint16_t>(field);
    const std::uint32_t l4_length = meta.l4_length();
    const std::uint32_t pseudo = pseudo_header_sum<F>(tuple, l4_length);
    if (!stored || *stored != pseudo) [[likely]]
        return false;
    // One right checksum in 65,536 looks the same.
    return fold(pseudo + payload_sum(packet, meta.l4_offset, l4_length)) != 0xFFFF;
}

template std::uint32_t pseudo_header_sum<Ipv4>(const FlowTuple<Ipv4>&, std::uint32_t) noexcept;
template std::uint32_t pseudo_header_sum<Ipv6>(const FlowTuple<Ipv6>&, std::uint32_t) noexcept;
template bool has_partial_checksum<Ipv4>(const rte_mbuf*, const PacketMeta&) noexcept;
template bool has_partial_checksum<Ipv6>(const rte_mbuf*, const PacketMeta&) noexcept;

}  // namespace shunt
