// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <ostream>
#include <sstream>

#include "ctl/config_text.h"
#include "shuntctl/capture_args.h"
#include "shuntctl/capture_client.h"
#include "shuntctl/command_args.h"
#include "shuntctl/command_tables.h"
#include "shuntctl/command_tree.h"
#include "shuntctl/completion.h"
#include "shuntctl/config_text.h"
#include "shuntctl/drop_text.h"
#include "shuntctl/event_text.h"
#include "shuntctl/explain_text.h"
#include "shuntctl/import_command.h"
#include "shuntctl/nearest_word.h"
#include "shuntctl/progress.h"
#include "shuntctl/top.h"
#include "shuntctl/watch.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

constexpr std::int64_t connections_a_page = 10000;
constexpr std::int64_t most_rules = 65535;

/// What is no whole number is a text.
json::value number_or_text(const std::string& given) {
    std::int64_t number = 0;
    const char* const end = given.data() + given.size();
    const auto [read_to, error] = std::from_chars(given.data(), end, number);
    return error == std::errc{} && read_to == end ? json::value(number) : json::value(given);
}

/// The rules of a file as `mark list --json` prints them.
json::array rules_in(const std::string& path) {
    const auto fail = [&path](const std::string& why) {
        throw CLI::ValidationError("FILE", path + ' ' + why);
    };
    const std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file.is_open() || text.bad()) fail("cannot be read");
    boost::system::error_code error;
    const auto content = json::parse(text.str(), error);
    if (error) fail("is no JSON: " + error.message());
    const auto* const members = content.if_object();
    const auto* const rules = members != nullptr ? members->if_contains("rules") : nullptr;
    if (rules == nullptr || !rules->is_array())
        fail("is not as `shuntctl --json mark list` prints");
    return rules->get_array();
}

/// In the place of an old file there is either that or the whole new one.
void replace_file(const std::string& path, const std::string& text) {
    const std::string beside = path + ".new";
    std::ofstream file(beside, std::ios::trunc);
    file << text;
    file.close();
    if (!file || std::rename(beside.c_str(), path.c_str()) != 0)
        throw CLI::ValidationError("FILE", path + " cannot be written: " + std::strerror(errno));
}

/// "--watch" may stand without a value; "--watch 5" and "--watch tcp ..." are told apart by that.
std::vector<std::string> with_watch_value(const std::vector<std::string>& args) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < args.size(); ++i) {
        words.push_back(args[i]);
        if (args[i] != "--watch") continue;
        const bool number = i + 1 < args.size() && !args[i + 1].empty() &&
                            args[i + 1].find_first_not_of("0123456789.") == std::string::npos;
        words.back() += '=' + (number ? args[++i] : std::string("2"));
    }
    return words;
}

/// The parameter that a refusal blames, unless its sentence names it.
std::string blamed(const Refused& refusal) {
    const bool told = refusal.path().empty() ||
                      std::string_view(refusal.what()).find(refusal.path()) != std::string::npos;
    return told ? "" : " (" + refusal.path() + ')';
}

/// Does a message begin with FILE:LINE: ?
bool is_place(std::string_view message) {
    const auto end = message.find(": ");
    const auto colon = message.substr(0, end).rfind(':');
    if (end == message.npos || colon == message.npos || colon == 0 || colon + 1 == end)
        return false;
    const auto line = message.substr(colon + 1, end - colon - 1);
    return line.find_first_not_of("0123456789") == line.npos;
}

/// The words of an array, or the names of its objects.
std::vector<std::string> member_words(const json::value& result, std::string_view name) {
    std::vector<std::string> words;
    for (const auto& row : member_rows(result, name))
        words.push_back(row.is_string() ? std::string(row.get_string()) : member_word(row, "name"));
    return words;
}

