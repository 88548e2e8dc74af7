// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A real server as the workers see it.
#include <cstdint>

#include "base/id.h"
#include "net/address.h"

namespace shunt {

/// How packets travel to a real server (ipvs-behaviour 1.12-1.14).
enum class ForwardMethod : std::uint8_t { nat };

struct RealServer {
    DestId id;
    /// Grows with every server that is added to the service; names a place in the service's order
    /// that stays meaningful when neighbours come and go.
    std::uint32_t sequence = 0;
    Endpoint endpoint;
    std::uint32_t weight = 1;
    ForwardMethod forward = ForwardMethod::nat;

    /// May a new connection go there (ipvs-behaviour 4.1)?
    [[nodiscard]] bool eligible() const noexcept { return weight > 0; }
};

}  // namespace shunt
