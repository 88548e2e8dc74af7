// SPDX-License-Identifier: BSD-3-Clause
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

namespace shunt {

namespace {

/// A whole decimal number without sign, blanks or leading zeros beyond "0".
template <class T>
std::optional<T> parse_decimal(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
    if (text.size() > 1 && text.front() == '0') return {};
    return value;
}

}  // namespace

IpAddress network_of(const IpAddress& a, unsigned bits) noexcept {
    return a.visit([bits](auto address) noexcept -> IpAddress {
        std::array<std::uint8_t, sizeof(address)> bytes;
        std::memcpy(bytes.data(), &address, sizeof(address));
        for (unsigned i = 0; i < bytes.size(); ++i) {
            const unsigned kept = bits > i * 8 ? std::min(bits - i * 8, 8U) : 0U;
            bytes[i] &= static_cast<std::uint8_t>(0xFF00U >> kept);
        }
        std::memcpy(&address, bytes.data(), sizeof(address));
        return address;
    });
}

std::optional<std::string_view> not_one_host(const IpAddress& address) noexcept {
    return address.visit([](const auto& a) -> std::optional<std::string_view> {
        if (a.is_unspecified()) return "unspecified";
        if (a.is_multicast()) return "a multicast address";
        if (a.is_broadcast()) return "the broadcast address";
        return std::nullopt;
    });
}

std::optional<MacAddress> parse_mac(std::string_view text) {
    if (text.size() != 17) return {};
    MacAddress mac;
    for (std::size_t i = 0; i < 6; ++i) {
        const char* at = text.data() + i * 3;
        const auto [end, error] = std::from_chars(at, at + 2, mac.bytes[i], 16);
        if (error != std::errc{} || end != at + 2) return {};
        if (i < 5 && at[2] != ':') return {};
    }
    return mac;
}

std::optional<IpAddress> parse_address(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> copy{};  // no address is longer, with the zero behind it
    if (text.size() >= copy.size() || text.find('\0') != text.npos) return {};
    std::ranges::copy(text, copy.begin());
    Ipv4Address v4;
    if (inet_pton(AF_INET, copy.data(), &v4) == 1) return v4;
    Ipv6Address v6;
    if (inet_pton(AF_INET6, copy.data(), &v6) == 1) return v6;
    return {};
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return {};
    auto host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = parse_address(host);
    const auto port = parse_decimal<std::uint16_t>(text.substr(colon + 1));
    if (!address || !port || bracketed != (address->family() == Family::ipv6)) return {};
    return Endpoint{*address, L4Port(*port)};
}

std::optional<IpPrefix> parse_prefix(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) return {};
    unsigned length = address->bits();
    if (slash != std::string_view::npos) {
        const auto given = parse_decimal<std::uint8_t>(text.substr(slash + 1));
        if (!given || *given > length) return {};
        length = *given;
    }
    if (network_of(*address, length) != *address) return {};
    return IpPrefix{*address, static_cast<std::uint8_t>(length)};
}

std::optional<Protocol> parse_protocol(std::string_view text) {
    for (const auto p : {Protocol::tcp, Protocol::udp, Protocol::sctp})
        if (text == to_string(p)) return p;
    return {};
}

std::string to_string(const MacAddress& a) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const auto byte : a.bytes) {
        if (!out.empty()) out += ':';
        out += digits[byte >> 4];
        out += digits[byte & 0xF];
    }
    return out;
}

std::string to_string(const IpAddress& a) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    a.visit([&text](const auto& address) {
        inet_ntop(sizeof(address) == 4 ? AF_INET : AF_INET6, &address, text.data(), text.size());
    });
    return text.data();
}

std::string to_string(const Endpoint& e) {
    const auto host = to_string(e.address);
    const auto port = std::to_string(e.port.value());
    return e.address.family() == Family::ipv6 ? "[" + host + "]:" + port : host + ":" + port;
}

std::string to_string(const IpPrefix& p) {
    return to_string(p.address) + "/" + std::to_string(p.length);
}

std::string_view to_string(Protocol p) {
    switch (p) {
        case Protocol::tcp:
            return "tcp";
        case Protocol::udp:
            return "udp";
        case Protocol::sctp:
            return "sctp";
        case Protocol::icmp:
            return "icmp";
        case Protocol::icmpv6:
            return "icmpv6";
        case Protocol::ipip:
            return "ipip";
        case Protocol::ipv6:
            return "ipv6";
        case Protocol::gre:
            return "gre";
        case Protocol::esp:
            return "esp";
        case Protocol::ah:
            return "ah";
        case Protocol::none:
            break;
    }
    return "none";
}

}  // namespace shunt
