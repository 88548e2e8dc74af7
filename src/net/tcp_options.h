// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A walk over the options of a TCP header (RFC 9293 3.1, 3.2). Pure; thread: any.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "net/view.h"

namespace shunt {

struct TcpOption {
    std::uint8_t kind = 0;
    std::size_t at = 0;      ///< of its first byte
    std::size_t length = 0;  ///< all of it, at least 2; it is there
};

/// The option at `at` or behind it, no-operations passed over. Nothing where the list ends, or goes
/// on as none can.
[[nodiscard]] inline std::optional<TcpOption> next_tcp_option(PacketReader options,
                                                              std::size_t at) noexcept {
    constexpr std::uint8_t end_of_options = 0;
    constexpr std::uint8_t no_operation = 1;
    for (;; ++at) {
        const auto kind = options.read<std::uint8_t>(at);
        if (!kind || *kind == end_of_options) return std::nullopt;
        if (*kind == no_operation) continue;
        const std::size_t length = options.read<std::uint8_t>(at + 1).value_or(0);
        if (length < 2 || at + length > options.size()) return std::nullopt;
        return TcpOption{*kind, at, length};
    }
}

}  // namespace shunt
