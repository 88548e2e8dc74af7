// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One pass over a frame's headers: Ethernet, VLAN tags, IPv4 or IPv6, TCP, UDP, SCTP or ICMP. What
// it finds stands in PacketMeta, so that no later stage looks for a header again. Beside it the
// same for the packet that an ICMP error quotes. Pure functions of the bytes, for any thread.
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/drop_reason.h"
#include "net/tuple.h"
#include "net/view.h"

namespace shunt {

enum class NetworkKind : std::uint8_t { other, ipv4, ipv6 };

enum class FragmentKind : std::uint8_t {
    none,
    first,
    later,
    atomic,  ///< whole, and yet with a fragment header (RFC 6946); IPv6
    joined,  ///< a whole datagram that was put together from fragments; parse() never says so
};

/// PacketMeta::icmp_type of what is no ICMP, is a later fragment or ends within its ICMP header.
inline constexpr std::uint8_t no_icmp_type = 0xFF;

/// Valid after parse(); offsets are bytes from the start of the frame.
struct alignas(64) PacketMeta {
    constexpr PacketMeta() noexcept : tuple_v4() {}

    std::uint16_t l4_offset = 0;  ///< first byte after the network header(s); IP packets only
    std::uint16_t l3_length = 0;  ///< network header and payload, without Ethernet padding
    std::uint16_t vlan = 0;       ///< VLAN id of the outermost tag; 0 for none
    std::uint8_t l3_offset = 0;   ///< first byte of the network header: 14, 18 or 22
    NetworkKind network = NetworkKind::other;
    FragmentKind fragment = FragmentKind::none;
    bool has_ports = false;  ///< TCP, UDP or SCTP, header whole; else the tuple's ports are zero
    std::uint8_t ttl = 0;    ///< TTL or hop limit as received
    bool to_group = false;   ///< Ethernet multicast or broadcast
    // These three in this order, for the two questions below.
    std::uint8_t tcp_flags = 0;  ///< zero for anything but TCP
    bool passed = false;         ///< TTL and MTU are in order, the TTL is decremented
    bool plain = false;          ///< parse_plain() has read it
    bool stacked_tags = false;   ///< more than one tag, or one of 802.1ad
    MacAddress destination_mac;
    union {
        FlowTuple<Ipv4> tuple_v4;
        FlowTuple<Ipv6> tuple_v6;
    };
    std::uint8_t icmp_type = no_icmp_type;  ///< of ICMP, or of ICMPv6 over IPv6; header whole
    /// SCTP with ports: the first chunk's type. A COOKIE-ECHO or COOKIE-ACK that an ABORT follows
    /// directly counts as ABORT (ipvs-behaviour 3.5). Zero, which DATA is too, for anything else.
    std::uint8_t sctp_chunk = 0;

    /// Is it, in a plain frame and not judged yet, a TCP segment of neither end of a connection:
    /// with ACK, without SYN, FIN and RST? One comparison.
    [[nodiscard]] bool is_middle_segment() const noexcept {
        constexpr std::uint32_t decisive =
            TcpHeader::syn | TcpHeader::fin | TcpHeader::rst | TcpHeader::ack;
        return flags_agree(decisive, TcpHeader::ack);
    }
    /// Is it in a plain frame and not judged yet? One comparison.
    [[nodiscard]] bool is_plain_arrival() const noexcept { return flags_agree(0, 0); }
    /// Transport header and payload, in bytes.
    [[nodiscard]] std::uint32_t l4_length() const noexcept {
        return l3_offset + std::uint32_t{l3_length} - l4_offset;
    }
    template <class F>
    [[nodiscard]] FlowTuple<F>& tuple() noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return tuple_v4;
        else
            return tuple_v6;
    }
    template <class F>
    [[nodiscard]] const FlowTuple<F>& tuple() const noexcept {
        return const_cast<PacketMeta*>(this)->tuple<F>();
    }

