// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// ICMP and ICMPv6 errors that the balancer sends itself (RFC 792, RFC 1122 3.2.2, RFC 4443 2.4;
// ipvs-behaviour 1.22), within the limits of icmp_limit.h.
#include "dataplane/worker.h"

namespace shunt {

enum class IcmpError : std::uint8_t {
    net_unreachable,
    host_unreachable,
    port_unreachable,
    time_exceeded,
    reassembly_timeout,
    packet_too_big,
};

/// What an error says, in the numbers of its family.
struct IcmpMessage {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t mtu = 0;  ///< when a packet was too big
    bool operator==(const IcmpMessage&) const noexcept = default;
};

/// The packet that an error is about: as much of it as lies in `packet` from `offset` on.
template <class F>
struct Quotation {
    const rte_mbuf* packet = nullptr;
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
    typename F::Address source{};
    typename F::Address destination{};
};

/// Tells the sender of `about` why it was not delivered. `about` stays the caller's, unchanged.
/// `mtu`: of the way it could not take, for packet_too_big.
///
/// Nothing is sent about an ICMP error or a later fragment, about what came to a group of hosts on
/// the link, or when source or destination is not one host's address; nor what the limits forbid.
template <class F>
void send_icmp_error(WorkerState& worker, const rte_mbuf* about, const PacketMeta& meta,
                     IcmpError error, std::uint16_t mtu = 0) noexcept;

/// The same for a packet that another one quotes, which is known to be none of the former.
template <class F>
void send_icmp_message(WorkerState& worker, const Quotation<F>& about,
                       const IcmpMessage& message) noexcept;

}  // namespace shunt
