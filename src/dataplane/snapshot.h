// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Everything that workers read and never write, of one moment. The control thread publishes a new
// one by a single pointer store; the old one is freed when every worker has passed a quiescent
// state (docs/decisions/0002). So a change is seen whole or not at all.
#include <cstdint>
#include <memory>

#include "conn/timeouts.h"
#include "dataplane/net_table.h"
#include "service/service_table.h"

namespace shunt {

struct Snapshot {
    std::shared_ptr<const ServiceTable> services;
    std::shared_ptr<const NetTable> network;
    Timeouts timeouts;
    std::uint32_t generation = 0;  ///< 1 for the first one published, then counted up
};

}  // namespace shunt
