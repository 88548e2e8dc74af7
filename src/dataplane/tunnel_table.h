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

/// The ends of one tunnel, in one cache line.
struct alignas(64) TunnelEnds {
    IpAddress source;       ///< this host's address on the way to the server
    IpAddress destination;  ///< the real server; of the same family
    Tunnel tunnel;
    std::uint8_t overhead = 0;  ///< bytes that the wrapping adds; 0: no tunnel, or no way there
    /// The one's complement sum of both addresses, a part of each outer checksum.
    std::uint16_t address_sum = 0;
};
static_assert(sizeof(TunnelEnds) == 64);

/// The bytes that wrapping adds, the outer network header included.
[[nodiscard]] std::uint8_t tunnel_overhead(const Tunnel& tunnel, Family outer) noexcept;
/// No tunnel adds more: IPv6, UDP and GUE headers.
inline constexpr std::uint8_t most_tunnel_overhead = 52;

/// The ends of a tunnel to `server`. Without overhead when the server is this host or no route
/// leads there, or when the host has no address to send from.
[[nodiscard]] TunnelEnds tunnel_ends(const Tunnel& tunnel, const IpAddress& server,
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
