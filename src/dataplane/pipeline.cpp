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
    void looked_up(const PlaceList&, Claims<F>) noexcept {}
    template <class F>
    void forwards(Claims<F>) noexcept {}
    template <class F>
    void forwarded(Claims<F>, bool) noexcept {}
    template <class F>
    void admitted(Claims<F>) noexcept {}
};

}  // namespace

void run_pipeline(WorkerState& worker, Batch& batch) noexcept {
    Nobody nobody;
    run_stages(worker, batch, nobody);
}

}  // namespace shunt
