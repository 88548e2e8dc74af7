// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Frames for tests: a builder, a full checksum verifier, and printers for failure messages.
//
// The builder fills in lengths, header counts and checksums so that a frame is right unless a test
// asks for something else:
//
//   PacketBuilder().ipv4("192.0.2.7", "198.51.100.10").tcp(40000, 80, TcpHeader::syn).build()
//   PacketBuilder().vlan(10).ipv6("2001:db8::1", "2001:db8::2").ttl(1).udp(5353, 53).payload("hi")
//       .build()
//   PacketBuilder().ipv4(a, b).ihl(4).tcp(1, 2).build()              // a field that lies
//   PacketBuilder().ipv4(b, a).icmp(3, 3).payload(network_part(original)).build()
//
// Calls may come in any order, except that vlan() and extension() add from the outside inward.
// Nothing here uses src/net/checksum.h, so it can stand as that code's reference.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "net/headers.h"

namespace shunt::test {

/// One whole frame from the destination MAC on, without FCS.
using Frame = std::vector<std::byte>;

/// The bytes of a text, or numbers as bytes: for payloads, options and extension bodies.
Frame bytes_of(std::string_view text);
Frame bytes_of(std::initializer_list<int> values);

class PacketBuilder {
  public:
    // Ethernet. The MACs default to 02:00:00:00:00:01 > 02:00:00:00:00:02.
    PacketBuilder& mac(std::string_view source, std::string_view destination);
    PacketBuilder& vlan(std::uint16_t control, EtherType type = EtherType::vlan);
    /// The last EtherType; by default that of the network header, or ARP without one.
    PacketBuilder& ether_type(std::uint16_t type);
    /// Zero bytes behind the packet until the frame is `length` long.
    PacketBuilder& pad_to(std::size_t length);

    // Network header, one of:
    PacketBuilder& ipv4(std::string_view source, std::string_view destination);
    PacketBuilder& ipv6(std::string_view source, std::string_view destination);
    /// IPv4 or IPv6 by what `source` is.
    PacketBuilder& ip(std::string_view source, std::string_view destination);

    /// TTL or hop limit; 64 by default.
    PacketBuilder& ttl(std::uint8_t value);
    /// TOS or traffic class.
    PacketBuilder& tos(std::uint8_t value);
    PacketBuilder& flow_label(std::uint32_t value);
    /// A fragment: IPv4 fields, or an IPv6 fragment header behind the extensions.
    /// `offset`: bytes, a multiple of 8.
    PacketBuilder& fragment(std::uint16_t offset, bool more, std::uint32_t id = 0x1234);
    PacketBuilder& ip_id(std::uint16_t value);
    PacketBuilder& dont_fragment(bool on = true);
    /// IPv4 options, padded with zero bytes to a multiple of four.
    PacketBuilder& ip_options(const Frame& options);
    /// An IPv6 extension header of kind `type`: next header and length are written in front of
    /// `body`, which is padded with zero bytes to the multiple of eight that the kind needs.
    PacketBuilder& extension(std::uint8_t type, const Frame& body = {});
    /// The protocol number, or the last next-header number; by default that of the L4 header, 59
    /// (no next header) without one.
    PacketBuilder& ip_protocol(std::uint8_t value);

    // Network header fields that lie.
    PacketBuilder& ip_version(std::uint8_t value);
    PacketBuilder& ihl(std::uint8_t words);
    /// IPv4 total length, or IPv6 payload length.
    PacketBuilder& ip_length(std::uint16_t value);
    PacketBuilder& ip_checksum(std::uint16_t value);

    // Transport header, one of (none: the payload follows the network header):
    PacketBuilder& tcp(std::uint16_t source, std::uint16_t destination,
                       std::uint8_t flags = TcpHeader::ack);
    PacketBuilder& udp(std::uint16_t source, std::uint16_t destination);
    /// ICMP over IPv4, ICMPv6 over IPv6. `rest`: the second four bytes of the header.
    PacketBuilder& icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest = 0);

    PacketBuilder& sequence(std::uint32_t sequence, std::uint32_t acknowledgement = 0);
    PacketBuilder& window(std::uint16_t value);
    PacketBuilder& urgent(std::uint16_t value);
    /// TCP options, padded with zero bytes to a multiple of four.
    PacketBuilder& tcp_options(const Frame& options);

