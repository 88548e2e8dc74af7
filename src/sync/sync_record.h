// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What balancers tell each other of one connection, or of one template that ties a client to a
// server (ipvs-behaviour 7.4). Plain data.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/tuple.h"
#include "service/mark.h"
#include "service/real_server.h"

namespace shunt {

/// Bits of SyncRecord::flags: those of IPVS connections that travel (ipvs-behaviour 2.1).
namespace sync_flag {
inline constexpr std::uint16_t method = 0x0007;  ///< a ForwardMethod, or 1 for a local server
inline constexpr std::uint16_t synced = 0x0020;  ///< the sender was told of it itself
inline constexpr std::uint16_t no_output = 0x0080;
inline constexpr std::uint16_t inactive = 0x0100;
inline constexpr std::uint16_t out_seq = 0x0200;
inline constexpr std::uint16_t in_seq = 0x0400;
inline constexpr std::uint16_t no_client_port = 0x0800;
inline constexpr std::uint16_t is_template = 0x1000;
inline constexpr std::uint16_t one_packet = 0x2000;

inline constexpr std::uint16_t sequences = out_seq | in_seq;
/// What a receiver heeds.
inline constexpr std::uint16_t kept =
    method | no_output | inactive | sequences | no_client_port | is_template;
}  // namespace sync_flag

/// How the sequence numbers of one direction are moved (ipvs-behaviour 6.5): those after `start` by
/// `delta`, the others by `previous`. Host byte order.
struct SyncSequence {
    std::uint32_t start = 0;
    std::uint32_t delta = 0;
    std::uint32_t previous = 0;
    bool operator==(const SyncSequence&) const noexcept = default;
};

inline constexpr std::size_t longest_engine_name = 16;
inline constexpr std::size_t longest_engine_data = 255;

/// The addresses are of one family.
struct SyncRecord {
    Endpoint client;
    Endpoint virtual_service;  ///< of a template of a service on a mark: the mark as an address
    Endpoint server;
    Protocol protocol = Protocol::none;  ///< none: a template of a service on a mark
    std::uint8_t state = 0;              ///< as in Conn; of a template 1 when it is assured
    std::uint16_t flags = 0;             ///< of sync_flag
    Mark mark{};
    std::uint32_t timeout = 0;  ///< seconds that it lives from now on; 0: not said
    /// By Direction; that of the server's packets with out_seq, of the client's with in_seq.
    std::array<SyncSequence, 2> sequence{};
    /// The persistence engine and what it tells the client's templates apart by; empty: none.
    /// Views of memory that outlives the record.
    std::string_view engine{};
    std::span<const std::byte> engine_data{};

    [[nodiscard]] bool has(std::uint16_t flag) const noexcept { return (flags & flag) != 0; }
    [[nodiscard]] bool is_template() const noexcept { return has(sync_flag::is_template); }
    [[nodiscard]] Family family() const noexcept { return client.address.family(); }
};

}  // namespace shunt
