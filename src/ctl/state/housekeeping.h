// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the control thread does by the clock: frees old snapshots, estimates rates, measures how
// busy the workers are, moves servers in slow start on, gives free removed servers and what
// schedulers remember in vain.
#include <boost/asio/io_context.hpp>
#include <chrono>

#include "ctl/state/busy_meter.h"
#include "ctl/state/periodic.h"
#include "ctl/state/publisher.h"
#include "ctl/state/service_registry.h"

namespace shunt::ctl {

/// Works from construction on, on the io_context's thread. Everything given outlives it.
class Housekeeping {
  public:
    Housekeeping(boost::asio::io_context& io, Publisher& publisher, ServiceRegistry& registry,
                 BusyMeter& busy, const SharedState& shared);

  private:
    static constexpr std::chrono::milliseconds tick{100};
    void work();

    Publisher& publisher_;
    ServiceRegistry& registry_;
    BusyMeter& busy_;
    const SharedState& shared_;  ///< for its clock
    std::chrono::milliseconds elapsed_{0};
    Periodic timer_;
};

}  // namespace shunt::ctl
