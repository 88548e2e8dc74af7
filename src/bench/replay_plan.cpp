// SPDX-License-Identifier: BSD-3-Clause
// What is to be replayed: files found, ports told apart, link addresses decided on.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <filesystem>

#include "bench/replay_runs.h"

namespace shunt::bench {

namespace {

/// For a port that receives nothing and whose address is not configured.
constexpr MacAddress any_mac{{0x02, 0, 0, 0, 0, 0x01}};

std::string names_of(const std::vector<ReplayPort>& ports) {
    std::string names;
    for (const ReplayPort& port : ports) names += (names.empty() ? "" : ", ") + port.name;
    return names;
}

/// A port and its file.
struct Source {
    std::size_t port;
    std::string file;
};

Source source_of(const std::string& word, const std::vector<ReplayPort>& ports) {
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const auto port = std::ranges::find(ports, name, &ReplayPort::name);
    if (equals != std::string::npos && port != ports.end())
        return {static_cast<std::size_t>(port - ports.begin()), word.substr(equals + 1)};
    if (equals != std::string::npos && !std::filesystem::exists(word))
        throw UsageError(fmt::format("--pcap {}: the configuration has no port {}, but {}", word,
                                     name, names_of(ports)));
    if (ports.size() > 1)
        throw UsageError(fmt::format(
            "--pcap {}: the configuration has several ports: say which one received it, as in "
            "--pcap {}={} (ports: {})",
            word, ports.front().name, word, names_of(ports)));
    return {0, word};
}

/// The configured address, or the one that the packets are for.
MacAddress mac_of(const ctl::PortConfig& port, const Capture& capture, PortId id) {
    if (port.mac) return *port.mac;
    return capture.usual_target(id).value_or(any_mac);
}

void count_own(ReplayPlan& plan, PortId id) {
    ReplayPort& port = plan.ports[id.value()];
    const auto [packets, own] = plan.capture.targets(id, port.mac);
    port.packets = packets;
    port.own = own;
    if (own == packets) return;
    const auto usual = plan.capture.usual_target(id);
    plan.warnings.push_back(fmt::format(
        "port {}: {} of {} packets of {} are for other hosts than {}{}; they are left to the host. "
        "For a capture from elsewhere say --any-mac",
        port.name, packets - own, packets, port.file, to_string(port.mac),
        own == 0 && usual ? ", most for " + to_string(*usual) : ""));
}

}  // namespace

ReplayPlan plan_replay(const Options& options) {
    ReplayPlan plan{.config = replay_config(options.replay.config)};
    for (const ctl::PortConfig& port : plan.config.ports) plan.ports.push_back({.name = port.name});
    for (const std::string& word : options.replay.pcaps) {
        const auto [index, file] = source_of(word, plan.ports);
        if (!plan.ports[index].file.empty())
            throw UsageError("--pcap: two files for port " + plan.ports[index].name);
        plan.ports[index].file = file;
        plan.capture.add(file, PortId(static_cast<std::uint16_t>(index)));
    }
    plan.capture.sort();
    if (plan.capture.packets().empty())
        throw std::runtime_error(options.replay.pcaps.front() + ": there are no packets in it");
    for (std::size_t i = 0; i < plan.ports.size(); ++i) {
        const PortId id(static_cast<std::uint16_t>(i));
        plan.ports[i].mac = mac_of(plan.config.ports[i], plan.capture, id);
        if (options.replay.any_mac) plan.capture.readdress(id, plan.ports[i].mac);
        if (!plan.ports[i].file.empty()) count_own(plan, id);
    }
    plan.sizes = replay_sizes(plan.config, plan.capture.longest_packet());
    return plan;
}

std::string output_name(const std::string& out, const std::string& port, bool only_one) {
    if (only_one) return out;
    const std::filesystem::path path(out);
    return (path.parent_path() / (path.stem().string() + "." + port + path.extension().string()))
        .string();
}

}  // namespace shunt::bench
