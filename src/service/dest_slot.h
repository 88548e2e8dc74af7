// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What an existing connection has to know about its real server.
#include "base/time.h"
#include "service/real_server.h"

namespace shunt {

/// How long connections of a service live without a packet, where that is not as for all; zero: it
/// is.
struct ServiceTimeouts {
    Ticks tcp{};      ///< established
    Ticks tcp_fin{};  ///< in FIN_WAIT
    Ticks udp{};
    bool operator==(const ServiceTimeouts&) const noexcept = default;
};

/// One DestId slot.
struct DestSlot {
    bool available = false;  ///< still in its service
    std::uint32_t weight = 0;
    Endpoint endpoint;
    ForwardMethod forward = ForwardMethod::nat;
    Tunnel tunnel;
    bool limited = false;  ///< has an upper threshold
    /// Of its service, which may be gone; of a service on a mark the unspecified one.
    IpAddress virtual_address;
    bool was_nat = false;  ///< connections from when `forward` was nat may live on
    bool in_use = false;   ///< the slot names a server, in its service or removed
    /// Connections may go to any port of the server, whatever its own (ipvs-behaviour 5.3).
    bool any_port = false;
    ServiceTimeouts timeouts{};  ///< of its service
    bool operator==(const DestSlot&) const noexcept = default;
};

}  // namespace shunt
