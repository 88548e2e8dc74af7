// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <functional>
#include <optional>
#include <ostream>

#include "shuntctl/rows.h"
#include "shuntctl/table.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

constexpr std::int64_t connections_a_page = 10000;

constexpr const char* examples = R"(Examples:
  shuntctl status
  shuntctl service add tcp 192.0.2.10:80 --scheduler wrr
  shuntctl dest add tcp 192.0.2.10:80 10.1.0.11:80 --weight 3
  shuntctl dest edit tcp 192.0.2.10:80 10.1.0.11:80 --weight 0    # no new connections
  shuntctl service list
  shuntctl conn list --limit 20
  shuntctl stats show --json | jq .total
  shuntctl ipvsadm -Ln

`shuntctl NOUN --help` lists the verbs of a noun, `shuntctl NOUN VERB --help` tells what a verb
takes. A noun alone shows: `shuntctl worker` is `shuntctl worker list`. --json prints what the
daemon answered. Exit status: 0 done, 1 refused by the daemon, 2 wrong usage, 3 daemon not
reachable.)";

std::string scaled(const json::value& row, std::string_view name) {
    return member_text(row, name) == "-" ? "-" : short_number(member_number(row, name));
}

std::string scaled(std::uint64_t count) {
    return short_number(static_cast<double>(count));
}

const json::value& part(const json::value& object, std::string_view name) {
    static const json::value none;
    const auto* members = object.if_object();
    const auto* value = members != nullptr ? members->if_contains(name) : nullptr;
    return value != nullptr ? *value : none;
}

std::string duration_text(double seconds) {
    const auto whole = static_cast<long long>(seconds);
    char text[64];
    std::snprintf(text, sizeof text, "%lldd %02lld:%02lld:%02lld", whole / 86400, whole / 3600 % 24,
                  whole / 60 % 60, whole % 60);
    return text;
}

// What a result looks like to a person.
std::string service_text(const json::value& result) {
    Table table({{"SERVICE / SERVER"},
                 {"METHOD"},
                 {"WEIGHT", Align::right},
                 {"ACTIVE", Align::right},
                 {"INACTIVE", Align::right},
                 {"CONNS", Align::right},
                 {"CONNS/S", Align::right}});
    for (const auto& service : service_rows(result)) {
        table.add({std::string(to_string(service.protocol)) + ' ' + to_string(service.address),
                   service.scheduler, "", "", "", scaled(service.stats.counts.connections),
                   short_number(service.stats.rates.connections)});
        for (const auto& server : service.servers)
            table.add({"  " + to_string(server.address), server.forward,
                       std::to_string(server.weight), scaled(server.active),
                       scaled(server.inactive), scaled(server.stats.counts.connections),
                       short_number(server.stats.rates.connections)});
    }
    return table.text();
}

std::string connection_text(const std::vector<ConnectionRow>& rows) {
    Table table({{"PROTO"},
                 {"CLIENT"},
                 {"SERVICE"},
                 {"SERVER"},
                 {"STATE"},
                 {"EXPIRES", Align::right},
                 {"WORKER", Align::right}});
    for (const auto& row : rows)
        table.add({std::string(to_string(row.protocol)), to_string(row.client),
                   to_string(row.destination), to_string(row.server), row.state,
                   std::to_string(row.expires), std::to_string(row.worker)});
    return table.text();
}

std::string drops_text(const json::value& drops) {
    const auto* reasons = drops.if_object();
    if (reasons == nullptr) return "";
    std::vector<std::pair<std::uint64_t, std::string>> sorted;
    for (const auto& reason : *reasons) {
        const auto count = member_count(drops, reason.key());
        if (count != 0) sorted.emplace_back(count, reason.key());
    }
    if (sorted.empty()) return "\nno packet was dropped\n";
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    Table table({{"DROPPED BECAUSE"}, {"PACKETS", Align::right}});
    for (const auto& [count, name] : sorted) table.add({name, std::to_string(count)});
    return '\n' + table.text();
}

std::string stats_text(const json::value& result) {
    const auto total = stats_row(part(result, "total"));
    Table table({{"TOTAL"}, {"COUNT", Align::right}, {"PER SECOND", Align::right}});
    const auto row = [&](const char* name, std::uint64_t count, double rate) {
        table.add({name, std::to_string(count), short_number(rate)});
    };
    const auto& [counts, rates] = total;
    row("connections", counts.connections, rates.connections);
    row("packets in", counts.packets_in, rates.packets_in);
    row("packets out", counts.packets_out, rates.packets_out);
    row("bytes in", counts.bytes_in, rates.bytes_in);
    row("bytes out", counts.bytes_out, rates.bytes_out);
    return table.text() + drops_text(part(result, "drops"));
}

