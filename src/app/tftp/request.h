// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Requests of TFTP, which a server answers from another port (RFC 1350 4, 5). Pure.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "net/byteorder.h"
#include "net/view.h"

namespace shunt::tftp {

/// Is the datagram a request to read or write a file: name and mode, both ended by a zero byte?
/// Options may follow (RFC 2347); they are not looked at.
[[nodiscard]] inline bool is_request(std::span<const std::byte> datagram) noexcept {
    constexpr std::uint16_t read = 1;
    constexpr std::uint16_t write = 2;
    const auto opcode = PacketReader(datagram).read<Be16>(0);
    if (!opcode || (opcode->value() != read && opcode->value() != write)) return false;
    const auto texts = datagram.subspan(sizeof(Be16));
    const auto name_end = std::ranges::find(texts, std::byte{0});
    if (name_end == texts.begin() || name_end == texts.end()) return false;
    const auto mode = std::span(name_end + 1, texts.end());
    const auto mode_end = std::ranges::find(mode, std::byte{0});
    return mode_end != mode.begin() && mode_end != mode.end();
}

}  // namespace shunt::tftp
