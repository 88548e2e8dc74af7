// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/port_range.h"

#include <charconv>

namespace shunt::ctl {

namespace {

std::optional<L4Port> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, port);
    if (error != std::errc{} || at != end) return {};
    return L4Port(port);
}

}  // namespace

std::optional<PortRange> parse_port_range(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = parse_port(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
    if (!first || !last || *last < *first) return {};
    return PortRange{*first, *last};
}

std::string to_string(const PortRange& range) {
    const auto first = std::to_string(range.first.value());
    return range.first == range.last ? first : first + '-' + std::to_string(range.last.value());
}

}  // namespace shunt::ctl
