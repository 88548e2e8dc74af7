// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Places in a service's order, for schedulers that go round it.
#include <algorithm>

#include "service/scheduler.h"

namespace shunt {

/// The position behind the server with this sequence number, which may be gone: sequence numbers
/// fall along the list.
[[nodiscard]] inline std::size_t behind(std::span<const RealServer> servers,
                                        std::uint64_t sequence) noexcept {
    const auto at = std::ranges::partition_point(
        servers, [&](const RealServer& server) { return server.sequence >= sequence; });
    return static_cast<std::size_t>(at - servers.begin());
}

}  // namespace shunt
