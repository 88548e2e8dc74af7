// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a forwarding method must make of a frame, worked out without the balancer's own code; the
// checksums are computed from scratch by DPDK's functions.
#include <cstddef>
#include <optional>
#include <vector>

#include "bench/lab.h"

namespace shunt::bench {

/// `frame`, one of FrameTemplate's, as the balancer must send it. `reply`: it comes from real
/// server `server` (with NAT only), else it goes there.
template <class F>
std::vector<std::byte> expected_frame(const Method& method, std::vector<std::byte> frame,
                                      bool reply, unsigned server);

/// Where the sent frame has a source port that the balancer may choose from gue_source_ports, and
/// that is 0 in the expected one; nothing for most methods.
template <class F>
std::optional<std::size_t> chosen_port_at(const Method& method) noexcept;

/// Those that the kernel gives to clients by default.
struct PortRange {
    std::uint16_t first;
    std::uint16_t last;
};
inline constexpr PortRange gue_source_ports{32768, 60999};

}  // namespace shunt::bench
