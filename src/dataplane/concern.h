// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How a packet is known to be of a service, and which of its ends is the client's, which tells its
// owner (classify.cpp, with several workers). Thread: a worker.
#include "dataplane/worker.h"

namespace shunt {

enum class Concern : std::uint8_t {
    none,  ///< nobody's here: the host's
    to_virtual,
    from_server,   ///< from a real server that is translated for
    from_virtual,  ///< from a server of another kind, whose answers pass here
    may_be_data,   ///< from a real server's address, while data connections are announced
    marked,        ///< a mark rule matches
};

/// `mark()`: that of the packet; called when nothing else tells.
template <class F, class MarkOf>
[[nodiscard]] Concern concern_of(const WorkerState& worker, const FlowTuple<F>& tuple,
                                 MarkOf&& mark) noexcept {
    const ServiceTable& services = worker.services();
    if (services.is_virtual<F>(tuple.destination)) return Concern::to_virtual;
    if (services.is_real<F>(tuple.source, tuple.source_port)) return Concern::from_server;
    if (services.is_virtual<F>(tuple.source)) return Concern::from_virtual;
    const ExpectationTable* expectations = worker.shared.expectations.get();
    // The ports of announced connections are no service's, nor are those of the ones that another
    // balancer announced.
    const bool announced = expectations != nullptr && expectations->any();
    if ((announced || worker.snapshot->sync_backup) && services.is_real_address<F>(tuple.source))
        return Concern::may_be_data;
    return mark() != Mark{} ? Concern::marked : Concern::none;
}

/// The owner of a packet that is of some concern.
template <class F>
[[nodiscard]] WorkerId owner_for(const OwnerFunction& owners, Concern concern,
                                 const FlowTuple<F>& tuple) noexcept {
    const bool from_client = concern == Concern::to_virtual || concern == Concern::marked;
    return from_client ? owners.owner<F>(tuple.source, tuple.source_port)
                       : owners.owner<F>(tuple.destination, tuple.destination_port);
}

}  // namespace shunt