/// The grammar and what it filled.
class Shuntctl {
  public:
    explicit Shuntctl(const ShuntctlWorld& world)
        : out_(world.out.rdbuf()),
          world_{world.socket_path, world.connect,  out_,        world.err,
                 world.terminal,    world.progress, world.listen},
          terminal_(world.terminal != nullptr ? *world.terminal : no_terminal_),
          socket_path_(world.socket_path) {
        auto& app = tree_.root();
        app.add_option("--socket", socket_path_,
                       "the daemon's socket; default: $SHUNT_SOCKET, or /run/shunt/shunt.sock")
            ->type_name("PATH");
        app.add_flag("--json", json_, "print the daemon's answer as JSON");
        app.add_option("--watch", watch_, "show again and again, every so many seconds; default 2")
            ->check(CLI::Range(0.1, 86400.0))
            ->type_name("[SECONDS]");
        app.set_version_flag("--version", "shuntctl " SHUNT_VERSION, "print the version");
        add_services();
        add_servers();
        add_connections();
        add_counters();
        add_timeouts();
        add_tunables();
        add_config();
        add_marks();
        add_apps();
        add_machine();
        add_packets();
        add_capture();
        add_events();
        add_top();
        add_completion();
        // Here for its line in the help: main() hands it to the other front end before.
        noun(
            "ipvsadm", "all commands of ipvsadm: shuntctl ipvsadm --help",
            [] { throw UsageError("shuntctl", "only --socket PATH may come before ipvsadm"); },
            "shuntctl ipvsadm -Ln");
    }

    int run(const std::vector<std::string>& args) {
        std::string where = "shuntctl";
        try {
            const auto choice = tree_.parse(with_watch_value(args));
            where = choice.where;
            if (watch_ == 0) {
                choice.action();
            } else if (choice.shows) {
                watch(choice.action);
            } else {
                throw UsageError(where, "--watch is for commands that show something");
            }
            return status_;
        } catch (const AskedForText& asked) {
            world_.out << asked.text;
            return status_done;
        } catch (const UsageError& error) {
            world_.err << error.where() << ": " << error.what() << "\nTry `" << error.where()
                       << " --help`.\n";
            return status_usage;
        } catch (const CLI::ParseError& error) {
            world_.err << where << ": " << error.what() << '\n';
            return status_usage;
        } catch (const Refused& refusal) {
            // The place in a file stands first, as other tools have it.
            if (!file_.empty() && is_place(refusal.what()))
                world_.err << refusal.what() << '\n';
            else
                world_.err << "shuntctl: " << refusal.what() << blamed(refusal) << meant(refusal)
                           << '\n';
            return status_refused;
        } catch (const ctl::ConfigError& error) {
            world_.err << error.what() << '\n';
            return status_refused;
        } catch (const Unreachable& error) {
            world_.err << "shuntctl: " << error.what() << '\n';
            return status_unreachable;
        }
    }

    [[nodiscard]] const CommandTree& tree() const noexcept { return tree_; }

  private:
    using Do = CommandTree::Do;
    /// What a result looks like in lines of so many characters; 0: as long as they are.
    using Show = std::function<std::string(const json::value& result, std::size_t width)>;

    CLI::App* noun(const std::string& name, const std::string& what, Do alone,
                   const std::string& example = "") {
        return tree_.noun(name, what, std::move(alone), example);
    }

    CLI::App* verb(CLI::App* noun, const std::string& name, const std::string& what, Do action,
                   const std::string& example = "") {
        return tree_.verb(noun, name, what, std::move(action), example);
    }

    json::value call(std::string_view method, const json::object& params) {
        if (!call_) call_ = world_.connect(socket_path_);
        return call_(method, params);
    }

    /// Asks and prints; `show` is null for results that say nothing, and may do without the width.
    template <class Shows>
    Do ask(const char* method, Shows shows, std::function<json::object()> params = {}) {
        Show show;
        if constexpr (std::is_invocable_v<Shows, const json::value&, std::size_t>)
            show = shows;
        else if constexpr (std::is_invocable_v<Shows, const json::value&>)
            show = [shows](const json::value& result, std::size_t) { return shows(result); };
        return [this, method, show, params] {
            const auto result = call(method, params ? params() : json::object());
            if (json_)
                world_.out << json::serialize(result) << '\n';
            else if (show)
                world_.out << show(result, width());
        };
    }

    /// Of the lines that fit; 0: all do.
    [[nodiscard]] std::size_t width() const {
        const auto size = terminal_.size();
        return size ? size->columns : 0;
    }

