// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/mss_clamp.h"

#include <algorithm>

#include "net/checksum.h"
#include "net/headers.h"
#include "net/tcp_options.h"
#include "net/view.h"

namespace shunt {

namespace {

// RFC 9293 3.2.
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

}  // namespace

bool clamp_mss(std::span<std::byte> tcp, std::uint16_t most) noexcept {
    const PacketWriter header(tcp.first(header_length(PacketReader(tcp))));
    const PacketReader options = header.reader();
    bool changed = false;
    for (auto option = next_tcp_option(options, sizeof(TcpHeader)); option;
         option = next_tcp_option(options, option->at + option->length)) {
        if (option->kind != maximum_segment_size || option->length != 4) continue;
        const auto value = options.read<Be16>(option->at + 2);
        if (!value || value->value() <= most) continue;
        replace(header, option->at + 2, *value, Be16(most));
        changed = true;
    }
    return changed;
}

}  // namespace shunt
