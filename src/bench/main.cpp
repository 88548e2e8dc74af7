// SPDX-License-Identifier: BSD-3-Clause
// shunt-bench: the balancer's speed, measured in process on the objects that the daemon runs.
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "bench/churn_report.h"
#include "bench/churn_runs.h"
#include "bench/connect_report.h"
#include "bench/connect_runs.h"
#include "bench/machine.h"
#include "bench/options.h"
#include "bench/replay_report.h"
#include "bench/report.h"
#include "bench/report_folder.h"
#include "bench/runs.h"
#include "ctl/device/eal.h"

namespace {

using namespace shunt;
using namespace shunt::bench;

constexpr int status_failed = 1;
constexpr int status_usage = 2;

/// Packet buffers, rings and route tables; the tables of connections are not DPDK's.
constexpr std::uint32_t dpdk_memory_mb = 64;

/// What goes on, on a line of its own that the next one takes the place of.
class ProgressLine {
  public:
    void show(const std::string& text) {
        if (on_terminal_) std::fprintf(stderr, "\r\033[K%s", text.c_str());
    }
    ~ProgressLine() { show(""); }

  private:
    bool on_terminal_ = isatty(STDERR_FILENO) == 1;
};

ctl::Eal start_dpdk(const Options& options, std::uint32_t huge_mb, std::uint32_t ordinary_mb) {
    const auto pages = options.no_huge ? ctl::HugePages::off : ctl::HugePages::automatic;
    return ctl::Eal({.memory = ctl::choose_memory_mode(pages, huge_mb),
                     .memory_mb = ordinary_mb,
                     .workers = 0,
                     .worker_cpus = {},
                     .pci_devices = {}});
}

/// Files are read before anything is started.
std::string replay_capture(const Options& options) {
    ProgressLine line;
    const Progress progress = [&](const std::string& text) { line.show(text); };
    progress("reading the capture");
    const ReplayPlan plan = plan_replay(options);
    for (const std::string& warning : plan.warnings) {
        line.show("");
        std::fprintf(stderr, "shunt-bench: %s\n", warning.c_str());
    }
    const ctl::Eal eal =
        start_dpdk(options, plan.sizes.huge_memory_mb, plan.sizes.ordinary_memory_mb);
    stay_on_cpu(options.cpu);
    const ReplayResults results = replay(options, plan, progress);
    return options.json ? to_json(options, results) + "\n" : to_table(options, results);
}

std::string measure(const Options& options) {
    if (options.command == Options::Command::replay) return replay_capture(options);
    const ctl::Eal eal = start_dpdk(options, dpdk_memory_mb, dpdk_memory_mb);
    stay_on_cpu(options.cpu);
    ProgressLine line;
    const Progress progress = [&](const std::string& text) { line.show(text); };
    const auto report = [&](const auto& results) {
        if (!options.report.empty()) add_to_report(options.report, to_json(options, results));
        return options.json ? to_json(options, results) + "\n" : to_table(options, results);
    };
    switch (options.command) {
        case Options::Command::connect:
            return report(measure_connect(options, progress));
        case Options::Command::churn:
            return report(measure_churn(options, progress));
        case Options::Command::limit:
            return report(measure_limit(options, progress));
        case Options::Command::forward:
        case Options::Command::replay:
        case Options::Command::report:
            break;
    }
    return report(measure_forward(options, progress));
}

/// What was measured before, without an EAL.
std::string report_again(const Options& options) {
    write_report(options.report);
    if (!options.page.empty()) fill_page_file(options.page, options.report);
    return "";
}

}  // namespace

int main(int argc, char** argv) {
    try {
        std::string help;
        const auto options = parse_options({argv + (argc > 0 ? 1 : 0), argv + argc}, help);
        if (!options)
            std::fputs(help.c_str(), stdout);
        else if (options->command == Options::Command::report)
            std::fputs(report_again(*options).c_str(), stdout);
        else
            std::fputs(measure(*options).c_str(), stdout);
        return 0;
    } catch (const UsageError& error) {
        std::fprintf(stderr, "shunt-bench: %s\n", error.what());
        return status_usage;
    } catch (const std::bad_alloc&) {
        std::fputs("shunt-bench: no memory for so many flows\n", stderr);
        return status_failed;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "shunt-bench: %s\n", error.what());
        return status_failed;
    }
}
