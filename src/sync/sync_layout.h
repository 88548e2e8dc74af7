// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The parts of a synchronisation datagram, byte for byte (ipvs-behaviour 7.4, 7.5). Of those of
// version 1 every integer is big-endian; the sequence data of version 0 are in the sender's own
// order.
#include <array>
#include <cstdint>

#include "net/address.h"
#include "net/byteorder.h"

namespace shunt::sync_layout {

struct Header0 {
    std::uint8_t count;
    std::uint8_t syncid;
    Be16 size;  ///< of the datagram
};
static_assert(sizeof(Header0) == 4);

struct Header1 {
    std::uint8_t no_entries;  ///< 0: for receivers of version 0
    std::uint8_t syncid;
    Be16 size;
    std::uint8_t count;
    std::uint8_t version;  ///< 1
    Be16 zero;
};
static_assert(sizeof(Header1) == 8);
inline constexpr std::size_t most_entries = 255;

struct Entry0 {
    std::uint8_t zero;
    std::uint8_t protocol;
    L4Port client_port;
    L4Port virtual_port;
    L4Port server_port;
    Ipv4Address client;
    Ipv4Address virtual_address;
    Ipv4Address server;
    Be16 flags;
    Be16 state;
};
static_assert(sizeof(Entry0) == 24);

/// What the entries of both families begin with; three addresses follow, then options.
struct Entry1 {
    std::uint8_t type;
    std::uint8_t protocol;
    Be16 version_length;  ///< 4 bits of version, 12 bits: bytes with options and without padding
    Be32 flags;
    Be16 state;
    L4Port client_port;
    L4Port virtual_port;
    L4Port server_port;
    Be32 mark;
    Be32 timeout;
};
static_assert(sizeof(Entry1) == 24);
inline constexpr std::uint8_t type_ipv6 = 1;
inline constexpr std::size_t longest_entry = 0x0FFF;

/// The addresses behind an Entry1.
template <class Address>
struct Addresses {
    Address client;
    Address virtual_address;
    Address server;
};
static_assert(sizeof(Addresses<Ipv4Address>) == 12 && sizeof(Addresses<Ipv6Address>) == 48);

enum class Option : std::uint8_t { sequences = 1, engine_data = 2, engine_name = 3 };
/// A receiver that does not know the option may pass over it.
inline constexpr std::uint8_t optional_bit = 0x40;

struct Sequences1 {
    Be32 in_start;
    Be32 in_delta;
    Be32 in_previous;
    Be32 out_start;
    Be32 out_delta;
    Be32 out_previous;
};
static_assert(sizeof(Sequences1) == 24);

/// The same in the order of the sender's processor.
using Sequences0 = std::array<std::uint32_t, 6>;
static_assert(sizeof(Sequences0) == 24);

}  // namespace shunt::sync_layout