std::string timeout_text(const json::value& result) {
    Table table({{"TIMEOUT"}, {"SECONDS", Align::right}});
    table.add({"tcp", member_text(result, "tcp")});
    table.add({"tcp after FIN", member_text(result, "tcp_fin")});
    table.add({"udp", member_text(result, "udp")});
    return table.text();
}

std::string worker_text(const json::value& result) {
    struct Field {
        const char* title;
        const char* name;
    };
    static constexpr Field fields[] = {
        {"RECEIVED", "received"},   {"FORWARD", "forwarded"}, {"TO-HOST", "to_host"},
        {"FROM-HOST", "from_host"}, {"HANDED", "handed_off"}, {"TAKEN", "taken_over"},
        {"HELD", "held"},           {"DROPPED", "dropped"},   {"CONNS", "connections"}};
    std::vector<Table::Column> columns = {
        {"WORKER", Align::right}, {"CPU", Align::right}, {"BUSY", Align::right}};
    for (const auto& field : fields) columns.push_back({field.title, Align::right});
    Table table(std::move(columns));
    for (const auto& row : member_rows(result, "workers")) {
        char busy[32];
        std::snprintf(busy, sizeof busy, "%.0f%%", 100 * member_number(row, "busy"));
        std::vector<std::string> cells = {member_text(row, "worker"), member_text(row, "cpu"),
                                          member_text(row, "busy") == "-" ? "-" : busy};
        for (const auto& field : fields) cells.push_back(scaled(row, field.name));
        table.add(std::move(cells));
    }
    return table.text();
}

std::string addresses_line(const json::value& port) {
    std::string line;
    for (const auto& address : member_rows(port, "addresses"))
        if (const auto* text = address.if_string()) line += ' ' + std::string(*text);
    return line.empty() ? "" : "    addresses:" + line + '\n';
}

std::string port_text(const json::value& result) {
    Table table({{"PORT"},
                 {"LINK"},
                 {"MAC"},
                 {"MTU", Align::right},
                 {"QUEUES", Align::right},
                 {"TWIN"},
                 {"RECEIVED", Align::right},
                 {"SENT", Align::right},
                 {"MISSED", Align::right},
                 {"ERRORS", Align::right}});
    std::string details;
    for (const auto& row : member_rows(result, "ports")) {
        const auto name = member_text(row, "port");
        table.add({name, member_text(row, "link"), member_text(row, "mac"), member_text(row, "mtu"),
                   member_text(row, "receive_queues") + '/' + member_text(row, "transmit_queues"),
                   member_text(row, "twin"), scaled(row, "received"), scaled(row, "sent"),
                   scaled(row, "missed"), scaled(row, "errors")});
        details += name + ": device " + member_text(row, "device") + ", steering " +
                   member_text(row, "steering") + '\n' + addresses_line(row);
    }
    return table.text() + (details.empty() ? "" : '\n' + details);
}

std::string status_text(const json::value& result) {
    Table table({{"STATUS"}, {"VALUE"}});
    const auto* members = result.if_object();
    if (members == nullptr) return json::serialize(result) + '\n';
    for (const auto& member : *members) {
        const std::string name(member.key());
        table.add({name, name == "uptime" ? duration_text(member_number(result, name))
                                          : member_text(result, name)});
    }
    return table.text();
}

std::string check_endpoint(const std::string& text) {
    return parse_endpoint(text) ? std::string()
                                : "\"" + text +
                                      "\" is not ADDRESS:PORT such as 192.0.2.10:80 or "
                                      "[2001:db8::10]:80";
}

/// The grammar and what it filled.
class Shuntctl {
  public:
    explicit Shuntctl(const ShuntctlWorld& world) : world_(world), socket_path_(world.socket_path) {
        app_.name("shuntctl");
        app_.require_subcommand(1);
        app_.fallthrough();
        app_.set_version_flag("--version", "shuntctl " SHUNT_VERSION);
        app_.add_option("--socket", socket_path_,
                        "the daemon's socket; default: $SHUNT_SOCKET, or /run/shunt/shunt.sock")
            ->type_name("PATH");
        app_.add_flag("--json", json_, "print the daemon's answer as JSON");
        add_services();
        add_servers();
        add_connections();
        add_counters();
        add_timeouts();
        add_machine();
        // Here for its line in the help: main() hands it to the other front end before.
        app_.add_subcommand("ipvsadm", "all commands of ipvsadm: shuntctl ipvsadm --help")
            ->callback([] {
                throw CLI::ValidationError("ipvsadm", "only --socket PATH may come before it");
            });
        app_.footer(examples);  // last: the nouns would inherit it
    }

