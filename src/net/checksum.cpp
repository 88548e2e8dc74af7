// SPDX-License-Identifier: BSD-3-Clause
#include "net/checksum.h"

namespace shunt {

std::uint32_t checksum_add(std::uint32_t sum, std::span<const std::byte> bytes) noexcept {
    std::uint64_t wide = sum;
    while (bytes.size() >= 4) {
        std::uint32_t word;
        std::memcpy(&word, bytes.data(), 4);
        wide += word;
        bytes = bytes.subspan(4);
    }
    if (!bytes.empty()) {
        std::uint32_t rest = 0;
        std::memcpy(&rest, bytes.data(), bytes.size());
        wide += rest;
    }
    wide = (wide & 0xFFFFFFFF) + (wide >> 32);
    wide = (wide & 0xFFFFFFFF) + (wide >> 32);
    return fold(static_cast<std::uint32_t>(wide));
}

std::uint16_t checksum(std::span<const std::byte> bytes) noexcept {
    return static_cast<std::uint16_t>(~fold(checksum_add(0, bytes)));
}

}  // namespace shunt
