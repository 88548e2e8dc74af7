// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/health_commands.h"

#include <CLI/CLI.hpp>

#include "shuntctl/health_text.h"

namespace shunt::cli {

namespace json = boost::json;

void CheckArgs::add_to(CLI::App& verb) {
    verb.add_flag("--off", off_, "end the checks of the service; nothing else is given then");
    verb.add_option("--type", type_,
                    "how servers are checked: a connection, a GET, or no ICMP error")
        ->check(one_of({"tcp", "http", "udp"}))
        ->type_name("TYPE");
    const auto number = [&verb](const char* option, std::optional<std::int64_t>& to,
                                std::int64_t least, std::int64_t most, const char* help,
                                const char* type = "NUMBER") {
        verb.add_option(option, to, help)->check(CLI::Range(least, most))->type_name(type);
    };
    number("--interval-ms", interval_, 100, 3'600'000,
           "from the begin of a check to that of the next; default 5000", "MILLISECONDS");
    number("--timeout-ms", timeout_, 10, 60'000, "how long a check may take; default 2000",
           "MILLISECONDS");
    number("--rise", rise_, 1, 100, "checks passed in a row that bring a server up; default 2");
    number("--fall", fall_, 1, 100, "checks failed in a row that take a server down; default 3");
    number("--port", port_, 1, 65535, "the port that is checked; default: the server's own");
    verb.add_option("--source", source_, "the address that checks come from")->type_name("ADDRESS");
    add_http_to(verb);
    verb.add_option("--initially", initially_, "what a new server is until checks tell; default up")
        ->check(one_of({"up", "down"}))
        ->type_name("STATE");
    verb.add_option("--all-down", all_down_,
                    "when every server is down: refuse new connections (default), or use all")
        ->check(one_of({"refuse", "use_all"}))
        ->type_name("WHAT");
}

void CheckArgs::add_http_to(CLI::App& verb) {
    verb.add_option("--path", path_, "http: what is asked for; default /")->type_name("PATH");
    verb.add_option("--host", host_, "http: the host of the request; default: the address")
        ->type_name("NAME");
    verb.add_option("--status", status_,
                    "http: the status of a server that is well; default 200-399")
        ->type_name("RANGE");
}

void CheckArgs::put_into(json::object& params) const {
    json::object check;
    put(check, "type", type_);
    put(check, "interval_ms", interval_);
    put(check, "timeout_ms", timeout_);
    put(check, "rise", rise_);
    put(check, "fall", fall_);
    put(check, "port", port_);
    put(check, "source", source_);
    put(check, "path", path_);
    put(check, "host", host_);
    put(check, "status", status_);
    put(check, "initially", initially_);
    put(check, "all_down", all_down_);
    if (off_ && !check.empty())
        throw CLI::ValidationError("--off", "ends the checks: nothing can be said of them");
    if (!off_ && type_.empty())
        throw CLI::ValidationError("--type", "is missing: tcp, http or udp; or give --off");
    params["check"] = off_ ? json::value(nullptr) : json::value(std::move(check));
}

void HealthCommands::add_to(CommandTree& tree) {
    using Names = ServiceArgs::Names;
    const auto list =
        context_.ask("health.list", health_text, [this] { return service_.params(); });
    auto* const health = tree.noun("health", "checks of real servers", list);
    service_.add_to(
        *tree.verb(health, "list", "show how checked servers are, or those of one service", list,
                   "shuntctl health list tcp 192.0.2.10:80"),
        Names::service_if_any);
    auto* const set = tree.verb(
        health, "set", "check the servers of a service; what is not given becomes its default",
        context_.ask("health.set", nullptr,
                     [this] {
                         auto params = service_.params();
                         check_.put_into(params);
                         return params;
                     }),
        "shuntctl health set tcp 192.0.2.10:80 --type http --path /health --interval-ms 2000");
    service_.add_to(*set, Names::service);
    check_.add_to(*set);
    auto* const force =
        tree.verb(health, "force", "hold a server up or down, whatever its checks say, or end that",
                  context_.ask("health.force", nullptr,
                               [this] {
                                   auto params = service_.params();
                                   put(params, "state", state_);
                                   return params;
                               }),
                  "shuntctl health force tcp 192.0.2.10:80 10.1.0.11:80 --state down");
    service_.add_to(*force, Names::service_and_server);
    force->add_option("--state", state_, "up, down, or auto: as its checks say")
        ->check(one_of({"up", "down", "auto"}))
        ->required()
        ->type_name("STATE");
}

}  // namespace shunt::cli
