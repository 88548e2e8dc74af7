// SPDX-License-Identifier: BSD-3-Clause
#include "net/ipv4_options.h"

#include <cstdint>

namespace shunt {

namespace {

constexpr std::uint8_t end_of_list = 0;
constexpr std::uint8_t no_operation = 1;
constexpr std::uint8_t record_route = 7;
constexpr std::uint8_t loose_source_route = 131;
constexpr std::uint8_t strict_source_route = 137;

/// Lists of addresses have a pointer and room for whole addresses.
bool sound_address_list(std::span<const std::byte> option) noexcept {
    constexpr std::size_t head = 3;
    constexpr std::uint8_t first_place = 4;
    return option.size() >= head && std::to_integer<std::uint8_t>(option[2]) >= first_place &&
           (option.size() - head) % 4 == 0;
}

}  // namespace

std::optional<DropReason> refuse_options(std::span<const std::byte> options) noexcept {
    while (!options.empty()) {
        const auto type = std::to_integer<std::uint8_t>(options[0]);
        if (type == end_of_list) break;
        if (type == no_operation) {
            options = options.subspan(1);
            continue;
        }
        if (options.size() < 2) return DropReason::ipv4_bad_options;
        const auto length = std::to_integer<std::uint8_t>(options[1]);
        if (length < 2 || length > options.size()) return DropReason::ipv4_bad_options;
        if (type == loose_source_route || type == strict_source_route)
            return DropReason::ipv4_source_route;
        if (type == record_route && !sound_address_list(options.first(length)))
            return DropReason::ipv4_bad_options;
        options = options.subspan(length);
    }
    return std::nullopt;
}

}  // namespace shunt