    /// What a command prints, into a text, again and again.
    void watch(const Do& action) {
        std::ostream real(out_.rdbuf());
        const auto frame = [&] {
            std::ostringstream text;
            auto* const before = out_.rdbuf(text.rdbuf());
            try {
                action();
            } catch (...) {
                out_.rdbuf(before);
                throw;
            }
            out_.rdbuf(before);
            return text.str();
        };
        const std::chrono::duration<double> every(watch_);
        run_watch({frame, [this] { call_ = nullptr; },
                   std::chrono::duration_cast<std::chrono::milliseconds>(every), real, world_.err,
                   terminal_});
    }

    /// The name that the daemon has and that is nearest to one that it does not know.
    std::string meant(const Refused& refusal) {
        if (refusal.errno_name() != "ENOENT") return {};
        std::vector<std::string> words;
        const bool scheduler = refusal.path() == "scheduler";
        try {
            if (scheduler)
                words = member_words(call("scheduler.list", {}), "schedulers");
            else if (refusal.path() == "name" && !tunable_.empty())
                words = member_words(call("tunable.list", {}), "tunables");
        } catch (const std::runtime_error&) {
            // The refusal has been told; more is not known.
        }
        return did_you_mean(scheduler ? service_options_.scheduler() : tunable_, words);
    }

    void add_services() {
        using Names = ServiceArgs::Names;
        const auto named = [this] { return service_.params(); };
        const auto list = ask("service.list", service_text, named);
        auto* const service = noun("service", "virtual services", list);
        service_.add_to(*verb(service, "list", "show all of them with their servers, or one", list,
                              "shuntctl service list tcp 192.0.2.10:80"),
                        Names::service_if_any);
        for (const auto& [name, method, help, example] :
             {std::tuple{"add", "service.add", "make a service",
                         "shuntctl service add tcp 192.0.2.10:80 --scheduler wrr"},
              std::tuple{"edit", "service.edit",
                         "change a service; what is not given becomes its default",
                         "shuntctl service edit tcp 192.0.2.10:80 --scheduler wrr --persistent "
                         "600"}}) {
            auto* const app = verb(service, name, help,
                                   ask(method, nullptr,
                                       [this] {
                                           auto params = service_.params();
                                           service_options_.put_into(params);
                                           return params;
                                       }),
                                   example);
            service_.add_to(*app, Names::service);
            service_options_.add_to(*app);
        }
        service_.add_to(*verb(service, "delete", "delete a service with its servers",
                              ask("service.delete", nullptr, named),
                              "shuntctl service delete tcp 192.0.2.10:80"),
                        Names::service);
        verb(service, "flush", "delete every service", ask("service.flush", nullptr),
             "shuntctl service flush");
    }

    void add_servers() {
        const auto params = [this] {
            auto all = service_.params();
            server_options_.put_into(all);
            return all;
        };
        auto* const dest = noun("dest", "the real servers of a service", {});
        for (const auto& [name, method, help, example] :
             {std::tuple{"add", "dest.add", "give a service another server",
                         "shuntctl dest add tcp 192.0.2.10:80 10.1.0.11:80 --weight 3"},
              std::tuple{"edit", "dest.edit",
                         "change a server; what is not given becomes its default",
                         "shuntctl dest edit tcp 192.0.2.10:80 10.1.0.11:80 --weight 0"},
              std::tuple{"delete", "dest.delete", "take a server from a service",
                         "shuntctl dest delete tcp 192.0.2.10:80 10.1.0.11:80"}}) {
            auto* const app = verb(dest, name, help, ask(method, nullptr, params), example);
            service_.add_to(*app, ServiceArgs::Names::service_and_server);
            if (std::string_view(name) != "delete") server_options_.add_to(*app);
        }
    }

