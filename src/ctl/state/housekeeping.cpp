// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/housekeeping.h"

#include <rte_cycles.h>

namespace shunt::ctl {

Housekeeping::Housekeeping(boost::asio::io_context& io, Publisher& publisher,
                           ServiceRegistry& registry, BusyMeter& busy, const SharedState& shared)
    : publisher_(publisher),
      registry_(registry),
      busy_(busy),
      shared_(shared),
      timer_(io, tick, [this] { work(); }) {}

void Housekeeping::work() {
    elapsed_ += tick;
    const auto due = [this](std::chrono::milliseconds period) {
        return elapsed_ % period == std::chrono::milliseconds::zero();
    };
    publisher_.reclaim();
    if (due(BusyMeter::period)) busy_.sample(rte_rdtsc());
    if (due(RateEstimator::period)) registry_.estimate();
    if (due(ServiceRegistry::ramp_period)) registry_.ramp(ServiceRegistry::Clock::now());
    if (!due(ServiceRegistry::collect_period)) return;
    registry_.collect(ServiceRegistry::Clock::now());
    registry_.collect_memories(shared_.tick_at(rte_rdtsc()));
}

}  // namespace shunt::ctl
