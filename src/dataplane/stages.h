// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The stages that a burst moves through, in order. Each is a plain function over places in the
// burst, in a file of its own; a packet that leaves the pipeline in a stage gets its verdict there.
#include <array>

#include "dataplane/worker.h"

namespace shunt {

/// Runs a burst through all stages. Every packet of it has a verdict afterwards.
void run_pipeline(WorkerState& worker, Batch& batch) noexcept;

struct ByFamily {
    PlaceList ipv4;
    PlaceList ipv6;
};

/// 1. parse.cpp: reads headers; malformed packets are dropped, what is not IP goes to the host.
ByFamily stage_parse(WorkerState& worker, Batch& batch) noexcept;

/// The same for one packet: why it must be dropped, or nothing. `packet` changes when a VLAN tag
/// that was taken out on the way here is put back.
std::optional<DropReason> parse_packet(rte_mbuf*& packet, PacketMeta& meta) noexcept;

/// 2. classify.cpp: what cannot be a packet of a service goes to the host; fragments are put
/// together; ICMP errors about connections take a way of their own (icmp_relay.h); with several
/// workers, what another one owns is handed over. Returns what this worker is to look up.
template <class F>
PlaceList stage_classify(WorkerState& worker, Batch& batch, const PlaceList& places) noexcept;

/// 3. lookup.cpp: finds connections, the whole burst at once. `unclaimed` gets the rest.
template <class F>
ClaimedList<F> stage_lookup(WorkerState& worker, Batch& batch, const PlaceList& places,
                            PlaceList& unclaimed) noexcept;

/// 4. admit.cpp: the connection of a packet that had none when the burst came: a new one, or that
/// of a packet before it. Without either the packet goes to the host or is refused, and `conn` is
/// null. One by one, each being forwarded before the next is admitted: what a scheduler chooses
/// hangs on what became of the packets before.
template <class F>
Claimed<F> stage_admit(WorkerState& worker, Batch& batch, std::uint8_t place) noexcept;

/// The same for an ICMP error without connection (schedule_icmp): `tuple` is that of packets from
/// the client in whose connection the error goes. Null when the packet was disposed of.
template <class F>
Conn<F>* admit_for_error(WorkerState& worker, const Batch& batch, rte_mbuf* packet,
                         const PacketMeta& meta, const FlowTuple<F>& tuple) noexcept;

/// 5. and 6. forward.cpp: each packet in turn advances its connection (advance.h) and is forwarded
/// by its connection's method (forwarders.h), most of them at one go (straight.h); then it is sent
/// or held (7. resolve.h). `late` gets those that open a new connection in the place of one that is
/// over, and what follows them.
template <class F>
void stage_forward(WorkerState& worker, Batch& batch, const ClaimedList<F>& claimed,
                   PlaceList& late) noexcept;

/// The same for one packet; false when it is late.
template <class F>
bool forward_one(WorkerState& worker, Batch& batch, const Claimed<F>& claim) noexcept;

}  // namespace shunt
