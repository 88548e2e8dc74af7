// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Which packets somebody wants to see, by their own headers. Pure functions, for any thread.
#include <cstdint>
#include <optional>

#include "net/tuple.h"
#include "net/view.h"

namespace shunt {

/// What is not set matches everything; what is set has to match all together.
struct PacketFilter {
    std::optional<Protocol> protocol;  ///< Protocol::icmp stands for ICMPv6 too
    // The two ends of a flow, whichever way the packet goes. With both a virtual endpoint and a
    // server, the far end may be either. Port 0 is any port.
    std::optional<IpPrefix> client;
    std::optional<Endpoint> virtual_service;
    std::optional<Endpoint> server;
    // Of either end.
    std::optional<IpPrefix> address;
    std::optional<L4Port> port;

    /// Is nothing set?
    [[nodiscard]] bool everything() const noexcept;
    template <class F>
    [[nodiscard]] bool matches(const FlowTuple<F>& tuple) const noexcept;
    /// The first bytes of a frame, as many as headers need, and the length of all of it. An ICMP
    /// error matches by the packet that it quotes, too. What has no sound headers matches only when
    /// nothing is set.
    [[nodiscard]] bool matches(PacketReader frame, std::uint32_t frame_length) const noexcept;

  private:
    template <class Address>
    [[nodiscard]] bool joins(const Address& near, const Address& far,
                             L4Port far_port) const noexcept;
};

}  // namespace shunt
