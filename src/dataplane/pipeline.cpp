// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/stages.h"

namespace shunt {

namespace {

template <class F>
void run_family(WorkerState& worker, Batch& batch, const PlaceList& places) noexcept {
    if (places.empty()) return;
    const PlaceList mine = stage_classify<F>(worker, batch, places);
    PlaceList unclaimed;
    ClaimedList<F> claimed = stage_lookup<F>(worker, batch, mine, unclaimed);
    for (;;) {
        PlaceList late;
        stage_forward<F>(worker, batch, claimed, late);
        unclaimed = PlaceList(late, unclaimed);
        if (unclaimed.empty()) return;
        claimed = stage_admit<F>(worker, batch, unclaimed);
    }
}

}  // namespace

void run_pipeline(WorkerState& worker, Batch& batch) noexcept {
    const ByFamily families = stage_parse(worker, batch);
    run_family<Ipv4>(worker, batch, families.ipv4);
    run_family<Ipv6>(worker, batch, families.ipv6);
}

}  // namespace shunt
