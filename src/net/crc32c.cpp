// SPDX-License-Identifier: BSD-3-Clause
#include "net/crc32c.h"

#include <rte_hash_crc.h>

#include <cstring>

namespace shunt {

namespace {

/// rte_hash_crc() itself reads whole words where `bytes` begin, whatever their alignment.
template <class Word>
Word take(std::span<const std::byte>& bytes) noexcept {
    Word word;
    std::memcpy(&word, bytes.data(), sizeof(word));
    bytes = bytes.subspan(sizeof(word));
    return word;
}

}  // namespace

std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) noexcept {
    while (bytes.size() >= sizeof(std::uint64_t))
        crc = rte_hash_crc_8byte(take<std::uint64_t>(bytes), crc);
    while (!bytes.empty()) crc = rte_hash_crc_1byte(take<std::uint8_t>(bytes), crc);
    return crc;
}

SctpChecksum::SctpChecksum(SctpHeader header) noexcept {
    header.checksum = {};
    add(std::as_bytes(std::span(&header, 1)));
}

std::array<std::uint8_t, 4> SctpChecksum::field() const noexcept {
    const std::uint32_t sum = ~crc_;
    return {static_cast<std::uint8_t>(sum), static_cast<std::uint8_t>(sum >> 8),
            static_cast<std::uint8_t>(sum >> 16), static_cast<std::uint8_t>(sum >> 24)};
}

}  // namespace shunt
