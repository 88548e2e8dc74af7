// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The hash of an address in tables that hold both families. Thread: any.
#include "base/hash.h"
#include "net/address.h"

namespace shunt {

/// Of its own bytes alone.
[[nodiscard]] inline std::uint64_t hash_of(const IpAddress& address, std::uint64_t seed) noexcept {
    return address.visit([seed](const auto& a) { return hash_of(a, seed); });
}

}  // namespace shunt
