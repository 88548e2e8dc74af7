// SPDX-License-Identifier: BSD-3-Clause
#include "app/ftp/address_text.h"

#include <optional>

namespace shunt::ftp {

namespace {

struct Number {
    AddressProblem problem = AddressProblem::syntax;
    unsigned value = 0;
};

/// Decimal digits only, at most `digits` of them, and not above `most`.
Number parse_number(std::string_view text, std::size_t digits, unsigned most) noexcept {
    if (text.empty()) return {};
    Number number{AddressProblem::none, 0};
    for (const char c : text) {
        if (c < '0' || c > '9') return {};
        if (number.value <= most) number.value = number.value * 10 + static_cast<unsigned>(c - '0');
    }
    if (number.value > most || text.size() > digits) number.problem = AddressProblem::range;
    return number;
}

/// The text up to the next `delimiter`, which is passed; nothing when there is none.
std::optional<std::string_view> take_field(std::string_view& text, char delimiter) noexcept {
    const std::size_t end = text.find(delimiter);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(end + 1);
    return field;
}

AddressText wrong(AddressProblem problem) noexcept {
    return {.problem = problem, .endpoint = {}};
}

AddressText parse_address_of(std::string_view protocol, std::string_view text) noexcept {
    const Number number = parse_number(protocol, 5, 65535);
    if (number.problem != AddressProblem::none) return wrong(number.problem);
    if (number.value != 1 && number.value != 2) return wrong(AddressProblem::family);
    const auto address = parse_address(text);
    if (!address || address->family() != (number.value == 1 ? Family::ipv4 : Family::ipv6))
        return wrong(AddressProblem::address);
    return {.problem = AddressProblem::none, .endpoint = {*address, L4Port()}};
}

AddressText parse_delimited(std::string_view text, bool may_lack_address) noexcept {
    if (text.empty() || text[0] < '!' || text[0] > '~') return {};
    const char delimiter = text[0];
    text.remove_prefix(1);
    const auto protocol = take_field(text, delimiter);
    const auto address = take_field(text, delimiter);
    const auto port = take_field(text, delimiter);
    if (!protocol || !address || !port || !text.empty()) return {};
    AddressText parsed;
    if (may_lack_address && address->empty()) {
        parsed.problem = AddressProblem::none;
        parsed.has_address = false;
    } else {
        parsed = parse_address_of(*protocol, *address);
    }
    if (parsed.problem != AddressProblem::none) return parsed;
    const Number number = parse_number(*port, 5, 65535);
    if (number.problem != AddressProblem::none) return wrong(number.problem);
    if (number.value == 0) return wrong(AddressProblem::port);
    parsed.endpoint.port = L4Port(static_cast<std::uint16_t>(number.value));
    return parsed;
}

}  // namespace

AddressText parse_host_port(std::string_view text) noexcept {
    std::array<unsigned, 6> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const bool last = i == numbers.size() - 1;
        const auto field = last ? text : take_field(text, ',').value_or(std::string_view());
        const Number number = parse_number(field, 3, 255);
        if (number.problem != AddressProblem::none) return wrong(number.problem);
        numbers[i] = number.value;
    }
    const unsigned port = numbers[4] << 8 | numbers[5];
    if (port == 0) return wrong(AddressProblem::port);
    const Ipv4Address address{
        Be32(numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3])};
    return {.problem = AddressProblem::none,
            .endpoint = {address, L4Port(static_cast<std::uint16_t>(port))}};
}

AddressText parse_extended(std::string_view text) noexcept {
    return parse_delimited(text, false);
}

AddressText parse_extended_reply(std::string_view text) noexcept {
    return parse_delimited(text, true);
}

void append_host_port(ShortText& out, const Ipv4Address& address, L4Port port) noexcept {
    const std::uint32_t word = address.word.value();
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        out.append_number(word >> shift & 0xFF);
        out.append(',');
    }
    out.append_number(port.value() >> 8U);
    out.append(',');
    out.append_number(port.value() & 0xFFU);
}

void append_extended_port(ShortText& out, L4Port port) noexcept {
    out.append("|||");
    out.append_number(port.value());
    out.append('|');
}

}  // namespace shunt::ftp
