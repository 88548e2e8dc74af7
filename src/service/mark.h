// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The number that the operator's rules give a packet, and by which services can be had (fwmark in
// IPVS words; ipvs-behaviour 1.3).
#include "base/id.h"

namespace shunt {

/// 0: no mark.
using Mark = Id<struct MarkTag, std::uint32_t>;

}  // namespace shunt
