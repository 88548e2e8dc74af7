// SPDX-License-Identifier: BSD-3-Clause
// shuntd: the command line of the daemon.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "ctl/daemon.h"
#include "ctl/log/log_setup.h"
#include "sched/registry.h"

namespace {

struct Options {
    std::string config = "/etc/shunt/shunt.conf";
    std::string socket;
    bool check = false;
    std::size_t verbose = 0;
};

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
        config.verbose = options.verbose;
        shunt::ctl::set_log_level(config.log_level, config.verbose);
        shunt::ctl::Daemon daemon(config);
        return daemon.run() ? 0 : 1;
    } catch (const std::exception& error) {
        shunt::ctl::report_start_failure(error.what());
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
    app.add_flag_function(
        "-v,--verbose",
        [&options](std::int64_t times) { options.verbose = static_cast<std::size_t>(times); },
        "write more into the log than log.level says; twice: still more");
    app.set_version_flag("--version", std::string("shuntd ") + SHUNT_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (options.check) return check(options);
    shunt::ctl::set_up_log();
    return serve(options);
}
