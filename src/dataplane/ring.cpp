// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/ring.h"

#include <rte_lcore.h>

#include <atomic>
#include <bit>
#include <string>

namespace shunt {

RingPtr make_ring(std::string_view what, std::uint32_t depth, unsigned flags) {
    static std::atomic<unsigned> serial{0};
    const std::string name = std::string(what) + "-" + std::to_string(serial++);
    return RingPtr(
        rte_ring_create(name.c_str(), std::bit_ceil(depth), static_cast<int>(SOCKET_ID_ANY), flags));
}

}  // namespace shunt
