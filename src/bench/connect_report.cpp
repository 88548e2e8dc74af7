// SPDX-License-Identifier: BSD-3-Clause
#include "bench/connect_report.h"

#include "bench/report_parts.h"
#include "bench/statistics.h"

namespace shunt::bench {

namespace {

namespace json = boost::json;
using Milliseconds = std::chrono::duration<double, std::milli>;
using Microseconds = std::chrono::duration<double, std::micro>;

/// Medians over the repeats; the iterations of all of them together.
struct Summary {
    double limit_mpps = 0;
    double rate = 0;  ///< connections a second
    double cycles = 0;
    double middle_cycles = 0;
    double ratio = 0;  ///< of the medians
    double making_ms = 0;
    double bytes_at_start = 0;
    double grown = 0;  ///< resident bytes a connection that came with the connections
    std::uint64_t beyond_limit = 0;
    std::uint64_t own_beyond_limit = 0;
    std::uint64_t uninterrupted_beyond_limit = 0;
};

Summary summarize(const Options& options, const ConnectResults& results) {
    Summary s;
    s.limit_mpps = median_of(results.runs, [](const Growth& g) { return g.limit.mpps(); });
    s.rate = median_of(results.runs, [](const Growth& g) { return g.connections_per_second(); });
    s.cycles = median_of(results.runs, [](const Growth& g) { return g.cycles_per_connection; });
    s.middle_cycles = median_of(results.runs, [](const Growth& g) { return g.middle_cycles; });
    s.ratio = s.rate / 1e6 / s.limit_mpps;
    s.making_ms =
        median_of(results.runs, [](const Growth& g) { return Milliseconds(g.making).count(); });
    s.bytes_at_start = median_of(
        results.runs, [](const Growth& g) { return static_cast<double>(g.bytes_at_start); });
    s.grown = median_of(results.runs, [&](const Growth& g) {
        return static_cast<double>(g.bytes_grown) / options.flows;
    });
    for (const Growth& g : results.runs) {
        s.beyond_limit += g.iterations.beyond_limit();
        s.own_beyond_limit += g.iterations.own_beyond_limit();
        s.uninterrupted_beyond_limit += g.iterations.uninterrupted_beyond_limit();
    }
    return s;
}

/// The iterations of all runs.
std::array<IterationTimes::Class, IterationTimes::class_count> all_iterations(
    const ConnectResults& results) {
    std::array<IterationTimes::Class, IterationTimes::class_count> sum{};
    for (const Growth& g : results.runs)
        for (std::size_t i = 0; i < sum.size(); ++i) {
            sum[i].elapsed += g.iterations.classes()[i].elapsed;
            sum[i].own += g.iterations.classes()[i].own;
            sum[i].with_faults += g.iterations.classes()[i].with_faults;
        }
    return sum;
}

double us(std::chrono::nanoseconds time) {
    return rounded(Microseconds(time).count());
}

json::object to_object(const Iteration& iteration) {
    return {{"elapsed_us", us(iteration.elapsed)},
            {"own_us", us(iteration.own)},
            {"page_faults", iteration.page_faults},
            {"interruptions", iteration.interruptions},
            {"connections", iteration.connections}};
}

json::object to_object(const Options& options, const Growth& g) {
    return {{"connections_per_second", std::round(g.connections_per_second())},
            {"cycles_per_connection", rounded(g.cycles_per_connection)},
            {"middle_cycles_per_connection", rounded(g.middle_cycles)},
            {"cpu_share", rounded(g.cpu_share)},
            {"limit_mpps", rounded(g.limit.mpps())},
            {"limit_cpu_share", rounded(g.limit.cpu_share)},
            {"ratio_to_limit", rounded(g.connections_per_second() / 1e6 / g.limit.mpps())},
            {"start_ms", rounded(Milliseconds(g.making).count())},
            {"resident_bytes_at_start", g.bytes_at_start},
            {"resident_bytes_per_connection",
             rounded(static_cast<double>(g.bytes_grown) / options.flows)},
            {"iterations", g.iterations.count()},
            {"interrupted", g.iterations.interrupted()},
            {"over_1ms", g.iterations.beyond_limit()},
            {"own_over_1ms", g.iterations.own_beyond_limit()},
            {"uninterrupted_over_1ms", g.iterations.uninterrupted_beyond_limit()},
            {"longest", to_object(g.iterations.longest())},
            {"longest_own", to_object(g.iterations.longest_own())},
            {"longest_uninterrupted", to_object(g.iterations.longest_uninterrupted())}};
}

json::array histogram(const ConnectResults& results) {
    json::array rows;
    const auto classes = all_iterations(results);
    for (std::size_t i = 0; i < classes.size(); ++i)
        if (classes[i].elapsed != 0 || classes[i].own != 0)
            rows.push_back(json::object{{"from_us", IterationTimes::begin_of(i)},
                                        {"elapsed", classes[i].elapsed},
                                        {"own", classes[i].own},
                                        {"with_page_faults", classes[i].with_faults}});
    return rows;
}

std::string run_lines(const ConnectResults& results) {
    std::string lines = fmt::format("{:>4} {:>9} {:>9} {:>9} {:>9} {:>7} {:>6}\n", "run",
                                    "M conn/s", "cycles", "middle", "L Mpps", "of L", "CPU");
    int number = 0;
    for (const Growth& g : results.runs)
        lines += fmt::format("{:>4} {:>9.2f} {:>9.1f} {:>9.1f} {:>9.2f} {:>6.1f}% {:>6.2f}\n",
                             ++number, g.connections_per_second() / 1e6, g.cycles_per_connection,
                             g.middle_cycles, g.limit.mpps(),
                             g.connections_per_second() / 1e4 / g.limit.mpps(), g.cpu_share);
    return lines;
}

std::string histogram_lines(const ConnectResults& results) {
    std::string lines = fmt::format("{:>12} {:>14} {:>14} {:>14}\n", "iterations", "by the clock",
                                    "by CPU time", "page faults");
    const auto classes = all_iterations(results);
    for (std::size_t i = 0; i < classes.size(); ++i)
        if (classes[i].elapsed != 0 || classes[i].own != 0)
            lines += fmt::format("{:>9} us {:>14} {:>14} {:>14}\n", IterationTimes::begin_of(i),
                                 classes[i].elapsed, classes[i].own, classes[i].with_faults);
    return lines;
}

using Pick = const Iteration& (IterationTimes::*)() const noexcept;

/// The longest of all runs by `time`.
std::string longest_line(const ConnectResults& results, std::string_view what, std::uint64_t beyond,
                         Pick pick, std::chrono::nanoseconds Iteration::*time) {
    const Iteration* longest = nullptr;
    for (const Growth& g : results.runs) {
        const Iteration& candidate = (g.iterations.*pick)();
        if (longest == nullptr || candidate.*time > longest->*time) longest = &candidate;
    }
    return fmt::format(
        "{:<14} {:>6} over 1 ms, longest {:.1f} us ({} page faults, {} interruptions, at "
        "connection {})\n",
        what, beyond, us(longest->*time), longest->page_faults, longest->interruptions,
        longest->connections);
}

std::string longest_lines(const ConnectResults& results, const Summary& s) {
    return longest_line(results, "by the clock:", s.beyond_limit, &IterationTimes::longest,
                        &Iteration::elapsed) +
           longest_line(results, "by CPU time:", s.own_beyond_limit, &IterationTimes::longest_own,
                        &Iteration::own) +
           longest_line(results, "uninterrupted:", s.uninterrupted_beyond_limit,
                        &IterationTimes::longest_uninterrupted, &Iteration::own);
}

}  // namespace

std::string to_json(const Options& options, const ConnectResults& results) {
    const Summary s = summarize(options, results);
    const auto bytes = static_cast<double>(results.table_bytes);
    json::object object{{"command", "connect"},
                        {"forward", to_string(options.method.forward)},
                        {"family", static_cast<int>(options.family)},
                        {"flows", options.flows},
                        {"packet_size", results.packet_size},
                        {"scheduler", options.scheduler},
                        {"connections_per_second", std::round(s.rate)},
                        {"cycles_per_connection", rounded(s.cycles)},
                        {"middle_cycles_per_connection", rounded(s.middle_cycles)},
                        {"limit_mpps", rounded(s.limit_mpps)},
                        {"ratio_to_limit", rounded(s.ratio)},
                        {"capacity", results.capacity},
                        {"bytes_per_connection", rounded(bytes / options.flows)},
                        {"bytes_per_connection_at_capacity", rounded(bytes / results.capacity)},
                        {"resident_bytes_per_connection", rounded(s.grown)},
                        {"resident_bytes_at_start", s.bytes_at_start},
                        {"start_ms", rounded(s.making_ms)},
                        {"over_1ms", s.beyond_limit},
                        {"own_over_1ms", s.own_beyond_limit},
                        {"uninterrupted_over_1ms", s.uninterrupted_beyond_limit},
                        {"histogram", histogram(results)}};
    if (options.method.forward == ForwardMethod::tunnel)
        object["tunnel"] = to_string(options.method.tunnel);
    json::array runs;
    for (const Growth& run : results.runs) runs.push_back(to_object(options, run));
    object["runs"] = std::move(runs);
    object["machine"] = to_object(results.machine);
    return json::serialize(object);
}

std::string to_table(const Options& options, const ConnectResults& results) {
    const Summary s = summarize(options, results);
    const auto bytes = static_cast<double>(results.table_bytes);
    return fmt::format("new connections, {} IPv{}, {} of {} that fit, {} bytes, scheduler {}\n",
                       method_words(options.method), static_cast<int>(options.family),
                       options.flows, results.capacity, results.packet_size, options.scheduler) +
           run_lines(results) +
           fmt::format("mid. {:>9.2f} {:>9.1f} {:>9.1f} {:>9.2f} {:>6.1f}%\n", s.rate / 1e6,
                       s.cycles, s.middle_cycles, s.limit_mpps, 100 * s.ratio) +
           histogram_lines(results) + longest_lines(results, s) +
           fmt::format(
               "memory: {:.0f} bytes a connection reserved, {:.0f} at capacity; resident {:.0f} MB "
               "at start, {:.0f} bytes more a connection\n"
               "start: {:.0f} ms\n",
               bytes / options.flows, bytes / results.capacity, s.bytes_at_start / 1e6, s.grown,
               s.making_ms) +
           machine_lines(results.machine);
}

}  // namespace shunt::bench
