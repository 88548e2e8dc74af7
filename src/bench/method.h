// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How the measured packets travel to the real servers.
#include <string_view>

#include "service/real_server.h"

namespace shunt::bench {

struct Method {
    ForwardMethod forward = ForwardMethod::nat;
    TunnelType tunnel = TunnelType::ipip;  ///< for ForwardMethod::tunnel

    /// With every other method real servers answer their clients past the balancer.
    [[nodiscard]] bool replies_come_back() const noexcept { return forward == ForwardMethod::nat; }
};

/// "nat", "dr" or "tun". No server has ForwardMethod::bypass.
constexpr std::string_view to_string(ForwardMethod forward) noexcept {
    switch (forward) {
        case ForwardMethod::tunnel:
            return "tun";
        case ForwardMethod::direct:
            return "dr";
        case ForwardMethod::nat:
        case ForwardMethod::bypass:
            break;
    }
    return "nat";
}

/// "ipip", "gre" or "gue".
constexpr std::string_view to_string(TunnelType tunnel) noexcept {
    switch (tunnel) {
        case TunnelType::gre:
            return "gre";
        case TunnelType::gue:
            return "gue";
        case TunnelType::ipip:
            break;
    }
    return "ipip";
}

}  // namespace shunt::bench
