// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// ICMP and ICMPv6 errors of others about packets of connections: whose they are, and their
// translation on the way to the end that has to know (ipvs-behaviour 1.17-1.19; those about our own
// tunnels, 1.20, in tunnel_error.h).
//
//   if (is_relayed_error<F>(meta))
//       if (const auto subject = error_subject<F>(worker, packet, meta))
//           // the worker that owns the client of subject->tuple:
//           relay_icmp_error<F>(worker, batch, packet, meta, *subject);
#include <optional>
#include <variant>

#include "dataplane/worker.h"

namespace shunt {

/// Is it an error of the types that are related to connections: destination unreachable, source
/// quench, time exceeded, or any error of ICMPv6?
template <class F>
[[nodiscard]] constexpr bool is_relayed_error(const PacketMeta& meta) noexcept {
    if (meta.tuple<F>().protocol != F::icmp) return false;
    if constexpr (std::is_same_v<F, Ipv6>) return meta.icmp_type < 128;
    return meta.icmp_type == 3 || meta.icmp_type == 4 || meta.icmp_type == 11;
}

/// What an ICMP error is about.
template <class F>
struct ErrorSubject {
    QuotedPacket<F> quoted;
    /// Of packets that go the same way as the error: that of the quoted packet with its ends
    /// swapped. With `tunnel` that of the client's packet within the quoted one, which may be of
    /// the other family. ESP and AH count as UDP from port 500 to port 500.
    std::variant<FlowTuple<Ipv4>, FlowTuple<Ipv6>> tuple;
    bool tunnel = false;
};

/// Reads the quoted packet; nothing when it is none that could belong to a connection: it is of
/// another protocol, ends before its ports, or is a later fragment of IPv6. Where ports would be in
/// a later fragment of IPv4, data are taken for them, as in IPVS. May join the packet's buffers.
template <class F>
[[nodiscard]] std::optional<ErrorSubject<F>> error_subject(const WorkerState& worker,
                                                           rte_mbuf* packet,
                                                           const PacketMeta& meta) noexcept;

/// Takes an error whose subject this worker owns: translates and sends it, opens a connection for
/// it (schedule_icmp), or lets it pass as if there were no balancer. No state or timer changes, and
/// nobody is told of an error that goes no further. It goes on to servers that were removed, too.
template <class F>
void relay_icmp_error(WorkerState& worker, const Batch& batch, rte_mbuf* packet, PacketMeta& meta,
                      const ErrorSubject<F>& subject) noexcept;

/// Is the checksum of an ICMP packet right?
template <class F>
[[nodiscard]] bool icmp_checksum_right(const rte_mbuf* packet, const PacketMeta& meta) noexcept;

}  // namespace shunt