    void add_connections() {
        const auto list = [this] { list_connections(); };
        auto* const conn =
            noun("conn", "connections, and the templates of persistent services", list);
        const auto filtered = [this](CLI::App* app) {
            service_.add_to(*app, ServiceArgs::Names::service_if_any);
            connection_filter_.add_to(*app);
            return app;
        };
        filtered(verb(conn, "list", "show them, or those that match all that is given", list,
                      "shuntctl conn list tcp 192.0.2.10:80 --client 198.51.100.0/24 --limit 20"))
            ->add_option("--limit", limit_, "at most so many, 0: all; default 1000")
            ->check(CLI::NonNegativeNumber)
            ->type_name("NUMBER");
        filtered(verb(conn, "count", "count them, or those that match",
                      ask("conn.count", tally_text, [this] { return connection_params(); }),
                      "shuntctl conn count --state SYN_RECV"));
        connection_name_.add_to(
            *verb(conn, "find", "show one",
                  ask("conn.find", found_text, [this] { return connection_name_.params(); }),
                  "shuntctl conn find tcp 198.51.100.7:40000 192.0.2.10:80"));
        filtered(verb(conn, "flush", "end those that match, or all",
                      ask("conn.flush", tally_text,
                          [this] {
                              auto params = connection_params();
                              if (all_) params["all"] = true;
                              return params;
                          }),
                      "shuntctl conn flush --server 10.1.0.11:80 --idle 60"))
            ->add_flag("--all", all_, "all of them; then nothing else may be given");
    }

    void add_counters() {
        const auto show = ask("stats.get", stats_text);
        auto* const stats = noun("stats", "counters", show);
        verb(stats, "show", "totals, rates, and why packets were dropped", show,
             "shuntctl stats show");
        service_.add_to(*verb(stats, "zero", "set the counters to zero, of one service or of all",
                              ask("stats.zero", nullptr, [this] { return service_.params(); }),
                              "shuntctl stats zero tcp 192.0.2.10:80"),
                        ServiceArgs::Names::service_if_any);
    }

