// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/pipeline.h"

namespace shunt {

namespace {

/// Nobody listens.
struct Nobody {
    void parsed(const ByFamily&) noexcept {}
    template <class F>
    void classified(const PlaceList&) noexcept {}
    template <class F>
    void looked_up(const PlaceList&, const ClaimedList<F>&) noexcept {}
    template <class F>
    void forwards(const ClaimedList<F>&) noexcept {}
    template <class F>
    void forwarded(const ClaimedList<F>&, const PlaceList&) noexcept {}
    template <class F>
    void admitted(const ClaimedList<F>&) noexcept {}
};

}  // namespace

void run_pipeline(WorkerState& worker, Batch& batch) noexcept {
    Nobody nobody;
    run_stages(worker, batch, nobody);
}

}  // namespace shunt
