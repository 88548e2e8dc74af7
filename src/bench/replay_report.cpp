// SPDX-License-Identifier: BSD-3-Clause
#include "bench/replay_report.h"

#include "bench/report_parts.h"

namespace shunt::bench {

namespace {

namespace json = boost::json;

std::string_view method_name(ForwardMethod forward) {
    return forward == ForwardMethod::bypass ? "local" : to_string(forward);
}

json::object verdicts_object(const ReplayVerdicts& v) {
    json::object dropped;
    for (std::size_t i = 0; i < drop_reason_count; ++i)
        if (v.dropped[i] != 0) dropped[drop_reason_texts[i].name] = v.dropped[i];
    json::object methods;
    for (const MethodCounts& m : v.methods)
        methods[method_name(m.forward)] = json::object{{"in", m.in}, {"out", m.out}};
    return {{"received", v.received},
            {"generated", v.generated},
            {"split", v.split},
            {"forwarded", v.forwarded},
            {"to_host", v.to_host},
            {"held", v.held},
            {"joined", v.joined},
            {"dropped", v.all_dropped()},
            {"drops", std::move(dropped)},
            {"connections_by_method", std::move(methods)},
            {"conserved", v.conserved}};
}

std::string verdict_lines(const ReplayVerdicts& v) {
    const auto row = [](std::uint64_t n, std::string_view what) {
        return n == 0 ? std::string() : fmt::format("{:>12} {}\n", n, what);
    };
    std::string lines =
        fmt::format("{:>12} received\n", v.received) +
        row(v.generated, "made here (ICMP errors, acknowledgements)") +
        row(v.split, "further pieces of packets that were cut to fit") +
        fmt::format("{:>12} forwarded\n", v.forwarded) + row(v.to_host, "to the host") +
        row(v.held, "held in the end (link address or fragments missing)") +
        row(v.joined, "joined with other fragments") + row(v.all_dropped(), "dropped");
    for (std::size_t i = 0; i < drop_reason_count; ++i)
        if (v.dropped[i] != 0)
            lines += fmt::format("{:>12}   {}: {}\n", v.dropped[i], drop_reason_texts[i].name,
                                 drop_reason_texts[i].text);
    for (const MethodCounts& m : v.methods)
        lines += fmt::format("of connections by {}: {} from clients, {} from servers\n",
                             method_name(m.forward), m.in, m.out);
    return lines + fmt::format("every packet has its verdict: {}\n", v.conserved ? "yes" : "NO");
}

std::string rate_lines(const ReplayResults& r) {
    if (r.timed_packets == 0) return "not timed: the packets were written; --loop 2 times, too\n";
    return fmt::format(
        "{:.2f} Mpps, {:.1f} cycles a packet ({:.1f} on average), {} packets timed in bursts of "
        "{:.1f}\n",
        r.mpps(), r.cycles_per_packet, r.mean_cycles, r.timed_packets, r.mean_burst);
}

}  // namespace

std::string to_json(const Options& options, const ReplayResults& results) {
    json::object object{{"command", "replay"},
                        {"config", options.replay.config},
                        {"loops", results.loops},
                        {"packets", results.packets},
                        {"bytes", results.bytes},
                        {"connections", results.connections},
                        {"verdicts", verdicts_object(results.verdicts)}};
    if (results.timed_packets != 0) {
        for (auto& [key, value] : rate(results.mpps(), results.cycles_per_packet))
            object[key] = value;
        object["mean_cycles_per_packet"] = rounded(results.mean_cycles);
        object["timed_packets"] = results.timed_packets;
        object["packets_per_burst"] = rounded(results.mean_burst);
    }
    json::array ports;
    for (const ReplayPort& port : results.ports)
        ports.push_back(json::object{{"name", port.name},
                                     {"file", port.file},
                                     {"mac", to_string(port.mac)},
                                     {"packets", port.packets},
                                     {"for_this_host", port.own}});
    object["ports"] = std::move(ports);
    object["written"] = json::array(results.written.begin(), results.written.end());
    object["warnings"] = json::array(results.warnings.begin(), results.warnings.end());
    object["machine"] = to_object(results.machine);
    return json::serialize(object);
}

std::string to_table(const Options& options, const ReplayResults& results) {
    std::string text =
        fmt::format("replay with {}: {} packets, {} bytes, {} time{}\n", options.replay.config,
                    results.packets, results.bytes, results.loops, results.loops == 1 ? "" : "s");
    for (const ReplayPort& port : results.ports)
        text += fmt::format("port {} ({}): {} packets{}{}\n", port.name, to_string(port.mac),
                            port.packets, port.file.empty() ? "" : " of ", port.file);
    text += rate_lines(results) + verdict_lines(results.verdicts) +
            fmt::format("{} connections in the end\n", results.connections);
    for (const std::string& file : results.written) text += "written to " + file + "\n";
    return text + machine_lines(results.machine);
}

}  // namespace shunt::bench
