// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/mss_clamp.h"

#include <algorithm>

#include "net/checksum.h"
#include "net/headers.h"
#include "net/view.h"

namespace shunt {

namespace {

// RFC 9293 3.2.
constexpr std::uint8_t end_of_options = 0;
constexpr std::uint8_t no_operation = 1;
constexpr std::uint8_t maximum_segment_size = 2;

/// Overwrites the number at `at` of a TCP header and brings the checksum up to date; the halves of
/// a number at an odd place count in two words, the wrong way round.
void replace(PacketWriter tcp, std::size_t at, Be16 before, Be16 after) noexcept {
    const bool odd = at % 2 != 0;
    const auto delta = odd ? ChecksumDelta::replace(byteswap(before.raw()), byteswap(after.raw()))
                           : ChecksumDelta::replace(before, after);
    const auto sum = tcp.reader().read<std::uint16_t>(offsetof(TcpHeader, checksum));
    if (sum && tcp.write(at, after))
        static_cast<void>(tcp.write(offsetof(TcpHeader, checksum), delta.apply(*sum)));
}

/// The bytes of the header that are there.
std::size_t header_length(PacketReader tcp) noexcept {
    const auto offset = tcp.read<std::uint8_t>(offsetof(TcpHeader, data_offset));
    return offset ? std::min<std::size_t>((*offset >> 4) * 4U, tcp.size()) : 0;
}

/// Of the option at `at`; 0 when it is the end, or cannot be.
std::size_t option_length(PacketReader options, std::size_t at) noexcept {
    const auto kind = options.read<std::uint8_t>(at);
    if (!kind || *kind == end_of_options) return 0;
    if (*kind == no_operation) return 1;
    const std::size_t length = options.read<std::uint8_t>(at + 1).value_or(0);
    return length < 2 ? 0 : length;
}

}  // namespace

bool clamp_mss(std::span<std::byte> tcp, std::uint16_t most) noexcept {
    const PacketWriter header(tcp.first(header_length(PacketReader(tcp))));
    const PacketReader options = header.reader();
    bool changed = false;
    std::size_t at = sizeof(TcpHeader);
    while (const std::size_t length = option_length(options, at)) {
        const bool is_mss = length == 4 && options.read<std::uint8_t>(at) == maximum_segment_size;
        const auto value = options.read<Be16>(at + 2);
        if (is_mss && value && value->value() > most) {
            replace(header, at + 2, *value, Be16(most));
            changed = true;
        }
        at += length;
    }
    return changed;
}

}  // namespace shunt
