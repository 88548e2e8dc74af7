// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/checksums.h"

#include <algorithm>

#include "net/crc32c.h"

namespace shunt {

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

bool is_unfinished(const rte_mbuf* packet, const PacketMeta& meta, std::uint32_t pseudo) noexcept {
    return fold(pseudo + payload_sum(packet, meta.l4_offset, meta.l4_length())) != 0xFFFF;
}

}  // namespace shunt
