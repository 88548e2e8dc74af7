// SPDX-License-Identifier: BSD-3-Clause
#include "bench/report.h"

#include "bench/account_report.h"
#include "bench/report_parts.h"
#include "bench/statistics.h"

namespace shunt::bench {

namespace {

namespace json = boost::json;

/// Medians over the repeats.
struct Summary {
    double limit_mpps = 0;
    double mpps = 0;
    double cycles = 0;
    double ratio = 0;  ///< of the medians
    Latency latency;
    Latency half_latency;
    double without_ftp_mpps = 0;
    double receiver_share = 0;
    std::size_t disturbed = 0;
};

bool undisturbed(const Options& options, const Run& run) {
    return run.limit.undisturbed() &&
           (options.command == Options::Command::limit || run.forward.undisturbed());
}

const Timing& subject(const Options& options, const Run& run) {
    return options.command == Options::Command::limit ? run.limit : run.forward;
}

Summary summarize(const Options& options, const Results& results) {
    Summary s;
    s.limit_mpps = median_of(results.runs, [](const Run& r) { return r.limit.mpps(); });
    s.mpps = median_of(results.runs, [&](const Run& r) { return subject(options, r).mpps(); });
    s.cycles = median_of(results.runs,
                         [&](const Run& r) { return subject(options, r).cycles_per_packet; });
    s.ratio = s.mpps / s.limit_mpps;
    s.latency = median_latency(results.runs, [](const Run& r) { return r.latency; });
    s.half_latency = median_latency(results.runs, [](const Run& r) { return r.half_latency; });
    s.without_ftp_mpps = median_of(results.runs, [](const Run& r) { return r.without_ftp.mpps(); });
    s.receiver_share = median_of(results.runs, [](const Run& r) { return r.receiver_share; });
    for (const Run& run : results.runs) s.disturbed += undisturbed(options, run) ? 0 : 1;
    return s;
}

/// Null when other programs had the CPU all the time.
json::value half_load(const Latency& latency) {
    if (latency.classes.empty()) return nullptr;
    return to_object(latency);
}

std::string half_load_line(const Latency& latency) {
    if (latency.classes.empty())
        return "at half of that rate: not measured, other programs had the CPU all the time\n";
    return fmt::format(
        "at half of that rate, from a burst's arrival to its transmission: p50 {:.0f} ns, p99 "
        "{:.0f} ns ({:.1f} times p50), p999 {:.0f} ns\n",
        latency.p50, latency.p99, latency.p99 / latency.p50, latency.p999);
}

json::object to_object(const Options& options, const Run& run) {
    const Timing& timing = subject(options, run);
    json::object object = rate(timing.mpps(), timing.cycles_per_packet);
    object["cpu_share"] = rounded(timing.cpu_share);
    if (options.command == Options::Command::forward) {
        object["limit_mpps"] = rounded(run.limit.mpps());
        object["limit_cycles_per_packet"] = rounded(run.limit.cycles_per_packet);
        object["limit_cpu_share"] = rounded(run.limit.cpu_share);
        object["ratio_to_limit"] = rounded(timing.mpps() / run.limit.mpps());
        object["latency_ns"] = to_object(run.latency);
        object["latency_ns_half_load"] = half_load(run.half_latency);
        if (options.ftp) object["without_app_mpps"] = rounded(run.without_ftp.mpps());
        if (options.hand_off) object["receiver_share"] = rounded(run.receiver_share);
    }
    object["undisturbed"] = undisturbed(options, run);
    return object;
}

void add_forward(json::object& object, const Options& options, const Results& results,
                 const Summary& s) {
    if (options.method.forward == ForwardMethod::tunnel)
        object["tunnel"] = to_string(options.method.tunnel);
    object["family"] = static_cast<int>(options.family);
    object["direction"] = to_string(options.direction);
    object["scheduler"] = options.scheduler;
    object["limit_mpps"] = rounded(s.limit_mpps);
    object["ratio_to_limit"] = rounded(s.ratio);
    object["bytes_per_connection"] = rounded(results.bytes_per_connection);
    object["bytes_per_connection_at_capacity"] = rounded(results.bytes_per_connection_at_capacity);
    object["latency_ns"] = to_object(s.latency);
    object["latency_ns_half_load"] = half_load(s.half_latency);
    const Results::Memory& m = results.memory;
    object["memory"] = json::object{{"buckets", rounded(m.buckets)},
                                    {"connections", rounded(m.connections)},
                                    {"timers", rounded(m.timers)},
                                    {"half_open", rounded(m.half_open)}};
    if (options.ftp) {
        object["app"] = "ftp";
        object["without_app_mpps"] = rounded(s.without_ftp_mpps);
        object["ratio_to_without_app"] = rounded(s.mpps / s.without_ftp_mpps);
    }
    if (options.hand_off)
        object["hand_off"] =
            json::object{{"receiver_cycles_per_packet", rounded(s.cycles * s.receiver_share)},
                         {"owner_cycles_per_packet", rounded(s.cycles * (1 - s.receiver_share))}};
}

std::string added_lines(const Options& options, const Results& results, const Summary& s) {
    const Results::Memory& m = results.memory;
    std::string lines = fmt::format(
        "memory: {:.0f} bytes a connection: {:.0f} of buckets, {:.0f} of connections, {:.0f} of "
        "timers, {:.0f} for half-open ones\n",
        results.bytes_per_connection, m.buckets, m.connections, m.timers, m.half_open);
    if (options.ftp)
        lines += fmt::format(
            "FTP helper: {:.2f} Mpps while it is loaded, {:.2f} without, ratio {:.3f}\n", s.mpps,
            s.without_ftp_mpps, s.mpps / s.without_ftp_mpps);
    if (options.hand_off)
        lines += fmt::format(
            "hand-off: {:.1f} cycles a packet of the worker that receives, {:.1f} of the one that "
            "forwards\n",
            s.cycles * s.receiver_share, s.cycles * (1 - s.receiver_share));
    return lines;
}

std::string forward_lines(const Options& options, const Results& results, const Summary& s) {
    return fmt::format(
               "{} IPv{}, {} flows, {} bytes, direction {}, scheduler {}\n"
               "{:>4} {:>9} {:>9} {:>9} {:>7} {:>10} {:>10} {:>10} {:>6}\n",
               method_words(options.method), static_cast<int>(options.family), options.flows,
               results.packet_size, to_string(options.direction), options.scheduler, "run", "Mpps",
               "cycles", "L Mpps", "of L", "p50 ns", "p99 ns", "p999 ns", "CPU") +
           [&] {
               std::string lines;
               int number = 0;
               for (const Run& r : results.runs)
                   lines += fmt::format(
                       "{:>4} {:>9.2f} {:>9.1f} {:>9.2f} {:>6.1f}% {:>10.0f} {:>10.0f} {:>10.0f} "
                       "{:>6.2f}{}\n",
                       ++number, r.forward.mpps(), r.forward.cycles_per_packet, r.limit.mpps(),
                       100 * r.forward.mpps() / r.limit.mpps(), r.latency.p50, r.latency.p99,
                       r.latency.p999, r.forward.cpu_share, undisturbed(options, r) ? "" : " *");
               return lines;
           }() +
           fmt::format("mid. {:>9.2f} {:>9.1f} {:>9.2f} {:>6.1f}% {:>10.0f} {:>10.0f} {:>10.0f}\n",
                       s.mpps, s.cycles, s.limit_mpps, 100 * s.ratio, s.latency.p50, s.latency.p99,
                       s.latency.p999) +
           half_load_line(s.half_latency) + added_lines(options, results, s);
}

std::string limit_lines(const Options& options, const Results& results, const Summary& s) {
    std::string lines = fmt::format("limit L, {} flows\n{:>4} {:>9} {:>9} {:>6}\n", options.flows,
                                    "run", "Mpps", "cycles", "CPU");
    int number = 0;
    for (const Run& r : results.runs)
        lines += fmt::format("{:>4} {:>9.2f} {:>9.1f} {:>6.2f}{}\n", ++number, r.limit.mpps(),
                             r.limit.cycles_per_packet, r.limit.cpu_share,
                             r.limit.undisturbed() ? "" : " *");
    return lines + fmt::format("mid. {:>9.2f} {:>9.1f}\n", s.mpps, s.cycles);
}

}  // namespace

std::string to_json(const Options& options, const Results& results) {
    const Summary s = summarize(options, results);
    const bool forward = options.command == Options::Command::forward;
    json::object object = rate(s.mpps, s.cycles);
    object["command"] = forward ? "forward" : "limit";
    object["forward"] = forward ? to_string(options.method.forward) : "limit";
    object["flows"] = options.flows;
    object["packet_size"] = results.packet_size;
    object["undisturbed_runs"] = results.runs.size() - s.disturbed;
    if (forward) add_forward(object, options, results, s);
    json::array runs;
    for (const Run& run : results.runs) runs.push_back(to_object(options, run));
    object["runs"] = std::move(runs);
    if (options.account) object["account"] = account_object(results, s.cycles);
    object["machine"] = to_object(results.machine);
    return json::serialize(object);
}

std::string to_table(const Options& options, const Results& results) {
    const Summary s = summarize(options, results);
    std::string text = options.command == Options::Command::forward
                           ? forward_lines(options, results, s)
                           : limit_lines(options, results, s);
    if (s.disturbed > 0)
        text += fmt::format("* {} of {} runs shared the CPU with other programs\n", s.disturbed,
                            results.runs.size());
    if (options.account) text += account_lines(results, s.cycles);
    return text + machine_lines(results.machine);
}

}  // namespace shunt::bench