  private:
    /// Is it plain, not passed, and has it these TCP flags where `decisive` says?
    [[nodiscard]] bool flags_agree(std::uint32_t decisive, std::uint32_t wanted) const noexcept {
        constexpr std::uint32_t is_passed = 0xFF00;
        constexpr std::uint32_t is_plain = 0x10000;
        static_assert(offsetof(PacketMeta, passed) == offsetof(PacketMeta, tcp_flags) + 1);
        static_assert(offsetof(PacketMeta, plain) == offsetof(PacketMeta, tcp_flags) + 2);
        static_assert(std::endian::native == std::endian::little);
        std::uint32_t word;
        std::memcpy(&word, &tcp_flags, sizeof(word));
        return (word & (decisive | is_passed | is_plain)) == (wanted | is_plain);
    }
};
static_assert(sizeof(PacketMeta) == 64);

/// Who verifies the IPv4 header checksum: parse(), or the network card has done it already.
enum class HeaderChecksum : std::uint8_t { verify, verified };

/// Fills `meta` from a frame. `frame` holds the contiguous first bytes, `frame_length` says how
/// long the whole frame is. Returns why the frame must be dropped, or nothing when it is sound.
/// Rules: RFC 1122 3.2.1, RFC 8200 4; ipvs-behaviour 1.2 (step 4), 1.4 (short L4 headers). A first
/// fragment may end within its L4 header: it is sound and has no ports.
[[nodiscard]] std::optional<DropReason> parse(
    PacketReader frame, std::uint32_t frame_length, PacketMeta& meta,
    HeaderChecksum header_checksum = HeaderChecksum::verify) noexcept;

/// What stands between an IPv6 header and the upper layer (RFC 8200 4). Hop-by-hop options,
/// routing, fragment and destination options headers are walked over. An authentication header is
/// an upper layer, as for IPVS; so is "no next header" (59). Offsets as in PacketMeta.
struct Ipv6Chain {
    std::uint32_t upper_offset = 0;
    /// The fragment header that `fragment` tells of, the last one of several; 0 without any. A
    /// whole packet may have one (RFC 6946).
    std::uint32_t fragment_offset = 0;
    std::uint32_t naming_offset = 0;  ///< the byte before it that names that header; 0 without any
    Protocol upper = Protocol::none;  ///< in a later fragment: what its fragment header names
    FragmentKind fragment = FragmentKind::none;
};

/// Walks from the IPv6 header at `l3_offset` to its upper layer; `end` is where the packet ends.
/// Nothing when a header is not wholly in `frame`, leads beyond `end` or is one too many.
[[nodiscard]] std::optional<Ipv6Chain> ipv6_chain(PacketReader frame, std::uint32_t l3_offset,
                                                  std::uint32_t end) noexcept;

/// The start of a packet inside another: what an ICMP error quotes, or what lies in a tunnel that
/// an ICMP error quotes. Offsets as in PacketMeta. Mostly cut short, whatever its length says.
template <class F>
struct QuotedPacket {
    FlowTuple<F> tuple;
    std::uint16_t l3_offset = 0;
    std::uint16_t l4_offset = 0;  ///< IPv4: lies beyond the frame when the options are cut
    std::uint16_t l3_length = 0;  ///< network header and payload as its own header says
    FragmentKind fragment = FragmentKind::none;
    bool has_ports = false;      ///< TCP, UDP or SCTP, both ports quoted; else they are zero
    bool dont_fragment = false;  ///< IPv4's DF; false for IPv6
};

/// Reads the quoted packet whose network header begins at `offset`. `frame` ends where the quoting
/// packet ends. Nothing when the network header (IPv6: the chain) is not whole, an IPv4 header is
/// said to be shorter than 20 bytes, or IPv6's version or length is impossible. As in IPVS neither
/// the version nor the checksum nor the length of an IPv4 header is verified (ipvs-behaviour 1.17).
template <class F>
[[nodiscard]] std::optional<QuotedPacket<F>> parse_quoted(PacketReader frame,
                                                          std::uint32_t offset) noexcept;

}  // namespace shunt
