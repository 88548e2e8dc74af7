// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The near and far end of the tunnel to each real server that has one: what the outer headers say,
// worked out once for a snapshot and not for each packet (ipvs-behaviour 1.14).
#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "base/shared_tree.h"
#include "dataplane/net_table.h"
#include "dataplane/tunnel_headers.h"
#include "service/service_table.h"

namespace shunt {

/// Path MTUs toward hosts that routers told of, smaller than what the routes say. Immutable, made
/// by the control thread.
using PathMtus = std::map<IpAddress, std::uint16_t>;

/// What a worker learnt of the path to a tunnel's end, for the control thread.
struct PathMtuReport {
    IpAddress destination;
    std::uint16_t mtu = 0;
};

/// The ends of one tunnel, in two cache lines.
struct alignas(64) TunnelEnds {
    /// The outer headers, aligned to the end. Zero is in them what each packet says itself:
    /// lengths, class, TTL, number, DF, checksums, the source port of GUE.
    std::array<std::byte, most_tunnel_overhead> headers{};
    std::uint8_t overhead = 0;  ///< bytes of them; 0: no tunnel, or no way there
    /// Are the headers that of one family alone, IP in IP?
    enum class Alone : std::uint8_t { no, ipv4, ipv6 } alone = Alone::no;
    // One's complement sums, parts of outer checksums: of both addresses; of the network header.
    std::uint16_t address_sum = 0;
    std::uint16_t header_sum = 0;
    Tunnel tunnel;
    IpAddress source;       ///< this host's address on the way to the server
    IpAddress destination;  ///< the real server; of the same family
};
static_assert(sizeof(TunnelEnds) == 128);

/// The bytes that wrapping adds, the outer network header included.
[[nodiscard]] std::uint8_t tunnel_overhead(const Tunnel& tunnel, Family outer) noexcept;
/// The ends of a tunnel to `server` for packets of family `inside`. Without overhead when the
/// server is this host or no route leads there, or when the host has no address to send from.
[[nodiscard]] TunnelEnds tunnel_ends(const Tunnel& tunnel, const IpAddress& server, Family inside,
                                     const NetTable& network) noexcept;

/// By DestId. Made by the control thread with each new table of services or routes; not changed any
/// more once workers see it.
class TunnelTable {
  public:
    TunnelTable() = default;
    TunnelTable(const ServiceTable& services, const NetTable& network);

    /// The slot is this one from now on.
    void set(DestId id, const DestSlot& slot, const NetTable& network);

    /// Those without overhead for a server whose method is another one by now; connections that
    /// were opened before may still go there by tunnel.
    [[nodiscard]] const TunnelEnds& operator[](DestId id) const noexcept {
        const std::size_t part = id.value() / part_size;
        return part < known_.size() ? (*known_[part])[id.value() % part_size] : none;
    }

  private:
    static constexpr std::size_t part_size = 64;
    using Part = std::array<TunnelEnds, part_size>;

    static inline const TunnelEnds none{};
    static inline const Part no_part{};
    SharedTree<Part> parts_;          ///< those in which some server has, or had, a tunnel
    std::vector<const Part*> known_;  ///< the same in a row, for packets; never null
};

}  // namespace shunt