    int run(const std::vector<std::string>& args) {
        try {
            app_.parse(std::vector<std::string>(args.rbegin(), args.rend()));
        } catch (const CLI::ParseError& error) {
            return app_.exit(error, world_.out, world_.err) == 0 ? status_done : status_usage;
        }
        try {
            const auto* const noun = app_.get_subcommands().front();
            const bool alone = noun->get_subcommands().empty();
            (alone ? of_noun_.at(noun) : of_verb_.at(noun->get_subcommands().front()))();
            return status_done;
        } catch (const Refused& refusal) {
            world_.err << "shuntctl: " << refusal.what() << '\n';
            return status_refused;
        } catch (const Unreachable& error) {
            world_.err << "shuntctl: " << error.what() << '\n';
            return status_unreachable;
        }
    }

  private:
    using Do = std::function<void()>;
    using Show = std::string (*)(const json::value& result);

    /// A noun; alone on the command line it does `alone`, or asks for a verb if that is empty.
    CLI::App* noun(const std::string& name, const std::string& help, Do alone) {
        auto* const app = app_.add_subcommand(name, help);
        app->require_subcommand(alone ? 0 : 1, 1);
        of_noun_[app] = std::move(alone);
        return app;
    }

    CLI::App* verb(CLI::App* noun, const std::string& name, const std::string& help, Do what) {
        auto* const app = noun->add_subcommand(name, help);
        of_verb_[app] = std::move(what);
        return app;
    }

    json::value call(std::string_view method, const json::object& params) {
        if (!call_) call_ = world_.connect(socket_path_);
        return call_(method, params);
    }

    /// Asks and prints; `show` is null for results that say nothing.
    Do ask(const char* method, Show show, std::function<json::object()> params = {}) {
        return [this, method, show, params] {
            const auto result = call(method, params ? params() : json::object());
            if (json_)
                world_.out << json::serialize(result) << '\n';
            else if (show != nullptr)
                world_.out << show(result);
        };
    }

    void take_service(CLI::App* app, bool required) {
        auto* const protocol = app->add_option("PROTOCOL", protocol_, "tcp or udp")
                                   ->check(CLI::IsMember({"tcp", "udp", "sctp"}))
                                   ->required(required);
        auto* const address = app->add_option("SERVICE", service_, "its ADDRESS:PORT")
                                  ->check(check_endpoint)
                                  ->required(required);
        address->type_name("ADDRESS:PORT");
        protocol->needs(address);
    }

    [[nodiscard]] json::object service_params() const {
        if (service_.empty()) return {};
        return {{"service", json::object{{"protocol", protocol_}, {"address", service_}}}};
    }

    [[nodiscard]] json::object scheduled_params() const {
        auto params = service_params();
        if (!scheduler_.empty()) params["scheduler"] = scheduler_;
        return params;
    }

    [[nodiscard]] json::object server_params() const {
        auto params = service_params();
        params["server"] = json::object{{"address", server_}};
        if (!forward_.empty()) params["forward"] = forward_;
        if (weight_) params["weight"] = *weight_;
        return params;
    }

    void add_services() {
        const auto named = [this] { return service_params(); };
        const auto scheduled = [this] { return scheduled_params(); };
        const auto list = ask("service.list", service_text, named);
        auto* const service = noun("service", "virtual services", list);
        take_service(verb(service, "list", "show all of them, or one", list), false);
        for (const auto& [name, method, help] :
             {std::tuple{"add", "service.add", "make a service"},
              std::tuple{"edit", "service.edit",
                         "change a service; what is not given becomes its "
                         "default"}}) {
            auto* const app = verb(service, name, help, ask(method, nullptr, scheduled));
            take_service(app, true);
            app->add_option("--scheduler", scheduler_, "rr, wrr, lc, wlc, ...; default wlc")
                ->type_name("NAME");
        }
        take_service(verb(service, "delete", "delete a service with its servers",
                          ask("service.delete", nullptr, named)),
                     true);
        verb(service, "flush", "delete every service", ask("service.flush", nullptr));
    }

