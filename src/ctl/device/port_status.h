// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What is told of a port. Thread: control.
#include <cstdint>
#include <string>

#include "base/id.h"
#include "net/address.h"

namespace shunt::ctl {

/// A port as port.list shows it.
struct PortStatus {
    std::string name;
    std::string device;
    MacAddress mac;
    std::uint16_t mtu = 0;
    bool link_up = false;
    std::string steering;  ///< how packets find their worker, in words
    std::uint16_t receive_queues = 0;
    std::uint16_t transmit_queues = 0;
    bool twin = false;
    PortId id{};
    std::uint64_t received = 0;  ///< packets, as the device counts them
    std::uint64_t sent = 0;
    std::uint64_t missed = 0;  ///< not received for want of room
    std::uint64_t errors = 0;
};

}  // namespace shunt::ctl
