// SPDX-License-Identifier: BSD-3-Clause
// Direct routing: the packet is sent to the real server's link address as it is, its destination
// stays the virtual one, and the server answers the client by itself (ipvs-behaviour 1.13). The
// same for packets that go on to their own destination (bypass, 1.15).
#include "dataplane/forwarders.h"

namespace shunt {

template <class F>
void forward_direct(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                    const Claimed<F>& claim) noexcept {
    send_on<F>(worker, packet, meta, claim);
}

template void forward_direct<Ipv4>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                   const Claimed<Ipv4>&) noexcept;
template void forward_direct<Ipv6>(WorkerState&, rte_mbuf*, const PacketMeta&,
                                   const Claimed<Ipv6>&) noexcept;

}  // namespace shunt
