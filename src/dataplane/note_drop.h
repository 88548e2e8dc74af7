// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// All that those who count drops have to know of watching (watch.h).
#include <rte_mbuf.h>

#include "base/drop_reason.h"

namespace shunt {

class Watch;

/// To be called before a packet is freed, when there is a Watch.
void note_drop(Watch& watch, const rte_mbuf* packet, DropReason reason) noexcept;

}  // namespace shunt
