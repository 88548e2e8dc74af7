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

/// 2. classify.cpp: what cannot be a packet of a service goes to the host; with several workers,
/// what another one owns is handed over. Returns what this worker is to look up.
template <class F>
PlaceList stage_classify(WorkerState& worker, Batch& batch, const PlaceList& places) noexcept;

/// 3. lookup.cpp: finds connections, the whole burst at once. `unclaimed` gets the rest.
template <class F>
ClaimedList<F> stage_lookup(WorkerState& worker, Batch& batch, const PlaceList& places,
                            PlaceList& unclaimed) noexcept;

/// 4. admit.cpp: new connections for packets that may open one; the others go to the host or are
/// refused. Takes packets from the front of `unclaimed` and stops where the fate of the next one
/// may hang on those that are claimed now: what new connections do is as if packets came one by
/// one.
template <class F>
ClaimedList<F> stage_admit(WorkerState& worker, Batch& batch, PlaceList& unclaimed) noexcept;

/// 5. advance.cpp: availability of the real server, protocol state, expiry, statistics. Returns the
/// packets to forward. `late` gets those that open a new connection in the place of one that is
/// over, and what follows them.
template <class F>
ClaimedList<F> stage_advance(WorkerState& worker, Batch& batch, const ClaimedList<F>& claimed,
                             PlaceList& late) noexcept;

/// 6. forward_nat.cpp: address translation; then each packet is sent or held (7. resolve.h).
template <class F>
void stage_forward(WorkerState& worker, Batch& batch, const ClaimedList<F>& claimed) noexcept;

}  // namespace shunt
