// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The stages one after the other, for run_pipeline() and for who wants to hear what they say
// (trace.cpp).
#include "dataplane/stages.h"

namespace shunt {

template <class F, class Listener>
void run_family(WorkerState& worker, Batch& batch, const PlaceList& places,
                Listener& listener) noexcept {
    if (places.empty()) return;
    const PlaceList mine = stage_classify<F>(worker, batch, places);
    listener.template classified<F>(mine);
    PlaceList unclaimed;
    ClaimedList<F> claimed = stage_lookup<F>(worker, batch, mine, unclaimed);
    listener.template looked_up<F>(mine, claimed);
    for (;;) {
        PlaceList late;
        listener.template forwards<F>(claimed);
        stage_forward<F>(worker, batch, claimed, late);
        listener.template forwarded<F>(claimed, late);
        unclaimed = PlaceList(late, unclaimed);
        if (unclaimed.empty()) return;
        claimed = stage_admit<F>(worker, batch, unclaimed);
        listener.template admitted<F>(claimed);
    }
}

/// Runs a burst through all stages. `listener` is called between them, with what they returned; it
/// changes nothing. Every packet has a verdict afterwards.
template <class Listener>
void run_stages(WorkerState& worker, Batch& batch, Listener& listener) noexcept {
    const ByFamily families = stage_parse(worker, batch);
    listener.parsed(families);
    run_family<Ipv4>(worker, batch, families.ipv4, listener);
    run_family<Ipv6>(worker, batch, families.ipv6, listener);
}

}  // namespace shunt
