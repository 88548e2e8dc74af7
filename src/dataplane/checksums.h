// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Transport checksums over whole packets, chained buffers included: for the cases in which the
// incremental update of net/checksum.h does not do.
#include <rte_mbuf.h>

#include <array>

#include "dataplane/batch.h"
#include "net/checksum.h"
#include "net/parse.h"

namespace shunt {

/// The one's complement sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1), folded.
template <class F>
std::uint32_t pseudo_header_sum(const FlowTuple<F>& tuple, std::uint32_t l4_length) noexcept {
    return fold_wide(wide_sum(tuple.source) + wide_sum(tuple.destination) + Be32(l4_length).raw() +
                     Be32(static_cast<std::uint32_t>(tuple.protocol)).raw());
}

/// The sum of the transport header and payload as they stand in the packet.
std::uint32_t payload_sum(const rte_mbuf* packet, std::uint32_t offset,
                          std::uint32_t length) noexcept;

/// The checksum field of an SCTP packet as it stands: a CRC over all of it.
std::array<std::uint8_t, 4> sctp_checksum(const rte_mbuf* packet, const PacketMeta& meta) noexcept;

/// Is the sum over the transport packet with this pseudo header wrong? Reads all of it.
bool is_unfinished(const rte_mbuf* packet, const PacketMeta& meta, std::uint32_t pseudo) noexcept;

/// Did the sender leave the transport checksum, of TCP or UDP, to hardware that was never there?
/// Then the field holds the sum of the pseudo header alone. So it is with programs of the same
/// machine on veth.
template <class F>
bool has_partial_checksum(const rte_mbuf* packet, const PacketMeta& meta) noexcept {
    const auto& tuple = meta.tuple<F>();
    const std::size_t field =
        meta.l4_offset + (tuple.protocol == Protocol::tcp ? offsetof(TcpHeader, checksum)
                                                          : offsetof(UdpHeader, checksum));
    const auto stored = PacketReader(bytes_of(packet)).read<std::uint16_t>(field);
    const std::uint32_t pseudo = pseudo_header_sum<F>(tuple, meta.l4_length());
    // One right checksum in 65,536 looks the same.
    return stored == pseudo && is_unfinished(packet, meta, pseudo);
}

}  // namespace shunt
