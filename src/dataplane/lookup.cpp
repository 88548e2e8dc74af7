// SPDX-License-Identifier: BSD-3-Clause
// Stage 3: connections of a whole burst.
#include "dataplane/connections.h"
#include "dataplane/stages.h"

namespace shunt {

template <class F>
ClaimedList<F> stage_lookup(WorkerState& worker, Batch& batch, const PlaceList& places,
                            PlaceList& unclaimed) noexcept {
    ConnTable<F>& table = worker.conns<F>();
    std::array<const FlowTuple<F>*, burst_size> tuples;
    std::array<std::uint32_t, burst_size> hashes;
    std::size_t n = 0;
    for (const auto place : places) {
        tuples[n] = &batch.meta[place].tuple<F>();
        hashes[n] = table.hash(*tuples[n]);
        table.prefetch(hashes[n]);
        ++n;
    }
    ClaimedList<F> claimed;
    table.find_burst(std::span(tuples).first(n), std::span(hashes).first(n),
                     [&, port = batch.port](std::size_t i, ConnRef<F> ref) noexcept {
                         const std::uint8_t place = places.begin()[i];
                         if (ref.conn != nullptr) [[likely]] {
                             claimed.push({place, ref.direction, port, ref.conn});
                         } else {
                             batch.hashes[place] = hashes[i];
                             unclaimed.push(place);
                         }
                     });
    return claimed;
}

template ClaimedList<Ipv4> stage_lookup(WorkerState&, Batch&, const PlaceList&,
                                        PlaceList&) noexcept;
template ClaimedList<Ipv6> stage_lookup(WorkerState&, Batch&, const PlaceList&,
                                        PlaceList&) noexcept;

}  // namespace shunt
