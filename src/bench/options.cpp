// SPDX-License-Identifier: BSD-3-Clause
#include "bench/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "bench/churn_source.h"
#include "sched/registry.h"

namespace shunt::bench {

namespace {

constexpr std::uint32_t most_flows = 100'000'000;
constexpr double longest_seconds = 3600;
constexpr std::uint32_t most_repeats = 1000;
constexpr std::uint32_t most_loops = 1'000'000;
constexpr std::uint32_t least_churn_flows = ChurnSource<Ipv4>::least_flows;
constexpr std::uint16_t smallest_packet = 64;
constexpr std::uint16_t largest_packet = 1518;

const std::map<std::string, ForwardMethod> methods{
    {"nat", ForwardMethod::nat}, {"dr", ForwardMethod::direct}, {"tun", ForwardMethod::tunnel}};
const std::map<std::string, TunnelType> tunnels{
    {"ipip", TunnelType::ipip}, {"gre", TunnelType::gre}, {"gue", TunnelType::gue}};
const std::map<std::string, Traffic> directions{
    {"in", Traffic::in}, {"out", Traffic::out}, {"both", Traffic::both}};

[[noreturn]] void refuse(const std::string& what) {
    throw UsageError(what + ": not in this version");
}

/// Values that are checked once everything is read.
struct Words {
    std::string forward = "nat";
    int family = 4;
    std::string tunnel;     ///< empty: not given
    std::string direction;  ///< the same
    std::string scheduler;  ///< the same
    unsigned workers = 1;
    std::string app;
};

void add_process(CLI::App& command, Options& options) {
    command.add_option("--cpu", options.cpu, "the CPU to run on; default: the last one");
    command.add_flag("--no-huge", options.no_huge, "packet buffers on ordinary pages");
    command.add_flag("--json", options.json, "print one JSON object");
}

void add_common(CLI::App& command, Options& options) {
    command.add_option("--flows", options.flows, "connections")
        ->check(CLI::Range(1U, most_flows))
        ->capture_default_str();
    command.add_option("--seconds", options.seconds, "length of each measurement")
        ->check(CLI::Range(0.01, longest_seconds))
        ->capture_default_str();
    command.add_option("--repeat", options.repeat, "measurements; the median counts")
        ->check(CLI::Range(1U, most_repeats))
        ->capture_default_str();
    command.add_option("--report", options.report, "a folder for results, tables and plots");
    add_process(command, options);
}

void add_pipeline(CLI::App& command, Options& options, Words& words) {
    add_common(command, options);
    command.add_option("--forward", words.forward, "forwarding method: nat, dr or tun")
        ->capture_default_str();
    command.add_option("--tunnel", words.tunnel, "with tun: ipip, gre or gue; default: ipip")
        ->check(CLI::IsMember({"ipip", "gre", "gue"}));
    command.add_option("--family", words.family, "4 or 6")
        ->check(CLI::IsMember({4, 6}))
        ->capture_default_str();
    command
        .add_option("--packet-size", options.packet_size,
                    "bytes with the frame check sequence; 78 is the least for IPv6")
        ->check(CLI::Range(smallest_packet, largest_packet))
        ->capture_default_str();
    command
        .add_option("--scheduler", words.scheduler,
                    "picks the real server; default: rr, with churn wlc")
        ->check(CLI::IsMember(scheduler_names()));
    command.add_option("--workers", words.workers, "1")->check(CLI::Range(1U, 128U));
}

void add_forward(CLI::App& command, Options& options, Words& words) {
    add_pipeline(command, options, words);
    command
        .add_option("--direction", words.direction,
                    "in, out or both; default: both with nat, else in")
        ->check(CLI::IsMember({"in", "out", "both"}));
    command.add_flag("--account", options.account, "tell how many cycles each stage takes");
    command.add_flag("--hand-off", options.hand_off,
                     "two workers: one receives every packet, the other has the connections");
    command.add_option("--app", words.app, "load an application, too: ftp")
        ->check(CLI::IsMember({"ftp"}));
}

void add_churn(CLI::App& command, Options& options, Words& words) {
    add_pipeline(command, options, words);
    command.add_flag("--reuse-ports", options.reuse_ports,
                     "new connections come from the ports of ended ones");
}

void add_replay(CLI::App& command, Options& options) {
    ReplayOptions& replay = options.replay;
    command.add_option("--config", replay.config, "the configuration file")->required();
    command
        .add_option("--pcap", replay.pcaps, "captured packets: FILE, or PORT=FILE for each port")
        ->required();
    command.add_option("--loop", replay.loops, "how often they are replayed")
        ->check(CLI::Range(1U, most_loops))
        ->capture_default_str();
    command.add_option("--out", replay.out,
                       "write what is sent in the first loop, which is not timed then");
    command.add_flag("--any-mac", replay.any_mac, "take packets for other hosts, too");
    add_process(command, options);
}

void add_report(CLI::App& command, Options& options) {
    command.add_option("folder", options.report, "where --report put results")->required();
    command.add_option("--page", options.page, "a Markdown page whose tables are to be of these");
}

void check_words(const Words& words) {
    if (words.forward == "fullnat") refuse("--forward fullnat");
    if (!methods.contains(words.forward))
        throw UsageError("--forward: " + words.forward + " is none of nat, dr, tun, fullnat");
    if (!words.tunnel.empty() && words.forward != "tun")
        throw UsageError("--tunnel: only with --forward tun");
    if (words.forward != "nat" && (words.direction == "out" || words.direction == "both"))
        throw UsageError("--direction " + words.direction + ": with --forward " + words.forward +
                         " servers answer past the balancer, there is only in");
    if (words.workers > 1) refuse("--workers " + std::to_string(words.workers));
}

std::string one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text;
}

}  // namespace

