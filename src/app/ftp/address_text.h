// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The addresses and ports that FTP carries as text: h1,h2,h3,h4,p1,p2 of PORT and 227 (RFC 959
// 4.1.2), and |1|192.0.2.1|1024| of EPRT and 229 with any delimiter (RFC 2428 2, 3). Pure; no
// locale, no allocation.
#include <cstdint>
#include <string_view>

#include "app/ftp/short_text.h"
#include "net/address.h"

namespace shunt::ftp {

/// What is wrong with a text.
enum class AddressProblem : std::uint8_t {
    none,
    syntax,
    range,     ///< a number is too large
    family,    ///< a network protocol other than IPv4 and IPv6
    address,   ///< none of the family
    port,      ///< it is zero
    too_long,  ///< longer than any that is right
};

/// What a text says; `endpoint` means nothing when there is a problem. 25 bytes.
struct AddressText {
    AddressProblem problem = AddressProblem::syntax;
    bool has_address = true;  ///< false: the sender's own is meant, as 229 has it
    Endpoint endpoint;
};
static_assert(sizeof(AddressText) == 25);

/// "192,0,2,1,4,0" and nothing else.
[[nodiscard]] AddressText parse_host_port(std::string_view text) noexcept;

/// "|1|192.0.2.1|1024|" or "|2|2001:db8::1|1024|" and nothing else, for any delimiter of "!" to
/// "~".
[[nodiscard]] AddressText parse_extended(std::string_view text) noexcept;

/// The same as replies have it, without their parentheses: also "|||1024|".
[[nodiscard]] AddressText parse_extended_reply(std::string_view text) noexcept;

// The usual spelling of each.
void append_host_port(ShortText& out, const Ipv4Address& address, L4Port port) noexcept;
void append_extended_port(ShortText& out, L4Port port) noexcept;

}  // namespace shunt::ftp
