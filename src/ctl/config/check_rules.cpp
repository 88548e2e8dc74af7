// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/check_rules.h"

#include <algorithm>
#include <string_view>

namespace shunt::ctl {

namespace {

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// They stand in a line of a request, so no blank and no end of a line may be among them.
bool is_path(std::string_view text) {
    return text.starts_with('/') && text.size() <= longest_check_path &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

bool is_host(std::string_view text) {
    return text.size() <= longest_check_host && std::ranges::all_of(text, [](char c) {
               return is_letter_or_digit(c) ||
                      std::string_view(".-_:[]").find(c) != std::string_view::npos;
           });
}

std::optional<Problem> http_problem(const HealthCheck& check) {
    if (!is_path(check.path))
        return Problem{"check.path", "a path begins with \"/\" and has at most " +
                                         std::to_string(longest_check_path) +
                                         " printable characters without blanks"};
    if (!is_host(check.host))
        return Problem{"check.host", "a host is a name or an address, with its port if need be"};
    if (check.type == CheckType::http) return {};
    const HealthCheck standard;
    const auto only = [](const char* field) {
        return Problem{std::string("check.") + field,
                       std::string(field) + " is only for type http"};
    };
    if (check.path != standard.path) return only("path");
    if (check.host != standard.host) return only("host");
    if (check.status != standard.status) return only("status");
    return {};
}

template <class T>
bool within(T value, T least, T most) {
    return value >= least && value <= most;
}

std::optional<Problem> time_problem(const HealthCheck& check) {
    const auto range = [](auto least, auto most) {
        return std::to_string(least.count()) + " to " + std::to_string(most.count()) +
               " milliseconds";
    };
    if (!within(check.interval, shortest_check_interval, longest_check_interval))
        return Problem{
            "check.interval_ms",
            "a check is made every " + range(shortest_check_interval, longest_check_interval)};
    if (!within(check.timeout, shortest_check_timeout, longest_check_timeout))
        return Problem{"check.timeout_ms", "a check takes at most " + range(shortest_check_timeout,
                                                                            longest_check_timeout)};
    const std::string in_a_row =
        "1 to " + std::to_string(most_checks_in_a_row) + " checks in a row";
    if (!within(check.rise, 1U, most_checks_in_a_row))
        return Problem{"check.rise", "a server comes up after " + in_a_row};
    if (!within(check.fall, 1U, most_checks_in_a_row))
        return Problem{"check.fall", "a server goes down after " + in_a_row};
    return {};
}

}  // namespace

std::optional<Problem> problem(const ServiceKey& key, const HealthCheck& check) {
    if (auto found = time_problem(check)) return found;
    if (auto found = http_problem(check)) return found;
    if (check.port == L4Port{} && (key.mark != Mark{} || key.endpoint.port == L4Port{}))
        return Problem{"check.port",
                       "the check of a service on a mark or of every port needs a port"};
    if (check.source)
        if (const auto kind = not_one_host(*check.source))
            return Problem{"check.source", to_string(*check.source) + " is " + std::string(*kind) +
                                               ", expected an address of this host"};
    return {};
}

}  // namespace shunt::ctl
