// SPDX-License-Identifier: BSD-3-Clause
#include "bench/result_tables.h"

#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "bench/account.h"

namespace shunt::bench {

namespace {

/// A figure, or a dash where none was measured.
std::string figure(std::optional<double> value, int digits) {
    return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

std::string row(const std::vector<std::string>& cells) {
    std::string line = "|";
    for (const std::string& cell : cells) line += " " + cell + " |";
    return line + "\n";
}

/// The first column is text, the others are figures.
std::string head(const std::vector<std::string>& cells) {
    std::string line = row(cells) + "|---|";
    for (std::size_t i = 1; i < cells.size(); ++i) line += "---:|";
    return line + "\n";
}

/// "1 M" for a round number of connections.
std::string flows_words(const Result& result) {
    const double flows = number_in(result, "flows").value_or(0);
    for (const auto& [unit, word] : {std::pair{1e6, " M"}, std::pair{1e3, " k"}})
        if (flows >= unit && std::fmod(flows, unit) == 0)
            return fmt::format("{:.0f}{}", flows / unit, word);
    return fmt::format("{:.0f}", flows);
}

/// "NAT IPv4 both"
std::string case_words(const Result& result) {
    std::string words = text_in(result, "forward");
    if (words == "nat") words = "NAT";
    if (words == "dr") words = "DR";
    if (words == "tun") words = "TUN " + text_in(result, "tunnel");
    words += fmt::format(" IPv{:g}", number_in(result, "family").value_or(0));
    if (const auto direction = text_in(result, "direction"); !direction.empty())
        words += " " + direction;
    if (const auto app = text_in(result, "app"); !app.empty()) words += ", " + app + " loaded";
    return words;
}

}  // namespace

std::string forward_table(const ResultSet& results) {
    const auto rows = results.all({.command = "forward"});
    const auto helped = results.all({.command = "forward", .app = "ftp"});
    if (rows.empty() && helped.empty()) return "";
    std::string text = head({"case", "connections", "Mpps", "ns", "cycles", "L, Mpps", "of L",
                             "bytes a connection", "undisturbed"});
    for (const auto* part : {&rows, &helped})
        for (const Result* r : *part) {
            const auto* runs = r->if_contains("runs");
            const std::size_t all = runs != nullptr ? runs->as_array().size() : 0;
            text += row(
                {case_words(*r), flows_words(*r), figure(number_in(*r, "mpps"), 2),
                 figure(number_in(*r, "ns_per_packet"), 1),
                 figure(number_in(*r, "cycles_per_packet"), 1),
                 figure(number_in(*r, "limit_mpps"), 2), figure(number_in(*r, "ratio_to_limit"), 3),
                 figure(number_in(*r, "bytes_per_connection"), 0),
                 fmt::format("{} of {}", figure(number_in(*r, "undisturbed_runs"), 0), all)});
        }
    return text;
}

std::string connections_table(const ResultSet& results) {
    std::string rows;
    for (const std::string_view command : {"connect", "churn"})
        for (const Result* r : results.all({.command = command}))
            rows +=
                row({std::string(command) + ", " + case_words(*r) + ", " + text_in(*r, "scheduler"),
                     flows_words(*r), figure(number_in(*r, "connections_per_second"), 0),
                     figure(number_in(*r, "mpps"), 2), figure(number_in(*r, "limit_mpps"), 2),
                     figure(number_in(*r, "ratio_to_limit"), 3)});
    if (rows.empty()) return "";
    return head({"case", "connections", "connections a second", "Mpps", "L, Mpps", "of L"}) + rows;
}

std::string latency_table(const ResultSet& results) {
    std::string rows;
    for (const Result* r : results.all({.command = "forward"}))
        for (const auto& [member, load] :
             {std::pair{"latency_ns", "full"}, std::pair{"latency_ns_half_load", "half"}}) {
            const auto p50 = number_in(*r, member, "p50");
            if (!p50) continue;
            const auto p99 = number_in(*r, member, "p99");
            rows +=
                row({case_words(*r), flows_words(*r), load, figure(p50, 0), figure(p99, 0),
                     figure(number_in(*r, member, "p999"), 0), figure(p99.value_or(0) / *p50, 1)});
        }
    if (rows.empty()) return "";
    return head({"case", "connections", "load", "p50, ns", "p99, ns", "p99.9, ns", "p99 / p50"}) +
           rows;
}

std::string account_table(const ResultSet& results) {
    std::vector<const Result*> with;
    for (const Result* r : results.all({.command = "forward"}))
        if (r->contains("account")) with.push_back(r);
    if (with.empty()) return "";
    std::vector<std::string> titles{"cycles a packet"};
    for (const Result* r : with) titles.push_back(case_words(*r) + ", " + flows_words(*r));
    std::string text = head(titles);
    const auto add = [&](std::string_view title, auto&& cell) {
        std::vector<std::string> cells{std::string(title)};
        for (const Result* r : with) cells.push_back(cell(r->at("account").as_object()));
        text += row(cells);
    };
    for (std::size_t p = 0; p < Account::part_count; ++p)
        add(Account::titles[p], [&](const Result& account) {
            const Result& figures = account.at("parts").at(Account::names[p]).as_object();
            return fmt::format("{} ({} %)", figure(number_in(figures, "cycles"), 1),
                               figure(100 * number_in(figures, "share").value_or(0), 0));
        });
    add("sum", [](const Result& account) { return figure(number_in(account, "sum_cycles"), 1); });
    add("whole, time not taken",
        [](const Result& account) { return figure(number_in(account, "whole_cycles"), 1); });
    add("straight way, share of packets",
        [](const Result& account) { return figure(number_in(account, "straight_share"), 2); });
    return text;
}

std::string peers_table(const ResultSet& results) {
    const auto rows = results.all({.command = "testpmd"});
    if (rows.empty()) return "";
    std::string text = head({"testpmd on", "forwarding", "Mpps", "ns", "runs"});
    for (const Result* r : rows)
        text += row({text_in(*r, "device"), text_in(*r, "mode"), figure(number_in(*r, "mpps"), 2),
                     figure(number_in(*r, "ns_per_packet"), 1),
                     std::to_string(r->at("runs").as_array().size())});
    return text;
}

std::string daemon_table(const ResultSet& results) {
    const auto rows = results.all({.command = "daemon"});
    if (rows.empty()) return "";
    std::string text = head({"shuntd on net_pcap", "connections", "ns", "testpmd io, ns",
                             "difference", "shunt-bench without its device, ns", "daemon / bench"});
    for (const Result* r : rows)
        text += row({case_words(*r) + (is_padded(*r) ? ", padded" : ""), flows_words(*r),
                     figure(number_in(*r, "ns_per_packet"), 1),
                     figure(number_in(*r, "device_ns"), 1), figure(number_in(*r, "pipeline_ns"), 1),
                     figure(number_in(*r, "bench_pipeline_ns"), 1),
                     figure(number_in(*r, "ratio_to_bench"), 3)});
    return text;
}

std::string conditions_table(const ResultSet& results) {
    const Result* conditions = results.find({.command = "conditions"});
    if (conditions == nullptr) return "";
    std::string text = "| | |\n|---|---|\n";
    for (const auto& [key, value] : *conditions)
        if (key != "command")
            text += row({key, value.is_string() ? std::string(value.as_string())
                                                : boost::json::serialize(value)});
    return text;
}

}  // namespace shunt::bench
