// SPDX-License-Identifier: BSD-3-Clause
#include "bench/churn_report.h"

#include "bench/report_parts.h"
#include "bench/statistics.h"

namespace shunt::bench {

namespace {

namespace json = boost::json;

/// Medians over the repeats.
struct Summary {
    double mpps = 0;
    double cycles = 0;
    double limit_mpps = 0;
    double ratio = 0;  ///< of the medians
    double connections_per_second = 0;
    Latency latency;
};

double connections_of(double mpps, const ChurnResults& results) {
    return mpps * 1e6 / results.packets_per_connection;
}

Summary summarize(const ChurnResults& results) {
    Summary s;
    s.mpps = median_of(results.runs, [](const ChurnRun& r) { return r.mpps(); });
    s.cycles = median_of(results.runs, [](const ChurnRun& r) { return r.cycles(); });
    s.limit_mpps = median_of(results.runs, [](const ChurnRun& r) { return r.limit.mpps(); });
    s.ratio = s.mpps / s.limit_mpps;
    s.connections_per_second = connections_of(s.mpps, results);
    s.latency = median_latency(results.runs, [](const ChurnRun& r) { return r.latency; });
    return s;
}

json::object to_object(const ChurnRun& run, const ChurnResults& results) {
    json::object object = rate(run.mpps(), run.cycles());
    object["middle_cycles_per_packet"] = rounded(run.churn.cycles_per_packet);
    object["connections_per_second"] = std::round(connections_of(run.mpps(), results));
    object["cpu_share"] = rounded(run.churn.cpu_share);
    object["limit_mpps"] = rounded(run.limit.mpps());
    object["limit_cpu_share"] = rounded(run.limit.cpu_share);
    object["ratio_to_limit"] = rounded(run.mpps() / run.limit.mpps());
    object["latency_ns"] = to_object(run.latency);
    return object;
}

std::string run_lines(const ChurnResults& results) {
    std::string lines = fmt::format(
        "{:>4} {:>9} {:>9} {:>9} {:>9} {:>7} {:>10} {:>10} {:>10} {:>6}\n", "run", "Mpps",
        "M conn/s", "cycles", "L Mpps", "of L", "p50 ns", "p99 ns", "p999 ns", "CPU");
    int number = 0;
    for (const ChurnRun& r : results.runs)
        lines += fmt::format(
            "{:>4} {:>9.2f} {:>9.2f} {:>9.1f} {:>9.2f} {:>6.1f}% {:>10.0f} {:>10.0f} {:>10.0f} "
            "{:>6.2f}\n",
            ++number, r.mpps(), connections_of(r.mpps(), results) / 1e6, r.cycles(), r.limit.mpps(),
            100 * r.mpps() / r.limit.mpps(), r.latency.p50, r.latency.p99, r.latency.p999,
            r.churn.cpu_share);
    return lines;
}

}  // namespace

std::string to_json(const Options& options, const ChurnResults& results) {
    const Summary s = summarize(results);
    const auto bytes = static_cast<double>(results.table_bytes);
    json::object object = rate(s.mpps, s.cycles);
    object["command"] = "churn";
    object["forward"] = to_string(options.method.forward);
    if (options.method.forward == ForwardMethod::tunnel)
        object["tunnel"] = to_string(options.method.tunnel);
    object["family"] = static_cast<int>(options.family);
    object["flows"] = options.flows;
    object["packet_size"] = results.packet_size;
    object["scheduler"] = options.scheduler;
    object["reuse_ports"] = options.reuse_ports;
    object["packets_per_connection"] = results.packets_per_connection;
    object["connections_per_second"] = std::round(s.connections_per_second);
    object["limit_mpps"] = rounded(s.limit_mpps);
    object["ratio_to_limit"] = rounded(s.ratio);
    object["connections"] = results.connections;
    object["capacity"] = results.capacity;
    object["expired"] = results.expired;
    object["simulated_seconds_per_second"] = rounded(results.simulated_seconds_per_second);
    object["bytes_per_connection"] = rounded(bytes / results.connections);
    object["bytes_per_connection_at_capacity"] = rounded(bytes / results.capacity);
    object["latency_ns"] = to_object(s.latency);
    json::array runs;
    for (const ChurnRun& run : results.runs) runs.push_back(to_object(run, results));
    object["runs"] = std::move(runs);
    object["machine"] = to_object(results.machine);
    return json::serialize(object);
}

std::string to_table(const Options& options, const ChurnResults& results) {
    const Summary s = summarize(results);
    return fmt::format(
               "whole connections, {} IPv{}, {} in flight, {} packets each, {} bytes, scheduler "
               "{}{}\n",
               method_words(options.method), static_cast<int>(options.family), options.flows,
               results.packets_per_connection, results.packet_size, options.scheduler,
               options.reuse_ports ? ", ports used again" : "") +
           run_lines(results) +
           fmt::format(
               "mid. {:>9.2f} {:>9.2f} {:>9.1f} {:>9.2f} {:>6.1f}% {:>10.0f} {:>10.0f} "
               "{:>10.0f}\n"
               "table: {} connections of {} that fit, those in TIME_WAIT included; {} have ended\n"
               "time: simulated, {:.1f} s in a second at that rate\n"
               "memory: {:.0f} bytes a connection\n",
               s.mpps, s.connections_per_second / 1e6, s.cycles, s.limit_mpps, 100 * s.ratio,
               s.latency.p50, s.latency.p99, s.latency.p999, results.connections, results.capacity,
               results.expired, results.simulated_seconds_per_second,
               static_cast<double>(results.table_bytes) / results.connections) +
           machine_lines(results.machine);
}

}  // namespace shunt::bench
