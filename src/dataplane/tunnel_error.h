// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// ICMP errors about packets that this host wrapped for a tunnel: they come to the tunnel's near
// end, and the client, whose packet is inside, has to know (ipvs-behaviour 1.20, RFC 2473 8,
// RFC 4213 3.4). Outer and inner packet may be of different families; then type and code are
// translated as in RFC 7915 4.2 and 5.2.
#include <optional>

#include "dataplane/icmp_error.h"
#include "dataplane/icmp_relay.h"

namespace shunt {

/// How a quoted packet is wrapped, and what is inside. Offsets as in PacketMeta.
struct Wrapping {
    TunnelType type = TunnelType::ipip;
    L4Port port{};  ///< of the far end, for GUE
    Family inner = Family::ipv4;
    std::uint32_t inner_offset = 0;
};

/// Nothing when the quoted packet is not wrapped in any way that tunnels here use, or ends before
/// the packet inside. `frame`: what `quoted` was read from.
template <class F>
[[nodiscard]] std::optional<Wrapping> quoted_wrapping(PacketReader frame,
                                                      const QuotedPacket<F>& quoted) noexcept;

/// What the client is told when a router or server told the near end of the tunnel `message`;
/// nothing when the client's family has no words for it. An MTU stays what it is.
template <class Outer, class Inner>
[[nodiscard]] std::optional<IcmpMessage> retold(const IcmpMessage& message) noexcept;

/// Takes an error with `subject.tunnel`, whose client this worker owns. The MTU of the way is
/// reported to the control thread; the client is told in an error of our own about his packet, with
/// what fits within the tunnel. An error that is about no connection through that tunnel passes as
/// if there were no balancer.
template <class F>
void relay_tunnel_error(WorkerState& worker, const Batch& batch, rte_mbuf* packet,
                        const PacketMeta& meta, const ErrorSubject<F>& subject) noexcept;

}  // namespace shunt