std::optional<Options> parse_options(std::vector<std::string> arguments, std::string& help) {
    Options options;
    Words words;
    CLI::App app("Measures the balancer's own packet pipeline, in process, on one CPU.",
                 "shunt-bench");
    auto* forward = app.add_subcommand("forward", "established connections, and the limit L");
    auto* connect = app.add_subcommand("connect", "new connections, until so many exist");
    auto* churn = app.add_subcommand("churn", "whole connections, so many in flight");
    auto* replay = app.add_subcommand("replay", "captured packets, by a configuration");
    auto* limit = app.add_subcommand("limit", "the physical limit L alone");
    add_forward(*forward, options, words);
    add_pipeline(*connect, options, words);
    add_churn(*churn, options, words);
    add_replay(*replay, options);
    add_common(*limit, options);
    auto* report = app.add_subcommand("report", "tables and plots of results, made again");
    add_report(*report, options);
    app.require_subcommand(1);
    try {
        std::ranges::reverse(arguments);  // the library takes them from the back
        app.parse(arguments);
    } catch (const CLI::CallForHelp&) {
        help = app.help();
        return std::nullopt;
    } catch (const CLI::ParseError& error) {
        throw UsageError(one_line(error.what()));
    }
    check_words(words);
    if (*limit) options.command = Options::Command::limit;
    if (*report) options.command = Options::Command::report;
    if (*connect) options.command = Options::Command::connect;
    if (*churn) options.command = Options::Command::churn;
    if (*replay) options.command = Options::Command::replay;
    if (*churn && options.flows < least_churn_flows)
        throw UsageError("--flows: with churn at least " + std::to_string(least_churn_flows));
    options.ftp = words.app == "ftp";
    options.scheduler = *churn ? "wlc" : "rr";
    if (!words.scheduler.empty()) options.scheduler = words.scheduler;
    options.family = words.family == 6 ? Family::ipv6 : Family::ipv4;
    options.method.forward = methods.at(words.forward);
    if (!words.tunnel.empty()) options.method.tunnel = tunnels.at(words.tunnel);
    options.direction = options.method.replies_come_back() ? Traffic::both : Traffic::in;
    if (!words.direction.empty()) options.direction = directions.at(words.direction);
    return options;
}

std::string_view to_string(Traffic traffic) noexcept {
    switch (traffic) {
        case Traffic::in:
            return "in";
        case Traffic::out:
            return "out";
        case Traffic::both:
            break;
    }
    return "both";
}

}  // namespace shunt::bench