    void add_timeouts() {
        const auto show = ask("timeout.get", timeout_text);
        auto* const timeout = noun("timeout", "how long a silent connection is kept", show);
        verb(timeout, "show", "print them", show, "shuntctl timeout show");
        auto* const set = verb(timeout, "set", "change those that are given",
                               ask("timeout.set", timeout_text, [this] { return timeouts_; }),
                               "shuntctl timeout set --tcp 3600 --udp 60");
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

    /// What becomes of packets: by asking, and by what became of some.
    void add_packets() {
        auto* const explain = noun("explain", "what would become of a packet, and why",
                                   ask("explain", explain_text,
                                       [this] {
                                           auto params = packet_.params();
                                           if (!by_port_.empty()) params["port"] = by_port_;
                                           if (packet_mark_ != 0) params["mark"] = packet_mark_;
                                           return params;
                                       }),
                                   "shuntctl explain tcp 198.51.100.7:40000 192.0.2.10:80");
        packet_.add_to(*explain);
        explain->add_option("--port", by_port_, "the port that it comes in by")->type_name("NAME");
        explain->add_option("--mark", packet_mark_, "its mark, in place of that of the rules")
            ->check(CLI::Range(std::int64_t{1}, std::int64_t{4294967295}))
            ->type_name("NUMBER");
        auto* const drops = noun(
            "drops", "the last packets that were dropped, by reason",
            [this] {
                json::object params;
                if (!drop_reason_.empty()) params["reason"] = drop_reason_;
                const auto result = call("drop.list", params);
                world_.out << (json_ ? json::serialize(result) + '\n' : drops_text(result, hex_));
            },
            "shuntctl drops no_destination --hex");
        drops->add_option("REASON", drop_reason_, "only those; `shuntctl stats` shows the reasons")
            ->type_name("");
        drops->add_flag("--hex", hex_, "with their first bytes");
    }

    void add_tunables() {
        const auto list = ask("tunable.list", tunables_text);
        auto* const tunable = noun("tunable", "what can be tuned while packets flow", list);
        verb(tunable, "list", "show all of them with their meaning", list, "shuntctl tunable list");
        const auto take_name = [this](CLI::App* app) {
            app->add_option("NAME", tunable_, "one of the names of the list")
                ->required()
                ->type_name("");
        };
        take_name(verb(tunable, "get", "show one",
                       ask("tunable.get", tunable_text,
                           [this] {
                               return json::object{{"name", tunable_}};
                           }),
                       "shuntctl tunable get conn_reuse_mode"));
        auto* const set =
            verb(tunable, "set", "change one",
                 ask("tunable.set", tunable_text,
                     [this] {
                         return json::object{{"name", tunable_}, {"value", number_or_text(value_)}};
                     }),
                 "shuntctl tunable set conn_reuse_mode 0");
        take_name(set);
        set->add_option("VALUE", value_, "a whole number in its range, or a text")
            ->required()
            ->type_name("");
    }

    void add_config() {
        auto* const config = noun("config", "the configuration of the daemon", {});
        auto* const save = verb(
            config, "save", "write a file that loads to the state of now",
            [this] { save_config(); }, "shuntctl config save now.conf");
        save->add_option("FILE", file_, "replaced as a whole; without it: standard output")
            ->type_name("");
        import_.add_to(*verb(
            config, "import", "make one of a configuration of ipvsadm or keepalived",
            [this] { status_ = import_.run(std::cin, world_.out, world_.err); },
            "shuntctl config import /etc/keepalived/keepalived.conf"));
        const auto take_file = [this](CLI::App* app) {
            app->add_option("FILE", file_, "a configuration file, with all that it includes")
                ->required()
                ->type_name("");
            return app;
        };
        const auto of_file = [this] { return config_params(file_); };
        take_file(verb(config, "apply",
                       "change the running daemon to what a file says, all at once",
                       ask("config.apply", config_diff_text,
                           [this] {
                               auto params = config_params(file_);
                               if (dry_run_) params["dry_run"] = true;
                               return params;
                           }),
                       "shuntctl config apply new.conf --dry-run"))
            ->add_flag("--dry-run", dry_run_, "only show what would change");
        take_file(verb(config, "diff", "show what `config apply` would change",
                       ask("config.diff", config_diff_text, of_file),
                       "shuntctl config diff new.conf"));
        take_file(verb(config, "check", "say what is wrong with a file",
                       ask("config.check", nullptr, of_file), "shuntctl config check new.conf"));
        verb(config, "reload", "apply the daemon's own file as it is now",
             ask("config.reload", config_diff_text), "shuntctl config reload");
    }

    void save_config() {
        const auto result = call("config.save", {});
        const auto text = member_word(result, "text");
        if (!file_.empty()) replace_file(file_, text);
        if (json_)
            world_.out << json::serialize(result) << '\n';
        else if (file_.empty())
            world_.out << text;
    }

    void add_marks() {
        const auto list = ask("mark.list", marks_text);
        auto* const mark =
            noun("mark", "rules that give packets marks; the first that matches decides", list);
        verb(mark, "list", "show the rules", list, "shuntctl mark list");
        auto* const add = verb(
            mark, "add", "add a rule, behind all others; what it does not name is any",
            [this] { insert_rule(); },
            "shuntctl mark add --mark 7 --destination 192.0.2.0/24 --protocol tcp "
            "--destination-ports 80");
        rule_.add_to(*add);
        add->add_option("--at", at_, "its place among the rules, 1 is the first")
            ->check(CLI::Range(std::int64_t{1}, most_rules))
            ->type_name("RULE");
        auto* const remove = verb(
            mark, "delete", "delete one rule", [this] { delete_rule(); }, "shuntctl mark delete 2");
        remove->add_option("RULE", at_, "its number in the list")
            ->check(CLI::Range(std::int64_t{1}, most_rules))
            ->required()
            ->type_name("");
        verb(
            mark, "clear", "delete every rule", [this] { set_rules({}); }, "shuntctl mark clear");
        verb(
            mark, "load", "replace all rules by those of a file",
            [this] { set_rules(rules_in(file_)); }, "shuntctl mark load rules.json")
            ->add_option("FILE", file_, "rules as `shuntctl --json mark list` prints them")
            ->required()
            ->type_name("");
    }

    void add_apps() {
        const auto list = ask("app.list", apps_text);
        auto* const app = noun("app", "applications that look into connections", list);
        verb(app, "list", "show them with their ports", list, "shuntctl app list");
        const auto params = [this] {
            json::object out{{"name", app_name_}};
            if (app_port_ != 0) out["port"] = app_port_;
            return out;
        };
        for (const auto& [name, method, help, port_help, example] :
             {std::tuple{"add", "app.add", "look into new connections to a port",
                         "port of a service; default: 21 of ftp, 69 of tftp",
                         "shuntctl app add ftp 2121"},
              std::tuple{"remove", "app.remove", "look into no more of them",
                         "the port; default: all of the application's",
                         "shuntctl app remove ftp 2121"}}) {
            auto* const change = verb(app, name, help, ask(method, nullptr, params), example);
            change->add_option("NAME", app_name_, "ftp or tftp")->required()->type_name("");
            change->add_option("PORT", app_port_, port_help)
                ->check(CLI::Range(std::int64_t{1}, std::int64_t{65535}))
                ->type_name("");
        }
    }

    void add_machine() {
        const auto schedulers = ask("scheduler.list", schedulers_text);
        verb(noun("scheduler", "what picks a server for a new connection", schedulers), "list",
             "show their names", schedulers, "shuntctl scheduler list");
        const auto workers = ask("worker.list", worker_text);
        verb(noun("worker", "worker threads", workers), "list", "show them", workers,
             "shuntctl worker list");
        const auto ports = ask("port.list", port_text);
        verb(noun("port", "network ports", ports), "list", "show them", ports,
             "shuntctl port list");
        noun("status", "the daemon at a glance", ask("status.get", status_text), "shuntctl status");
    }

    void add_top() {
        auto* const top = noun(
            "top", "live rates of services, servers or workers", [this] { show_top(); },
            "shuntctl top --view servers --sort inbps");
        top->add_option("--view", view_, "what to begin with; default services")
            ->check(one_of({"services", "servers", "workers"}))
            ->type_name("VIEW");
        top->add_option("--sort", top_.sort, "the column that orders it, such as cps or active")
            ->type_name("COLUMN");
        top->add_flag("--reverse", top_.reversed, "the other way round");
        top->add_option("--every", every_, "how often to look; default 2")
            ->check(CLI::Range(0.1, 86400.0))
            ->type_name("SECONDS");
        top->add_flag("--once", top_.once, "one table, of so many seconds, and no keys");
    }

    void show_top() {
        top_.view = view_ == "workers"   ? TopView::workers
                    : view_ == "servers" ? TopView::servers
                                         : TopView::services;
        top_.every = std::chrono::milliseconds(std::llround(every_ * 1000));
        top_.json = json_;
        try {
            run_top(top_, {[this] { return world_.connect(socket_path_); }, world_.out, world_.err,
                           terminal_});
        } catch (const std::invalid_argument& error) {
            throw CLI::ValidationError("--sort", error.what());
        }
    }

    void add_completion() {
        auto* const completion =
            noun("completion", "the script that completes words in a shell", {});
        for (const auto& [shell, example] :
             {std::pair{"bash", "shuntctl completion bash > /etc/bash_completion.d/shuntctl"},
              std::pair{"zsh",
                        "shuntctl completion zsh > /usr/local/share/zsh/site-functions/"
                        "_shuntctl"}})
            verb(
                completion, shell, std::string("print it, for ") + shell,
                [this, name = std::string(shell)] {
                    const auto script = completion_script(name);
                    if (json_)
                        world_.out << json::serialize(json::object{{"script", script}}) << '\n';
                    else
                        world_.out << script;
                },
                example);
    }

    void add_capture() {
        auto* const capture = noun(
            "capture", "packets before and after, for Wireshark", [this] { capture_packets(); },
            "shuntctl capture tcp 192.0.2.10:80 -w - | tshark -r -");
        captured_.add_to(*capture, CaptureArgs::For::capture);
        capture->add_option("-w,--write", file_, "the capture file; -: standard output")
            ->required()
            ->type_name("FILE");
        traced_.add_to(
            *noun(
                "trace", "what the stages decide about the next packets",
                [this] { run_trace(capture_world(world_.out), traced_.params(), json_); },
                "shuntctl trace --client 198.51.100.7 --packets 5"),
            CaptureArgs::For::trace);
    }

    CaptureWorld capture_world(std::ostream& out) {
        return {.call = [this](std::string_view method,
                               const json::object& params) { return call(method, params); },
                .out = out,
                .err = world_.err,
                .interrupted = was_interrupted};
    }

    void capture_packets() {
        if (file_ == "-") return run_capture(capture_world(world_.out), captured_.params());
        std::ofstream file(file_, std::ios::binary | std::ios::trunc);
        if (file) run_capture(capture_world(file), captured_.params());
        file.close();
        if (!file)
            throw CLI::ValidationError("--write",
                                       file_ + " cannot be written: " + std::strerror(errno));
    }

    void add_events() {
        auto* const events = noun(
            "events", "what happens, one line an event, until it is interrupted",
            [this] { print_events(); }, "shuntctl events server limit.reached");
        events
            ->add_option("KIND", kinds_,
                         "kinds of events: server.down, or server for all about servers; default: "
                         "all; the others are service, limit, defence and config")
            ->type_name("");
    }

    void print_events() {
        json::object params;
        if (!kinds_.empty()) params["kinds"] = json::array(kinds_.begin(), kinds_.end());
        world_.listen(socket_path_, params, [this](const json::object& event) {
            world_.out << (json_ ? json::serialize(event) : event_text(event)) << std::endl;
            return world_.out.good();
        });
    }

    json::object connection_params() const {
        json::object params;
        connection_filter_.put_into(params, service_);
        return params;
    }

    void set_rules(json::array rules) {
        ask("mark.set", nullptr, [&rules] { return json::object{{"rules", std::move(rules)}}; })();
    }

    json::array rules() {
        const auto result = call("mark.list", {});
        return member_rows(result, "rules");
    }

    // The daemon replaces rules only as a whole.
    void insert_rule() {
        auto all = rules();
        const auto place = at_ != 0 ? at_ - 1 : all.size();
        if (place > all.size()) fail_rule("--at", all.size());
        all.insert(all.begin() + place, rule_.rule());
        set_rules(std::move(all));
    }

    void delete_rule() {
        auto all = rules();
        if (at_ > all.size()) fail_rule("RULE", all.size());
        all.erase(all.begin() + (at_ - 1));
        set_rules(std::move(all));
    }

    [[noreturn]] static void fail_rule(const char* argument, std::size_t count) {
        throw CLI::ValidationError(argument, "there are " + std::to_string(count) + " rules");
    }

    /// Page by page; with --json a line for every page.
    void list_connections() {
        std::vector<ConnectionRow> rows;
        Progress progress(world_.err, world_.progress);
        json::object params = connection_params();
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
            progress.tell(std::to_string(rows.size()) + " connections");
            const auto cursor = member_word(page, "cursor");
            if (cursor.empty()) break;
            params["cursor"] = cursor;
        }
        progress.clear();
        if (!json_) world_.out << connection_text(rows, width());
    }

