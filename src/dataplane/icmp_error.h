// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// ICMP and ICMPv6 errors that the balancer sends itself (RFC 792, RFC 4443; ipvs-behaviour 1.22).
#include "dataplane/worker.h"

namespace shunt {

enum class IcmpError : std::uint8_t {
    net_unreachable,
    host_unreachable,
    port_unreachable,
    time_exceeded,
    packet_too_big,
};

/// Tells the sender of `about` why it was not delivered. `about` stays the caller's, unchanged.
/// `mtu`: of the way it could not take, for packet_too_big. Nothing is sent to a source that is not
/// one host's address.
template <class F>
void send_icmp_error(WorkerState& worker, const rte_mbuf* about, const PacketMeta& meta,
                     IcmpError error, std::uint16_t mtu = 0) noexcept;

}  // namespace shunt
