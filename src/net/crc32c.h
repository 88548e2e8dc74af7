// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// CRC32c (Castagnoli; RFC 3720 12.1) and the SCTP checksum made of it (RFC 9260 6.8, appendix A).
// Works piece by piece, for packets in several buffers. For any thread; DPDK need not be started.
#include <array>
#include <cstdint>
#include <span>

#include "net/headers.h"

namespace shunt {

/// The register before the first byte. The CRC is the complement of the register behind the last.
inline constexpr std::uint32_t crc32c_start = 0xFFFFFFFF;

/// The register behind `bytes`, from the register `crc` before them. Takes them at any alignment.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) noexcept;

/// The checksum of one SCTP packet: its header, then all behind it in any number of pieces.
class SctpChecksum {
  public:
    /// The header's own checksum field counts as zero.
    explicit SctpChecksum(SctpHeader header) noexcept;
    void add(std::span<const std::byte> bytes) noexcept { crc_ = crc32c(crc_, bytes); }
    /// What belongs in SctpHeader::checksum.
    [[nodiscard]] std::array<std::uint8_t, 4> field() const noexcept;

  private:
    std::uint32_t crc_ = crc32c_start;
};

}  // namespace shunt