    std::ostream out_;  ///< to where the world's goes, or into the text of a watch
    ShuntctlWorld world_;
    Terminal no_terminal_;
    Terminal& terminal_;
    Call call_;
    CommandTree tree_;

    std::string socket_path_;
    bool json_ = false;
    double watch_ = 0;  ///< seconds; 0: not given
    TopOptions top_;
    std::string view_;
    double every_ = 2;  ///< seconds
    ServiceArgs service_;
    ServiceOptionArgs service_options_;
    ServerOptionArgs server_options_;
    ConnectionFilterArgs connection_filter_;
    ConnectionNameArgs connection_name_;
    bool all_ = false;
    MarkRuleArgs rule_;
    CaptureArgs captured_;
    CaptureArgs traced_;
    std::size_t at_ = 0;  ///< a rule's number; 0: not given
    std::string file_;
    bool dry_run_ = false;
    std::vector<std::string> kinds_;  ///< of events
    std::string app_name_;
    std::int64_t app_port_ = 0;  ///< 0: not given
    std::string tunable_;
    std::string value_;
    std::int64_t limit_ = 1000;
    json::object timeouts_;
    ImportArgs import_;
    ConnectionNameArgs packet_;
    std::string by_port_;
    std::int64_t packet_mark_ = 0;  ///< 0: not given
    std::string drop_reason_;
    bool hex_ = false;
    int status_ = status_done;
};

}  // namespace

int run_shuntctl(const std::vector<std::string>& args, const ShuntctlWorld& world) {
    if (!args.empty() && args.front() == "__complete") {
        const std::vector<std::string> words(args.begin() + 1, args.end());
        world.out << completion_lines(
            complete(Shuntctl(world).tree(), words, world.socket_path, world.connect));
        return status_done;
    }
    return Shuntctl(world).run(args);
}

std::vector<CommandInfo> shuntctl_commands(const ShuntctlWorld& world) {
    return Shuntctl(world).tree().commands();
}

}  // namespace shunt::cli
