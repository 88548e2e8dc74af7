// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/ring.h"

#include <rte_lcore.h>
#include <rte_ring_elem.h>

#include <atomic>
#include <bit>
#include <string>

namespace shunt {

RingPtr make_ring(std::string_view what, std::uint32_t depth, unsigned flags,
                  unsigned element_size) {
    static std::atomic<unsigned> serial{0};
    const std::string name = std::string(what) + "-" + std::to_string(serial++);
    return RingPtr(rte_ring_create_elem(name.c_str(), element_size, std::bit_ceil(depth),
                                        static_cast<int>(SOCKET_ID_ANY), flags));
}

}  // namespace shunt
