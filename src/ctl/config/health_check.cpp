// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/health_check.h"

#include <charconv>

namespace shunt::ctl {

namespace {

std::optional<std::uint16_t> parse_status(std::string_view text) {
    std::uint16_t status = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, status);
    if (error != std::errc{} || at != end || status < 100 || status > 599) return {};
    return status;
}

}  // namespace

std::optional<StatusRange> parse_status_range(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = parse_status(text.substr(0, dash));
    const auto last = dash == text.npos ? first : parse_status(text.substr(dash + 1));
    if (!first || !last || *first > *last) return {};
    return StatusRange{*first, *last};
}

std::string to_string(const StatusRange& range) {
    const std::string first = std::to_string(range.first);
    return range.first == range.last ? first : first + '-' + std::to_string(range.last);
}

}  // namespace shunt::ctl