    void add_servers() {
        const auto params = [this] { return server_params(); };
        auto* const dest = noun("dest", "the real servers of a service", {});
        for (const auto& [name, method, help] :
             {std::tuple{"add", "dest.add", "give a service another server"},
              std::tuple{"edit", "dest.edit",
                         "change a server; what is not given becomes its "
                         "default"},
              std::tuple{"delete", "dest.delete", "take a server from a service"}}) {
            auto* const app = verb(dest, name, help, ask(method, nullptr, params));
            take_service(app, true);
            app->add_option("SERVER", server_, "the server's ADDRESS:PORT")
                ->check(check_endpoint)
                ->required()
                ->type_name("ADDRESS:PORT");
            if (std::string_view(name) == "delete") continue;
            app->add_option("--forward", forward_, "nat, dr or tun; default nat")
                ->type_name("METHOD");
            app->add_option("--weight", weight_,
                            "share of the connections, 0: no new ones; default 1")
                ->check(CLI::NonNegativeNumber)
                ->type_name("NUMBER");
        }
    }

    void add_connections() {
        const auto list = [this] { list_connections(); };
        auto* const app = verb(noun("conn", "connections", list), "list", "show them", list);
        app->add_option("--limit", limit_, "at most so many, 0: all; default 1000")
            ->check(CLI::NonNegativeNumber)
            ->type_name("NUMBER");
    }

    void add_counters() {
        const auto show = ask("stats.get", stats_text);
        auto* const stats = noun("stats", "counters", show);
        verb(stats, "show", "totals, rates, and why packets were dropped", show);
        take_service(verb(stats, "zero", "set the counters to zero, of one service or of all",
                          ask("stats.zero", nullptr, [this] { return service_params(); })),
                     false);
    }

    void add_timeouts() {
        const auto show = ask("timeout.get", timeout_text);
        auto* const timeout = noun("timeout", "how long a silent connection is kept", show);
        verb(timeout, "show", "print them", show);
        auto* const set = verb(timeout, "set", "change those that are given",
                               ask("timeout.set", timeout_text, [this] { return timeouts_; }));
        for (const auto& [option, name, help] :
             {std::tuple{"--tcp", "tcp", "seconds, established TCP"},
              std::tuple{"--tcp-fin", "tcp_fin", "seconds, TCP after a FIN"},
              std::tuple{"--udp", "udp", "seconds, UDP"}})
            set->add_option_function<std::int64_t>(
                   option, [this, key = name](const std::int64_t& n) { timeouts_[key] = n; }, help)
                ->check(CLI::Range(std::int64_t{0}, std::int64_t{2678400}))
                ->type_name("SECONDS");
        set->require_option(1, 3);
    }

    void add_machine() {
        const auto workers = ask("worker.list", worker_text);
        verb(noun("worker", "worker threads", workers), "list", "show them", workers);
        const auto ports = ask("port.list", port_text);
        verb(noun("port", "network ports", ports), "list", "show them", ports);
        noun("status", "the daemon at a glance", ask("status.get", status_text));
    }

    /// Page by page; with --json a line for every page.
    void list_connections() {
        std::vector<ConnectionRow> rows;
        json::object params;
        for (std::int64_t left = limit_ != 0 ? limit_ : INT64_MAX; left > 0;) {
            params["limit"] = std::min(left, connections_a_page);
            const auto page = call("conn.list", params);
            if (json_) {
                world_.out << json::serialize(page) << '\n';
                left -= static_cast<std::int64_t>(member_rows(page, "connections").size());
            } else {
                const auto more = connection_rows(page);
                rows.insert(rows.end(), more.begin(), more.end());
                left -= static_cast<std::int64_t>(more.size());
            }
            const auto cursor = member_word(page, "cursor");
            if (cursor.empty()) break;
            params["cursor"] = cursor;
        }
        if (!json_) world_.out << connection_text(rows);
    }

    const ShuntctlWorld& world_;
    Call call_;
    CLI::App app_{"Operates shuntd, the Shunt load balancer."};
    std::map<const CLI::App*, Do> of_noun_;
    std::map<const CLI::App*, Do> of_verb_;

    std::string socket_path_;
    bool json_ = false;
    std::string protocol_;
    std::string service_;
    std::string scheduler_;
    std::string server_;
    std::string forward_;
    std::optional<std::int64_t> weight_;
    std::int64_t limit_ = 1000;
    json::object timeouts_;
};

}  // namespace

int run_shuntctl(const std::vector<std::string>& args, const ShuntctlWorld& world) {
    return Shuntctl(world).run(args);
}

}  // namespace shunt::cli
