// SPDX-License-Identifier: BSD-3-Clause
// shuntd: the command line of the daemon.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "ctl/daemon.h"
#include "sched/registry.h"

namespace {

struct Options {
    std::string config = "/etc/shunt/shunt.conf";
    std::string socket;
    bool check = false;
};

/// A pipe shows lines as they come, without colours; the journal has time stamps of its own.
void set_up_log() {
    auto log = spdlog::stdout_color_mt("shuntd");
    log->set_pattern(std::getenv("JOURNAL_STREAM") != nullptr ? "%l: %v" : "%H:%M:%S.%e %l: %v");
    log->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(log);
}

int check(const Options& options) {
    try {
        shunt::ctl::load_config(options.config, shunt::scheduler_names());
        return 0;
    } catch (const shunt::ctl::ConfigError& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}

int serve(const Options& options) {
    try {
        auto config = shunt::ctl::load_config(options.config, shunt::scheduler_names());
        if (!options.socket.empty()) {
            config.socket_path = options.socket;
            config.socket_given = true;
        }
        spdlog::set_level(spdlog::level::from_str(config.log_level));
        shunt::ctl::Daemon daemon(config);
        return daemon.run() ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "shuntd: %s\n", error.what());
        return 1;
    }
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{
        "shuntd: a layer-4 load balancer on DPDK. Runs in the foreground until SIGTERM or SIGINT; "
        "shuntctl talks to it."};
    app.add_option("--config", options.config, "configuration file")->capture_default_str();
    app.add_option("--socket", options.socket, "control socket, instead of the configured one");
    app.add_flag(
        "--check", options.check,
        "only check the configuration: exit 0 when good, else 1 and FILE:LINE: key: reason");
    app.set_version_flag("--version", std::string("shuntd ") + SHUNT_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (options.check) return check(options);
    set_up_log();
    return serve(options);
}
