// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// parse() for the form that nearly all frames have, at less cost. Pure; for any thread.
#include <cstring>

#include "net/checksum.h"
#include "net/parse.h"

namespace shunt {

/// Headers of a plain frame, from its first byte on; a UDP header is shorter than a TCP header.
template <class F>
inline constexpr std::size_t plain_headers = sizeof(EthernetHeader) + sizeof(typename F::Header) +
                                             sizeof(TcpHeader);

/// Is the sum over a header of version 4 without options right?
inline bool has_sound_checksum(std::span<const std::byte, sizeof(Ipv4Header)> header) noexcept {
    // Wide words have the same remainder as their halves' sum: 2^16 = 1 modulo 2^16 - 1.
    std::uint64_t sum = load<BigEndian<std::uint64_t>, 0>(header).raw();
    const std::uint64_t middle = load<BigEndian<std::uint64_t>, 8>(header).raw();
    const std::uint64_t last = load<Be32, 16>(header).raw();
    sum += middle;
    sum += sum < middle ? 1 : 0;
    sum += last;
    sum += sum < last ? 1 : 0;
    return sum % 0xFFFF == 0;  // and not zero, for the version is not
}

namespace plain {

/// What a network header of the plain form says; `length` is that of the whole packet, 0 when the
/// header is of another form or not sound.
struct Network {
    std::uint32_t length = 0;
    Protocol protocol = Protocol::none;
    std::uint8_t ttl = 0;
};

inline Network read_network(std::span<const std::byte, sizeof(Ipv4Header)> header,
                            HeaderChecksum header_checksum) noexcept {
    constexpr std::uint8_t without_options = 0x45;
    const Be16 is_fragment(Ipv4Header::offset_mask | Ipv4Header::more_fragments);
    if (load<std::uint8_t>(header) != without_options ||
        (load<Be16, offsetof(Ipv4Header, fragment)>(header).raw() & is_fragment.raw()) != 0 ||
        (header_checksum == HeaderChecksum::verify && !has_sound_checksum(header)))
        return {};
    return {.length = load<Be16, offsetof(Ipv4Header, total_length)>(header).value(),
            .protocol = load<Protocol, offsetof(Ipv4Header, protocol)>(header),
            .ttl = load<std::uint8_t, offsetof(Ipv4Header, ttl)>(header)};
}

inline Network read_network(std::span<const std::byte, sizeof(Ipv6Header)> header,
                            HeaderChecksum) noexcept {
    if ((load<std::uint8_t>(header) >> 4) != 6) return {};
    const std::uint32_t payload = load<Be16, offsetof(Ipv6Header, payload_length)>(header).value();
    return {.length = static_cast<std::uint32_t>(sizeof(Ipv6Header)) + payload,
            .protocol = load<Protocol, offsetof(Ipv6Header, next_header)>(header),
            .ttl = load<std::uint8_t, offsetof(Ipv6Header, hop_limit)>(header)};
}

/// What is the same for all frames of a family.
template <class F>
constexpr PacketMeta make_form() noexcept {
    PacketMeta meta;
    meta.l3_offset = sizeof(EthernetHeader);
    meta.l4_offset = sizeof(EthernetHeader) + sizeof(typename F::Header);
    meta.network = F::family == Family::ipv4 ? NetworkKind::ipv4 : NetworkKind::ipv6;
    meta.has_ports = true;
    meta.plain = true;
    return meta;
}
template <class F>
inline constexpr PacketMeta form = make_form<F>();

}  // namespace plain

/// Fills `meta` as parse() does from a frame of the plain form: to no group, untagged, IPv4 without
/// options or IPv6 without extension headers, no fragment, TCP or UDP with room for a TCP header.
/// False when it is not of this form or not sound: then parse() is to be asked, whatever stands in
/// `meta`.
template <class F>
[[gnu::always_inline]] inline bool parse_plain(PacketReader frame, std::uint32_t frame_length,
                                               PacketMeta& meta,
                                               HeaderChecksum header_checksum) noexcept {
    using Header = typename F::Header;
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    constexpr std::size_t l4 = l3 + sizeof(Header);
    if (!frame.holds<plain_headers<F>>(0)) [[unlikely]]
        return false;
    const auto headers = frame.at<plain_headers<F>>(0);
    const Be16 type(static_cast<std::uint16_t>(F::ether_type));
    if (load<Be16, offsetof(EthernetHeader, type)>(headers) != type ||
        (load<std::uint8_t>(headers) & 1) != 0)
        return false;
    const auto header = headers.template subspan<l3, sizeof(Header)>();
    const plain::Network network = plain::read_network(header, header_checksum);
    std::uint8_t tcp_flags = 0;
    if (network.protocol == Protocol::tcp) [[likely]] {
        if (network.length < sizeof(Header) + sizeof(TcpHeader)) [[unlikely]]
            return false;
        tcp_flags = load<std::uint8_t, l4 + offsetof(TcpHeader, flags)>(headers);
    } else if (network.protocol != Protocol::udp ||
               network.length < sizeof(Header) + sizeof(UdpHeader)) {
        return false;
    }
    if (network.length > frame_length - l3 || network.length > 0xFFFF) [[unlikely]]
        return false;

    meta = plain::form<F>;
    meta.l3_length = static_cast<std::uint16_t>(network.length);
    meta.tcp_flags = tcp_flags;
    meta.ttl = network.ttl;
    std::memcpy(&meta.destination_mac, headers.data(), sizeof(meta.destination_mac));
    auto& tuple = meta.tuple<F>();
    // Both addresses at once, and both ports: they stand in the tuple as they do in the headers.
    constexpr std::size_t addresses = 2 * sizeof(typename F::Address);
    constexpr std::size_t ports = 2 * sizeof(L4Port);
    static_assert(offsetof(Header, destination) ==
                  offsetof(Header, source) + sizeof(typename F::Address));
    static_assert(offsetof(FlowTuple<F>, destination) == sizeof(typename F::Address) &&
                  offsetof(FlowTuple<F>, source_port) == addresses &&
                  offsetof(FlowTuple<F>, destination_port) == addresses + sizeof(L4Port));
    auto* const endpoints = reinterpret_cast<std::byte*>(&tuple);
    std::memcpy(endpoints, header.data() + offsetof(Header, source), addresses);
    std::memcpy(endpoints + addresses, headers.data() + l4, ports);
    tuple.protocol = network.protocol;
    return true;
}

}  // namespace shunt
