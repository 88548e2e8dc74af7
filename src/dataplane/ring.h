// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstdint>
#include <string_view>

#include "dataplane/transmitter.h"

namespace shunt {

/// A DPDK ring with a name of its own; `depth` is rounded up to a power of two, `element_size` is a
/// multiple of 4 bytes. Null when memory is short: the caller refuses to start. Thread: control.
RingPtr make_ring(std::string_view what, std::uint32_t depth, unsigned flags,
                  unsigned element_size = sizeof(void*));

}  // namespace shunt
