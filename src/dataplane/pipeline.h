// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The stages one after the other, for run_pipeline() and for who wants to hear what they say
// (trace.cpp).
#include "dataplane/stages.h"

namespace shunt {

/// What a listener is shown of a burst's packets that have a connection.
template <class F>
using Claims = std::span<const Claimed<F>>;

/// A listener that does not listen; one that hears a few things derives from it.
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

/// A packet without a connection, or one that opens another in the place of its own.
template <class F, class Listener>
void run_newcomer(WorkerState& worker, Batch& batch, std::uint8_t place,
                  Listener& listener) noexcept {
    for (bool late = true; late;) {
        const Claimed<F> claim = stage_admit<F>(worker, batch, place);
        const Claims<F> admitted(&claim, claim.conn != nullptr ? 1 : 0);
        listener.template admitted<F>(admitted);
        if (admitted.empty()) return;
        listener.template forwards<F>(admitted);
        late = !forward_one<F>(worker, batch, claim);
        listener.template forwarded<F>(admitted, late);
    }
}

template <class F, class Listener>
void run_family(WorkerState& worker, Batch& batch, const PlaceList& places,
                Listener& listener) noexcept {
    if (places.empty()) return;
    const PlaceList mine = stage_classify<F>(worker, batch, places);
    listener.template classified<F>(mine);
    PlaceList unclaimed;
    const ClaimedList<F> claimed = stage_lookup<F>(worker, batch, mine, unclaimed);
    listener.template looked_up<F>(mine, claimed);
    PlaceList late;
    listener.template forwards<F>(claimed);
    stage_forward<F>(worker, batch, claimed, late);
    listener.template forwarded<F>(claimed, !late.empty());
    if (late.empty() && unclaimed.empty()) [[likely]]
        return;
    for (const auto place : PlaceList(late, unclaimed))
        run_newcomer<F>(worker, batch, place, listener);
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
