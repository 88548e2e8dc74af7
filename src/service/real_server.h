// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A real server as the workers see it.
#include <cstdint>

#include "base/id.h"
#include "net/address.h"

namespace shunt {

/// How packets travel to a real server (ipvs-behaviour 1.12-1.15). Values are those of IPVS, which
/// also travel in its sync protocol. Whether the server is this host itself is not configured: the
/// route to it says so.
enum class ForwardMethod : std::uint8_t {
    nat = 0,
    tunnel = 2,
    direct = 3,
    bypass = 4,  ///< to the packet's own destination; of connections only, no server has it
};

/// How packets are wrapped on their way to a server (ipvs-behaviour 1.14). Values of IPVS.
enum class TunnelType : std::uint8_t { ipip = 0, gue = 1, gre = 2 };

enum class TunnelChecksum : std::uint8_t { none, full, remote };

struct Tunnel {
    TunnelType type = TunnelType::ipip;
    L4Port port;  ///< of the server, for GUE
    TunnelChecksum checksum = TunnelChecksum::none;
    bool operator==(const Tunnel&) const noexcept = default;
};

/// How many connections a server may have (ipvs-behaviour 2.11).
struct Thresholds {
    std::uint32_t upper = 0;  ///< at so many it gets no more; 0: no limit
    std::uint32_t lower = 0;  ///< below so many it gets new ones again; 0: three quarters of upper
    bool operator==(const Thresholds&) const noexcept = default;

    /// The lower threshold that holds.
    [[nodiscard]] std::uint32_t below() const noexcept {
        return lower != 0 ? lower : upper - upper / 4;
    }
};

struct RealServer {
    DestId id;
    /// Grows with every server that is added to the service; names a place in the service's order
    /// that stays meaningful when neighbours come and go.
    std::uint32_t sequence = 0;
    Endpoint endpoint;
    std::uint32_t weight = 1;
    ForwardMethod forward = ForwardMethod::nat;
    Tunnel tunnel{};  ///< for ForwardMethod::tunnel
    Thresholds thresholds{};
    /// The last weight that was not 0, or that which it was added with (ipvs-behaviour 4.6).
    std::uint32_t last_weight = 1;
};

}  // namespace shunt
