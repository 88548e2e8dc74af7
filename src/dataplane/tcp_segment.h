// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The TCP header of a packet, read, changed and written back, and packets that carry other data
// than the one that they are made from (RFC 9293 3.1; RFC 2018; RFC 7323).
#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "app/stream_edits.h"
#include "net/parse.h"

namespace shunt {

/// A TCP header with its options: a copy.
struct TcpHeaderBytes {
    std::array<std::byte, 60> bytes{};
    std::uint8_t size = 0;

    [[nodiscard]] TcpHeader fixed() const noexcept;
    void set_fixed(const TcpHeader& header) noexcept;
    [[nodiscard]] std::span<std::byte> options() noexcept {
        return std::span(bytes).subspan(sizeof(TcpHeader), size - sizeof(TcpHeader));
    }
    [[nodiscard]] std::span<const std::byte> view() const noexcept {
        return std::span(bytes).first(size);
    }
};

/// The header of a TCP packet; nothing when its length cannot be.
[[nodiscard]] std::optional<TcpHeaderBytes> read_tcp_header(const rte_mbuf* packet,
                                                            const PacketMeta& meta) noexcept;

/// Writes `after` over `before`, of the same size, with the checksum brought up to date. Of `after`
/// the checksum field means nothing. False: the header lies across buffers, nothing is changed.
[[nodiscard]] bool write_tcp_header(rte_mbuf* packet, const PacketMeta& meta,
                                    const TcpHeaderBytes& before,
                                    const TcpHeaderBytes& after) noexcept;

/// Is the checksum of a TCP packet right?
template <class F>
[[nodiscard]] bool tcp_checksum_right(const rte_mbuf* packet, const PacketMeta& meta) noexcept;

/// Maps the blocks of a selective acknowledgement of the stream to what its sender knows; those
/// that hold nothing of it go, and no-operations stand in their place.
void map_sack(std::span<std::byte> options, const StreamEdits& stream) noexcept;

/// TSval and TSecr, as they stand there.
struct TcpTimestamps {
    Be32 value;
    Be32 echo;
};
[[nodiscard]] std::optional<TcpTimestamps> tcp_timestamps(
    std::span<const std::byte> options) noexcept;

/// Data for new segments, in parts that stand in several places.
class SegmentData {
  public:
    /// `own`: the data of the segment that `output` was made for. Both outlive this.
    SegmentData(const StreamEdits::Output& output, std::span<const std::byte> own) noexcept
        : output_(output), own_(own) {}
    /// The next bytes; there have to be as many.
    void copy_next(std::span<std::byte> to) noexcept;

  private:
    const StreamEdits::Output& output_;
    std::span<const std::byte> own_;
    std::size_t piece_ = 0;
    std::uint32_t offset_ = 0;  ///< in that piece
};

/// A packet like `original` up to its TCP header, which is `header`, with the next `size` bytes of
/// `data`: lengths and checksums are right. `meta` becomes that of the new packet. Null when no
/// buffer is free, or it is too small.
template <class F>
[[nodiscard]] rte_mbuf* make_segment(rte_mempool* pool, const rte_mbuf* original, PacketMeta& meta,
                                     const TcpHeaderBytes& header, SegmentData& data,
                                     std::uint16_t size) noexcept;

}  // namespace shunt
