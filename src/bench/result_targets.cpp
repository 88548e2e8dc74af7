// SPDX-License-Identifier: BSD-3-Clause
// What was aimed at, and what was measured.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "bench/result_tables.h"

namespace shunt::bench {

namespace {

constexpr std::uint32_t thousand = 1'000;
constexpr std::uint32_t million = 1'000'000;

/// A figure that has to be at least, or at most, what is aimed at.
struct Target {
    std::string_view what;
    Query of;
    std::string_view member;
    std::string_view inner;
    double aim;
    bool at_most;
    int digits;
};

constexpr Target of_limit(std::string_view what, const Query& query, double aim) {
    return {what, query, "ratio_to_limit", {}, aim, false, 3};
}
constexpr Query nat(int family, std::uint32_t flows) {
    return {.command = "forward",
            .forward = "nat",
            .family = family,
            .direction = "both",
            .flows = flows};
}
constexpr Target bytes(std::string_view what, int family, double aim) {
    return {what, nat(family, million), "bytes_per_connection", {}, aim, true, 0};
}

constexpr std::array targets{
    of_limit("NAT IPv4, both directions, 1 k, of L", nat(4, thousand), 0.60),
    of_limit("NAT IPv4, both directions, 1 M, of L", nat(4, million), 0.60),
    of_limit("NAT IPv4, both directions, 10 M, of L", nat(4, 10 * million), 0.60),
    of_limit("NAT IPv6, both directions, 1 M, of L", nat(6, million), 0.50),
    of_limit("DR IPv4, 1 M, of L",
             {.command = "forward", .forward = "dr", .family = 4, .flows = million}, 0.65),
    of_limit(
        "TUN IPIP IPv4, 1 M, of L",
        {.command = "forward", .forward = "tun", .tunnel = "ipip", .family = 4, .flows = million},
        0.65),
    of_limit("connect, of L", {.command = "connect"}, 0.20),
    of_limit("churn, packets, of L", {.command = "churn"}, 0.35),
    bytes("bytes a NAT connection, IPv4", 4, 192),
    bytes("bytes a NAT connection, IPv6", 6, 256),
};

std::string verdict(std::optional<double> value, double aim, bool at_most) {
    if (!value) return "not measured";
    return (at_most ? *value <= aim : *value >= aim) ? "reached" : "**missed**";
}

std::string line(std::string_view what, std::string_view aim, std::optional<double> value,
                 int digits, std::string_view verdict) {
    return fmt::format("| {} | {} | {} | {} |\n", what, aim,
                       value ? fmt::format("{:.{}f}", *value, digits) : "-", verdict);
}

/// The loaded helper may change the rate of other traffic by so much.
std::string helper_line(const ResultSet& results) {
    constexpr double most = 0.02;
    std::optional<double> change;
    for (const Result* with : results.all({.command = "forward", .app = "ftp"})) {
        Query same = nat(4, static_cast<std::uint32_t>(number_in(*with, "flows").value_or(0)));
        const Result* without = results.find(same);
        if (without == nullptr) continue;
        // Each against the limit of its own minutes.
        change = number_in(*with, "ratio_to_limit").value_or(0) /
                     number_in(*without, "ratio_to_limit").value_or(1) -
                 1;
    }
    return line("FTP helper loaded, other traffic, change", ">= -0.02", change, 3,
                verdict(change, -most, false));
}

std::string latency_line(const ResultSet& results) {
    constexpr double most = 10;
    std::optional<double> ratio;
    if (const Result* r = results.find(nat(4, million)))
        if (const auto p50 = number_in(*r, "latency_ns_half_load", "p50"))
            ratio = number_in(*r, "latency_ns_half_load", "p99").value_or(0) / *p50;
    return line("latency of a burst at half load, p99 / p50", "< 10", ratio, 1,
                verdict(ratio, most, true));
}

std::string daemon_lines(const ResultSet& results) {
    constexpr double most = 0.10;
    std::string lines;
    for (const Result* r : results.all({.command = "daemon"})) {
        if (is_padded(*r)) continue;  // these are other packets than those of shunt-bench
        const auto ratio = number_in(*r, "ratio_to_bench");
        lines += line(fmt::format("daemon against shunt-bench, {}, {:g} connections",
                                  text_in(*r, "direction"), number_in(*r, "flows").value_or(0)),
                      "0.90 to 1.10", ratio, 3,
                      ratio && std::abs(*ratio - 1) <= most ? "reached" : "**missed**");
    }
    return lines;
}

}  // namespace

std::string targets_table(const ResultSet& results) {
    std::string text = "| case | target | measured | |\n|---|---:|---:|---|\n";
    for (const Target& t : targets) {
        const Result* result = results.find(t.of);
        const auto value = result != nullptr ? number_in(*result, t.member, t.inner) : std::nullopt;
        text += line(t.what,
                     fmt::format("{} {:.{}f}", t.at_most ? "<=" : ">=", t.aim, t.at_most ? 0 : 2),
                     value, t.digits, verdict(value, t.aim, t.at_most));
    }
    return text + helper_line(results) + latency_line(results) + daemon_lines(results);
}

}  // namespace shunt::bench
