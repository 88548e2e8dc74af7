// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Link and network addresses, transport ports and protocols, as wire bytes with their text forms.
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "net/byteorder.h"

namespace shunt {

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};
    [[nodiscard]] constexpr bool is_group() const noexcept { return (bytes[0] & 1) != 0; }
    /// The same address as one number, to be compared in one step; its value means nothing.
    [[nodiscard]] std::uint64_t number() const noexcept {
        std::uint32_t first;
        std::uint16_t rest;
        std::memcpy(&first, bytes.data(), sizeof(first));
        std::memcpy(&rest, bytes.data() + sizeof(first), sizeof(rest));
        return std::uint64_t{rest} << 32 | first;
    }
    constexpr auto operator<=>(const MacAddress&) const noexcept = default;
};

struct Ipv4Address {
    Be32 word;
    constexpr auto operator<=>(const Ipv4Address&) const noexcept = default;
    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return word.raw() == 0; }
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return (word.value() >> 28) == 0xE;
    }
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return (word.value() >> 24) == 127;
    }
    [[nodiscard]] constexpr bool is_broadcast() const noexcept { return word.raw() == 0xFFFFFFFFU; }
    [[nodiscard]] constexpr bool is_link_local() const noexcept { return false; }
};

struct Ipv6Address {
    std::array<std::uint8_t, 16> bytes{};
    constexpr auto operator<=>(const Ipv6Address&) const noexcept = default;
    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return *this == Ipv6Address{}; }
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return bytes[0] == 0xFF; }
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        Ipv6Address one;
        one.bytes[15] = 1;
        return *this == one;
    }
    [[nodiscard]] constexpr bool is_broadcast() const noexcept { return false; }
    [[nodiscard]] constexpr bool is_link_local() const noexcept {
        return bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;
    }
};

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

/// An address of either family, for configuration and other slow paths.
class IpAddress {
  public:
    constexpr IpAddress() noexcept = default;
    constexpr IpAddress(const Ipv4Address& a) noexcept : family_(Family::ipv4), v4_(a) {}
    constexpr IpAddress(const Ipv6Address& a) noexcept : family_(Family::ipv6), v6_(a) {}
    [[nodiscard]] constexpr Family family() const noexcept { return family_; }
    [[nodiscard]] constexpr const Ipv4Address& v4() const noexcept { return v4_; }
    [[nodiscard]] constexpr const Ipv6Address& v6() const noexcept { return v6_; }
    /// The bits of the family's address length, 32 or 128.
    [[nodiscard]] constexpr unsigned bits() const noexcept {
        return family_ == Family::ipv4 ? 32 : 128;
    }
    /// Calls `f` with the Ipv4Address or the Ipv6Address that this holds.
    template <class Fn>
    constexpr decltype(auto) visit(Fn&& f) const {
        return family_ == Family::ipv4 ? f(v4_) : f(v6_);
    }
    constexpr auto operator<=>(const IpAddress&) const noexcept = default;

  private:
    Family family_ = Family::ipv4;
    Ipv4Address v4_;
    Ipv6Address v6_;
};

/// A TCP, UDP or SCTP port, in network byte order as everywhere on the wire.
struct L4Port {
    Be16 be;
    constexpr L4Port() noexcept = default;
    constexpr explicit L4Port(Be16 wire) noexcept : be(wire) {}
    constexpr explicit L4Port(std::uint16_t host) noexcept : be(host) {}
    [[nodiscard]] constexpr std::uint16_t value() const noexcept { return be.value(); }
    constexpr auto operator<=>(const L4Port&) const noexcept = default;
};

/// IP protocol numbers that the pipeline knows (IANA protocol numbers).
enum class Protocol : std::uint8_t {
    none = 0,
    icmp = 1,
    ipip = 4,
    tcp = 6,
    udp = 17,
    ipv6 = 41,
    gre = 47,
    esp = 50,
    ah = 51,
    icmpv6 = 58,
    sctp = 132,
};

/// An address with a port; the text forms are "192.0.2.1:80" and "[2001:db8::1]:80".
struct Endpoint {
    IpAddress address;
    L4Port port;
    constexpr auto operator<=>(const Endpoint&) const noexcept = default;
};

/// A network: an address with its first `length` bits significant.
struct IpPrefix {
    IpAddress address;
    std::uint8_t length = 0;
    constexpr auto operator<=>(const IpPrefix&) const noexcept = default;
};

/// The address with all bits behind the first `bits` zero; `bits` at most those of the family.
IpAddress network_of(const IpAddress& a, unsigned bits) noexcept;

/// What keeps the address from being that of one host, as words to follow "is"; nothing when it may
/// be one.
std::optional<std::string_view> not_one_host(const IpAddress& a) noexcept;

// Text to value: nothing for text that is not exactly one value; no name is looked up.
std::optional<MacAddress> parse_mac(std::string_view text);
std::optional<IpAddress> parse_address(std::string_view text) noexcept;
std::optional<Endpoint> parse_endpoint(std::string_view text);
/// "192.0.2.0/24"; without "/" the whole address. Host bits must be zero.
std::optional<IpPrefix> parse_prefix(std::string_view text);
/// "tcp", "udp" or "sctp".
std::optional<Protocol> parse_protocol(std::string_view text);

std::string to_string(const MacAddress& a);
std::string to_string(const IpAddress& a);
std::string to_string(const Endpoint& e);
std::string to_string(const IpPrefix& p);
std::string_view to_string(Protocol p);

}  // namespace shunt
