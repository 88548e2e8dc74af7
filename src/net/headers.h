// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Wire headers, byte for byte. Sizes are asserted, so no compiler padding hides in them; they are
// reached only through the bounded views of net/view.h.
#include <array>
#include <cstdint>

#include "net/address.h"
#include "net/byteorder.h"

namespace shunt {

enum class EtherType : std::uint16_t {
    ipv4 = 0x0800,
    arp = 0x0806,
    vlan = 0x8100,
    ipv6 = 0x86DD,
    qinq = 0x88A8,
};

/// IEEE 802.3.
struct EthernetHeader {
    MacAddress destination;
    MacAddress source;
    Be16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

/// IEEE 802.1Q: priority (3 bits), drop eligible (1), VLAN id (12), then the next EtherType.
struct VlanTag {
    Be16 control;
    Be16 type;
};
static_assert(sizeof(VlanTag) == 4);

/// RFC 791. The checksum is a one's complement sum and has no byte order of its own.
struct Ipv4Header {
    std::uint8_t version_length;
    std::uint8_t tos;
    Be16 total_length;
    Be16 id;
    Be16 fragment;
    std::uint8_t ttl;
    std::uint8_t protocol;
    std::uint16_t checksum;
    Ipv4Address source;
    Ipv4Address destination;

    static constexpr std::uint16_t more_fragments = 0x2000;
    static constexpr std::uint16_t dont_fragment = 0x4000;
    static constexpr std::uint16_t offset_mask = 0x1FFF;
};
static_assert(sizeof(Ipv4Header) == 20);

/// RFC 8200.
struct Ipv6Header {
    Be32 version_class_flow;
    Be16 payload_length;
    std::uint8_t next_header;
    std::uint8_t hop_limit;
    Ipv6Address source;
    Ipv6Address destination;
};
static_assert(sizeof(Ipv6Header) == 40);

/// RFC 8200 4: the shortest extension header, which all of them begin like. `fragment` and `id` are
/// those of a fragment header (4.5); its length byte is reserved, as it always has this size.
struct Ipv6ExtensionHeader {
    std::uint8_t next_header;
    std::uint8_t length;  ///< units of eight bytes beyond the first eight
    Be16 fragment;
    Be32 id;

    static constexpr std::uint16_t more_fragments = 0x0001;
    static constexpr std::uint16_t offset_mask = 0xFFF8;
};
static_assert(sizeof(Ipv6ExtensionHeader) == 8);

/// RFC 9293.
struct TcpHeader {
    L4Port source;
    L4Port destination;
    Be32 sequence;
    Be32 acknowledgement;
    std::uint8_t data_offset;
    std::uint8_t flags;
    Be16 window;
    std::uint16_t checksum;
    Be16 urgent;

    static constexpr std::uint8_t fin = 0x01;
    static constexpr std::uint8_t syn = 0x02;
    static constexpr std::uint8_t rst = 0x04;
    static constexpr std::uint8_t psh = 0x08;
    static constexpr std::uint8_t ack = 0x10;
};
static_assert(sizeof(TcpHeader) == 20);

/// RFC 768.
struct UdpHeader {
    L4Port source;
    L4Port destination;
    Be16 length;
    std::uint16_t checksum;
};
static_assert(sizeof(UdpHeader) == 8);

/// RFC 9260 3.1. Chunks follow it, one at least.
struct SctpHeader {
    L4Port source;
    L4Port destination;
    Be32 verification_tag;
    std::array<std::uint8_t, 4> checksum;  ///< CRC32c, least significant byte first
};
static_assert(sizeof(SctpHeader) == 12);

/// RFC 9260 3.2. The next chunk begins at the next multiple of four behind `length` bytes.
struct SctpChunkHeader {
    std::uint8_t type;
    std::uint8_t flags;
    Be16 length;  ///< of the chunk with this header, without padding

    static constexpr std::uint8_t init = 1;
    static constexpr std::uint8_t init_ack = 2;
    static constexpr std::uint8_t abort = 6;
    static constexpr std::uint8_t shutdown = 7;
    static constexpr std::uint8_t shutdown_ack = 8;
    static constexpr std::uint8_t error = 9;
    static constexpr std::uint8_t cookie_echo = 10;
    static constexpr std::uint8_t cookie_ack = 11;
    static constexpr std::uint8_t shutdown_complete = 14;
};
static_assert(sizeof(SctpChunkHeader) == 4);

/// RFC 792 and RFC 4443: what all messages share, then four bytes that depend on the type.
struct IcmpHeader {
    std::uint8_t type;
    std::uint8_t code;
    std::uint16_t checksum;
    Be32 rest;
};
static_assert(sizeof(IcmpHeader) == 8);

}  // namespace shunt