    // Transport header fields that lie.
    PacketBuilder& data_offset(std::uint8_t words);
    PacketBuilder& udp_length(std::uint16_t value);
    /// The TCP, UDP or ICMP checksum; 0 makes a UDP packet without one.
    PacketBuilder& l4_checksum(std::uint16_t value);

    PacketBuilder& payload(std::string_view text);
    PacketBuilder& payload(const Frame& bytes);
    /// `length` bytes 0, 1, 2, ...
    PacketBuilder& payload(std::size_t length);

    /// The frame. Throws std::bad_optional_access or std::invalid_argument for text that is no
    /// address.
    [[nodiscard]] Frame build() const;

  private:
    struct Extension {
        std::uint8_t type;
        Frame body;
    };
    struct Tag {
        EtherType type;
        std::uint16_t control;
    };
    enum class Transport : std::uint8_t { none, tcp, udp, icmp };

    [[nodiscard]] bool is_v6() const { return source_.family() == Family::ipv6; }
    [[nodiscard]] std::uint8_t transport_number() const;
    [[nodiscard]] Frame transport_bytes() const;
    [[nodiscard]] Frame transport_header() const;
    [[nodiscard]] Frame ipv4_header(std::size_t payload_length) const;
    [[nodiscard]] Frame ipv6_header(std::size_t payload_length) const;
    [[nodiscard]] Frame extension_bytes(const Extension& e, std::uint8_t next) const;

    MacAddress source_mac_{{2, 0, 0, 0, 0, 1}};
    MacAddress destination_mac_{{2, 0, 0, 0, 0, 2}};
    std::vector<Tag> tags_;
    std::optional<std::uint16_t> ether_type_;
    std::size_t pad_to_ = 0;

    bool has_network_ = false;
    IpAddress source_;
    IpAddress destination_;
    std::uint8_t ttl_ = 64;
    std::uint8_t tos_ = 0;
    std::uint32_t flow_label_ = 0;
    std::uint16_t id_ = 0;
    std::uint16_t fragment_word_ = 0;  ///< IPv4 flags and offset
    std::vector<Extension> extensions_;
    Frame ip_options_;
    std::optional<std::uint8_t> protocol_;
    std::optional<std::uint8_t> version_;
    std::optional<std::uint8_t> ihl_;
    std::optional<std::uint16_t> ip_length_;
    std::optional<std::uint16_t> ip_checksum_;

    Transport transport_ = Transport::none;
    std::uint16_t source_port_ = 0;
    std::uint16_t destination_port_ = 0;
    std::uint8_t flags_ = 0;
    std::uint32_t sequence_ = 0;
    std::uint32_t acknowledgement_ = 0;
    std::uint16_t window_ = 65535;
    std::uint16_t urgent_ = 0;
    Frame tcp_options_;
    std::uint8_t icmp_type_ = 0;
    std::uint8_t icmp_code_ = 0;
    std::uint32_t icmp_rest_ = 0;
    std::optional<std::uint8_t> data_offset_;
    std::optional<std::uint16_t> udp_length_;
    std::optional<std::uint16_t> l4_checksum_;
    Frame payload_;
};

/// What is wrong with the frame's checksums, one short sentence; empty when nothing is. Looks at
/// the IPv4 header and at TCP, UDP, ICMP and ICMPv6 of packets that are no fragments, each computed
/// from scratch. UDP over IPv4 may have none (0), over IPv6 it may not. A frame whose headers are
/// cut short or whose lengths lie counts as wrong; one that is not IP counts as right.
[[nodiscard]] std::string checksum_problem(std::span<const std::byte> frame);
[[nodiscard]] inline bool checksums_ok(std::span<const std::byte> frame) {
    return checksum_problem(frame).empty();
}

/// The frame without Ethernet header, tags and padding: what an ICMP error quotes. Empty when the
/// frame is not IP.
[[nodiscard]] Frame network_part(std::span<const std::byte> frame);

/// The 16-bit number at `offset`, network byte order. Throws std::out_of_range.
[[nodiscard]] std::uint16_t get16(std::span<const std::byte> frame, std::size_t offset);
/// Overwrites bytes at `offset`. Throws std::out_of_range, and then has changed nothing.
void poke(Frame& frame, std::size_t offset, std::initializer_list<int> values);

/// One line: addresses, ports, flags, lengths, and the checksum problem if there is one.
[[nodiscard]] std::string describe(std::span<const std::byte> frame);
/// Sixteen bytes a line with offsets.
[[nodiscard]] std::string hexdump(std::span<const std::byte> frame);

}  // namespace shunt::test
